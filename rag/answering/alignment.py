"""Which passage supports a sentence of the answer, and where: checked after generation, not asked of the model."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.answering.answer import Citation, Language
from rag.answering.sentences import split_sentences
from rag.documents import RankedPassage
from rag.retrieval.words import content_words, fold, spoken

SUPPORTED = 0.5
"""Share of a sentence's words, weighted by rarity, that its passage must hold. Strict on numbers whatever the share."""
ALSO_SUPPORTED = 0.85
"""A second passage is cited only when it holds nearly the whole sentence too."""
QUOTE_WORDS_MAX = 80
WIDER = 0.1
"""A quote grows to a neighbouring sentence only when that adds a tenth of the answer's words to it."""
_NUMBER = re.compile(r"(?<!\d)\d{1,3}(?:[., ]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Support:
    """How well a sentence stands on its best passage (0 to 1), and what it may be cited with, best first."""

    score: float
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """A passage taken apart once: its sentences as spans, their stems, everything it holds, its numbers."""

    number: int
    item: RankedPassage
    language: Language
    spans: tuple[tuple[int, int], ...]
    stems: tuple[frozenset[str], ...]
    held: frozenset[str]
    numbers: frozenset[str]


class Alignment:
    """The passages of one answer, prepared once, so that each sentence is checked as it ends."""

    def __init__(self, passages: Sequence[RankedPassage], question: str, language: Language) -> None:
        self._sources = [_source(number, item, language) for number, item in enumerate(passages, 1)]
        self._question = {spoken: frozenset(content_words(question, spoken)) for spoken in Language}
        self._frequency = Counter(word for source in self._sources for stems in source.stems for word in stems)
        self._sentences = sum(len(source.stems) for source in self._sources)

    def check(self, text: str) -> Support:
        """The support of a sentence; `n` of a citation is the passage's place (from 1) until the answer renumbers it.

        A passage that lacks a number of the sentence never supports it.
        """
        asked = numbers(text)
        found = [self._place(source, text) for source in self._sources if asked <= source.numbers]
        places = sorted((place for place in found if place is not None), key=lambda place: -place[0])
        if not places:
            return Support(0.0, ())
        best = places[0][0]
        bounds = (SUPPORTED, max(ALSO_SUPPORTED, 0.95 * best))
        kept = [cite for (score, cite), bound in zip(places, bounds, strict=False) if score >= bound]
        return Support(best, tuple(kept) if best >= SUPPORTED else ())

    def _place(self, source: _Source, text: str) -> tuple[float, Citation] | None:
        """Score and quote of a sentence in one passage; None when it has nothing of its own to compare."""
        words = frozenset(content_words(text, source.language))
        news = words - self._question[source.language]
        if not source.spans or not (news or words & source.held):
            return None
        first, last = self._window(source, words)
        inside = frozenset[str]().union(*source.stems[first : last + 1])
        score = 0.5 * self._share(words, source.held) + 0.5 * self._share(words, inside)
        start, end = source.spans[first][0], source.spans[last][1]
        chunk = source.item.passage.chunk
        return score, Citation(source.number, source.item.passage, chunk.text[start:end], start, end)

    def _window(self, source: _Source, words: frozenset[str]) -> tuple[int, int]:
        """The sentence that holds most of the words, with neighbours that add to them, within the quote's bound."""
        first = last = max(range(len(source.spans)), key=lambda place: self._share(words, source.stems[place]))
        while True:
            have = frozenset[str]().union(*source.stems[first : last + 1])
            around = [(first - 1, last), (first, last + 1)]
            wider = [bounds for bounds in around if self._fits(source, *bounds)]
            gains = [(self._share(words, have.union(*source.stems[a : b + 1])), a, b) for a, b in wider]
            best = max(gains, default=(0.0, first, last))
            if best[0] < self._share(words, have) + WIDER:
                return first, last
            _, first, last = best

    @staticmethod
    def _fits(source: _Source, first: int, last: int) -> bool:
        if first < 0 or last >= len(source.spans):
            return False
        text = source.item.passage.chunk.text[source.spans[first][0] : source.spans[last][1]]
        return len(text.split()) <= QUOTE_WORDS_MAX

    def _share(self, words: Iterable[str], held: frozenset[str]) -> float:
        """The share of the words that is held, weighted by rarity among the passages' sentences: 0 to 1."""
        weights = {word: self._weight(word) for word in words}
        return sum(weight for word, weight in weights.items() if word in held) / (sum(weights.values()) or 1.0)

    def _weight(self, word: str) -> float:
        return math.log(1 + (self._sentences + 1) / (self._frequency[word] + 0.5))


def numbers(text: str) -> frozenset[str]:
    """Numbers as they compare: grouping removed, decimal comma a point, no zeros after the last decimal."""
    return frozenset(_plain(match.group()) for match in _NUMBER.finditer(fold(text)))


def _source(number: int, item: RankedPassage, answered_in: Language) -> _Source:
    chunk, title = item.passage.chunk, item.passage.document.title
    language = spoken(chunk.text) or answered_in
    spans = tuple(split_sentences(chunk.text))
    stems = tuple(frozenset(content_words(chunk.text[start:end], language)) for start, end in spans)
    above = content_words("\n".join((title, *chunk.headings)), language)
    return _Source(number, item, language, spans, stems, frozenset(above).union(*stems), numbers(chunk.text))


def _plain(number: str) -> str:
    joined = re.sub(r"[ ,.](?=\d{3}(?!\d))", "", number).replace(",", ".")
    return joined.rstrip("0").rstrip(".") if "." in joined else joined
