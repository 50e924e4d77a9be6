"""An answer checked while it is written: text in, each sentence out with its support as soon as it has ended."""

import re
from collections.abc import Callable
from functools import cache

from rag.answering.alignment import Alignment
from rag.answering.answer import Checked, Citation, Reason, Sentence, Unsupported
from rag.answering.checking import Aligned, Numbering, check, plain, refusal_of
from rag.answering.sentences import boundaries

_OPEN_MARK = re.compile(r"\[[^\]\n]*$|\]\s?\([^)\n]*$|\]$|<[/!?a-z][^<>\n]{0,200}$", re.I)
"""A link, an image or a tag that has begun may reach over the end of a sentence; over the end of a line none does."""
_SETTLED = 2
"""What follows a boundary is known once two more letters are: an opening quote and a capital."""


class SentenceStream:
    """The sentences of one draft. Whatever the pieces it is fed in, the sentences are the same."""

    def __init__(self, align: Callable[[], Alignment], unsupported: Unsupported = Unsupported.MARK) -> None:
        """`align` takes the passages apart; it is called once, when the first sentence ends or by `prepare`."""
        self._align, self._unsupported = cache(align), unsupported
        self._rest = ""
        self._aligned: list[Aligned] = []
        self._sentences: list[Sentence] = []
        self._numbering = Numbering()
        self.withheld = 0

    def prepare(self) -> None:
        """Take the passages apart now: there is time while the model reads them."""
        self._align()

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """Those that have ended and may be shown."""
        return tuple(self._sentences)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What they are cited with, in the order of the numbers."""
        return self._numbering.citations

    @property
    def text(self) -> str:
        """The answer as far as it may be shown."""
        return " ".join(sentence.text for sentence in self._sentences)

    @property
    def draft(self) -> str:
        """All that was written and has ended, shown or not."""
        return " ".join(aligned.text for aligned in self._aligned)

    @property
    def refusal(self) -> Reason | None:
        """Why what was written is no answer, if it is none."""
        return refusal_of(self._aligned)

    def nearest_meant(self) -> Citation | None:
        """What a passage of another language says nearest to the question and what was written, if any does."""
        return self._align().nearest_meant(self.draft)

    def feed(self, text: str) -> list[Checked]:
        """The sentences that have ended with this piece of the draft."""
        self._rest += text
        start = 0
        found: list[Checked] = []
        for end, after in boundaries(self._rest):
            if after + _SETTLED > len(self._rest):
                break
            if "\n" not in self._rest[end:after] and _OPEN_MARK.search(self._rest[start:end]):
                continue
            found += self._checked(self._rest[start:end], self._rest[after:])
            start = after
        self._rest = self._rest[start:]
        return found

    def end(self) -> list[Checked]:
        """The last sentences, when no more comes."""
        rest, self._rest = self._rest, ""
        return self._checked(rest, "")

    def _checked(self, piece: str, rest: str) -> list[Checked]:
        return [each for aligned in check(plain(piece), self._align()) if (each := self._event(aligned, rest))]

    def _event(self, aligned: Aligned, rest: str) -> Checked | None:
        self._aligned.append(aligned)
        if self._unsupported is Unsupported.WITHHOLD and not aligned.is_grounded:
            self.withheld += 1
            return None
        known = len(self.citations)
        sentence = self._numbering.sentence(aligned)
        self._sentences.append(sentence)
        return Checked(sentence, self.citations[known:], rest if self._unsupported is Unsupported.MARK else "")
