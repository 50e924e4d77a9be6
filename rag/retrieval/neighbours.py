"""A passage whose first or last sentence was cut is read with the rest of it, from the passages beside it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rag.documents import Passage

_BEGINS = re.compile(r"[^\w]*(?:[^\W_a-zß-öø-ÿ]|\d)")
"""A text that begins as sentences, headings, items and rows do: with a capital or a number."""
_ENDS = re.compile(r"[.!?:;…|][^\w]*$")
_SENTENCE = re.compile(r"(?<=[.!?:;…])\s+|\n+")
ADDED_TOKENS_MAX = 60
"""For the rest of sentences, both sides together: a whole neighbour would cost 160 to 200 tokens, 1.6 s of reading."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A passage with the rest of its cut sentences; empty where nothing was cut, or the rest does not fit.

    `earlier` and `later` are the passages that the rest stands in, None where there is no rest.
    """

    passage: Passage
    before: str = ""
    after: str = ""
    earlier: Passage | None = None
    later: Passage | None = None

    @property
    def text(self) -> str:
        """What is read: the document's own words, in order."""
        return " ".join(part for part in (self.before, self.passage.chunk.text, self.after) if part)


def complete(
    passage: Passage, around: Iterable[Passage], count_tokens: Callable[[str], int], budget: int = ADDED_TOKENS_MAX
) -> Completed:
    """The passage with the rest of its cut sentences, `budget` tokens at most; a rest that does not fit is left.

    `around` are passages of its document, as DocumentStore.around gives them; nothing comes from under another heading.
    """
    beside = {other.chunk.ordinal: other for other in around if _is_same_section(passage, other)}
    earlier, later = (beside.get(passage.chunk.ordinal + step) for step in (-1, 1))
    before = _SENTENCE.split(earlier.chunk.text)[-1].strip() if earlier and _goes_on(earlier, passage) else ""
    after = _SENTENCE.split(later.chunk.text, maxsplit=1)[0].strip() if later and _goes_on(passage, later) else ""
    before = before if count_tokens(before) <= budget else ""
    left = budget - (count_tokens(before) if before else 0)
    after = after if count_tokens(after) <= left else ""
    return Completed(passage, before, after, earlier if before else None, later if after else None)


def _is_same_section(passage: Passage, other: Passage) -> bool:
    return other.document.id == passage.document.id and other.chunk.headings == passage.chunk.headings


def _goes_on(first: Passage, second: Passage) -> bool:
    """Whether a sentence was cut between two passages: inside a block, or where a page ends in one."""
    if _ENDS.search(first.chunk.text):
        return False
    return second.chunk.start == first.chunk.end or not _BEGINS.match(second.chunk.text)
