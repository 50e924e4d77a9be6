"""The passages that share words with the question."""

from collections.abc import Sequence

from rag.index.memory import MemoryIndex
from rag.retrieval.filters import Sieve
from security.access import Grant

CANDIDATES = 50
"""Taken from each collection, as many as of the nearest vectors."""


def search_lexical(
    index: MemoryIndex, narrowed: Sequence[tuple[Grant, Sieve | None]], question: str
) -> list[dict[str, float]]:
    """Passage ids with BM25, best first, by collection; those that come through."""
    return [index.search_lexical(grant, question, CANDIDATES, sieve) for grant, sieve in narrowed]
