"""Which golds come first enough."""

from collections.abc import Collection, Iterable, Sequence

from rag.evaluating.question import Gold

DEPTH = 10


def recall(ranked: Sequence[str], golds: Collection[str], depth: int = DEPTH) -> float:
    """The share of golds among the first, 0 to 1; of no golds 0."""
    return len(set(golds) & set(ranked[:depth])) / len(golds) if golds else 0.0


def document_rank(ranked: Sequence[str], golds: Collection[str], depth: int = DEPTH) -> int | None:
    """The place, from 1, of the first document that is a gold; None where none is among the first."""
    return _first(doc in golds for doc in ranked[:depth])


def page_rank(ranked: Sequence[tuple[str, int | None]], golds: Collection[Gold], depth: int = DEPTH) -> int | None:
    """The same of a page."""
    return _first(any(gold.is_at(*page) for gold in golds) for page in ranked[:depth])


def _first(hits: Iterable[bool]) -> int | None:
    return next((rank for rank, is_hit in enumerate(hits, 1) if is_hit), None)
