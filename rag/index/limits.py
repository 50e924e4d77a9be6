"""How much is compared one by one."""

EXACT_PASSAGES_MAX = 10_000
"""Up to so many vectors: 1 to 2 ms of a processor, and nothing missed."""
