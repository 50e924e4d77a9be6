"""Sentences and passages of another language, compared by vectors of what they mean and by all that both must write.

No word of a French sentence stands in an English passage, so words tell nothing. Vectors tell which sentence of the
passages is meant: the nearest is it for 95 % of 1,083 pairs of laws that are written in both. That it says the same
they tell only where it is clearly nearer than every other sentence that was read (the margin of Artetxe & Schwenk 2019,
"Margin-based Parallel Corpus Mining with Multilingual Sentence Embeddings"): at the same rate of wrong ones the cosine
alone finds half as many. Numbers, dates, names and polarity are not left to vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.answering.answer import Citation, Doubt, Support, Why
from rag.answering.claims import Claims, Place, leaves_out, places, unknown
from rag.answering.negations import denials
from rag.answering.numbers import is_same, names_unit
from rag.answering.opposites import opposite_across
from rag.answering.source import Source
from rag.retrieval.words import content_words

SAID = 0.97
"""Cosine and AHEAD times its lead that say the same (docs/evaluation.md tells how often wrong sentences reach it)."""
AHEAD = 2.0
RIVAL_MIN = 0.85
"""The cosine of a sentence of the same subject; the nearest must lead it too where few sentences are read."""
QUOTED = 0.9
"""As SAID, for what is quoted and not vouched for."""
TERSE = 3
"""So few content words mean anything: they are compared with no sentence."""
SENTENCES_MAX = 48
"""Sentences of the passages that are compared: 0.6 s of a core where all are long."""
_ENDINGS = (".", "!", "…", "»", '"', ")")
"""What a sentence that is no heading ends with."""


class Meanings(Protocol):
    """Gives vectors in which the same in two languages lies near."""

    def embed_meanings(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows (n, d) float32."""
        ...


@dataclass(frozen=True, slots=True)
class _Near:
    """The sentence nearest to a text: its passage and place, its cosine, and how surely it is meant."""

    source: Source
    place: int
    cosine: float
    sureness: float

    @property
    def around(self) -> tuple[int, ...]:
        """Its place and those beside it."""
        return tuple(at for at in (self.place, self.place - 1, self.place + 1) if 0 <= at < len(self.source.spans))


class Across:
    """The passages of an answer that are in another language. Their sentences are embedded when one is looked for."""

    def __init__(self, sources: Sequence[Source], meanings: Meanings) -> None:
        every = [(source, place) for source in sources for place in range(len(source.spans)) if source.stems[place]]
        self._said, self._meanings = every[:SENTENCES_MAX], meanings

    def check(self, text: str, claimed: Claims) -> Support | None:
        """The support of a sentence by the one that it means, or what that lacks of it; None where none is sure.

        Another sentence that holds every measure and date of it too may well say the same, and is no rival.
        """
        if len(set(content_words(text))) <= TERSE:
            return None
        near = self._nearest(text, claimed)
        if near is None or near.sureness < SAID:
            return None
        source, quoted = near.source, [near.place]
        lacking = unknown(claimed, source.held)
        for place in places(claimed, source.held):
            stands = next((at for at in near.around if _stands_in(place, source, at)), None)
            if stands is None or any(_has_another(place, claimed, source, at) for at in (near.place, stands)):
                lacking.append(place.why)
            else:
                quoted.append(stands)
        cite = source.cite(min(quoted), max(quoted))
        if contrary := _contrary(text, cite.quote):
            lacking.append(Why(Doubt.NEGATION, contrary))
        return Support(near.cosine, () if lacking else (cite,), tuple(lacking))

    def quote(self, question: str, draft: str) -> Citation | None:
        """The sentence that question and draft mean, with what follows where it is a heading; None where none is sure.

        The draft tells where the model read; it need not be right, for nothing of it is shown.
        """
        near = self._nearest(f"{question} {draft}")
        if near is None or near.sureness < QUOTED:
            return None
        announces = not _text(near.source, near.place).endswith(_ENDINGS)
        last = near.place + (announces and near.source.fits(near.place, near.place + 1))
        return near.source.cite(near.place, last)

    def _nearest(self, text: str, claimed: Claims | None = None) -> _Near | None:
        if not self._said:
            return None
        cosines = self._vectors @ self._meanings.embed_meanings([text])[0]
        best = int(cosines.argmax())
        said = _text(*self._said[best])
        others = (
            float(each)
            for each, at in zip(cosines, self._said, strict=True)
            if _text(*at) != said and not (claimed and _holds(*at, claimed))
        )
        rival = max((RIVAL_MIN, *others))
        cosine = float(cosines[best])
        return _Near(*self._said[best], cosine, cosine + AHEAD * (cosine - rival))

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        """The sentences that say something (n, d) float32."""
        return self._meanings.embed_meanings([_text(*at) for at in self._said])


def _holds(source: Source, sentence: int, claimed: Claims) -> bool:
    """Whether the sentence has all numbers and dates that are claimed, and a measure or a date is."""
    is_told = bool(claimed.dates) or any(number.unit for number in claimed.numbers)
    return is_told and all(_stands_in(place, source, sentence) for place in places(claimed, source.held))


def _stands_in(place: Place, source: Source, sentence: int) -> bool:
    """Whether the sentence has the number or date; the unit of a measure may stand away from it in the sentence."""
    number = place.number
    if sentence in place.sentences or number is None:
        return sentence in place.sentences
    has_unit = number.is_measure and names_unit(_text(source, sentence), number.unit)
    return has_unit and any(is_same(number, other) for other in source.held.numbers[sentence] if not other.unit)


def _has_another(place: Place, claimed: Claims, source: Source, sentence: int) -> bool:
    """Whether the sentence has another number of the kind that is not claimed: which is meant, no word tells."""
    return place.number is not None and leaves_out(claimed, place.number, source.held.numbers[sentence])


def _contrary(text: str, quote: str) -> str:
    """What of the text the quote has the contrary of: a word, or all of it where the one denies more than the other."""
    return opposite_across(text, quote) or ("" if denials(text) == denials(quote) else text)


def _text(source: Source, place: int) -> str:
    return source.cite(place, place).quote
