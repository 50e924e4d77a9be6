"""Near-duplicates among passages: each text is read once. For what is read, never for what is ranked."""

from collections.abc import Sequence

from rag.documents import RankedPassage
from rag.retrieval.words import content_words

DEPTH = 20
"""Passages compared with each other; further ones are not read."""
CONTAINED_MIN = 0.85
"""Share of a passage's words that an earlier one holds, from which on it says nothing new. A judgement, not fitted."""
_WORDS_MIN = 8
"""Passages of fewer words are kept: rows and short notes share their words by chance."""


def collapse(ranked: Sequence[RankedPassage]) -> tuple[tuple[RankedPassage, ...], tuple[RankedPassage, ...]]:
    """Those that say something new, in their order, and those of the first DEPTH that an earlier one holds already.

    A number that the earlier one lacks makes a passage new: a form of another year is no duplicate.
    """
    kept: list[RankedPassage] = []
    left_out: list[RankedPassage] = []
    held: list[frozenset[str]] = []
    for item in ranked[:DEPTH]:
        words = frozenset(content_words(item.passage.chunk.text))
        if any(_is_held(words, other) for other in held):
            left_out.append(item)
        else:
            kept.append(item)
            held.append(words)
    return (*kept, *ranked[DEPTH:]), tuple(left_out)


def _is_held(words: frozenset[str], other: frozenset[str]) -> bool:
    new = words - other
    if len(words) < _WORDS_MIN or any(any(map(str.isdigit, word)) for word in new):
        return False
    return len(new) <= (1 - CONTAINED_MIN) * len(words)
