"""How often there is no answer: where there should be none, and where there should be one."""

from collections.abc import Iterable


def refusal_rate(refused: Iterable[bool]) -> float | None:
    """The share that was refused, 0 to 1; None of nothing."""
    counted = list(refused)
    return sum(counted) / len(counted) if counted else None
