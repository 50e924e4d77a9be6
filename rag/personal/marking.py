"""Chunks marked at loading with the identifiers that they hold."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace

from rag.documents import Chunk
from rag.personal.finding import find
from rag.personal.kinds import Identifiers, counted


def marked(text: str, chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
    """The chunks of a text, each with what stands in it. What a cut goes through is marked on both of its sides."""
    spans = find(text)
    starts, ends = [span.start for span in spans], [span.end for span in spans]
    return tuple(
        replace(
            chunk,
            identifiers=tuple(
                span.moved(-chunk.start)
                for span in spans[bisect_right(ends, chunk.start) : bisect_left(starts, chunk.end)]
            ),
        )
        for chunk in chunks
    )


def identifiers_of(chunks: Sequence[Chunk]) -> Identifiers | None:
    """What a document's chunks hold together, each identifier once; None where one of them was never looked at."""
    if any(chunk.identifiers is None for chunk in chunks):
        return None
    found = {span.moved(chunk.start) for chunk in chunks for span in chunk.identifiers or ()}
    return Identifiers(counted(found), sum(bool(chunk.identifiers) for chunk in chunks))
