"""Which passage supports a sentence of the answer, and where: checked after generation, not asked of the model."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.answer import Citation, Sentence
from rag.answering.sentences import split_sentences
from rag.documents import RankedPassage
from rag.retrieval.words import content_words, fold, language_of

SUPPORTED = 0.5
"""Share of a sentence's words, weighted by rarity, that its passage must hold. Strict on numbers whatever the share."""
QUOTE_WORDS_MAX = 80
_NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f ]\d{3})*(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class _Place:
    score: float
    passage: int
    start: int
    end: int


class Alignment:
    """The passages of one answer, prepared once, so that each sentence is checked as it ends."""

    def __init__(self, passages: Sequence[RankedPassage], question: str) -> None:
        self._passages = passages
        self._language = language_of("\n".join(item.passage.chunk.text for item in passages) or question)
        self._spans = [
            (index, start, end)
            for index, item in enumerate(passages)
            for start, end in split_sentences(item.passage.chunk.text)
        ]
        self._words = [set(self._stems(self._text(index)[start:end])) for index, start, end in self._spans]
        self._held = [
            set(self._stems(f"{item.passage.document.title}\n{item.passage.chunk.text}")) for item in passages
        ]
        self._question = set(self._stems(question))
        self._frequency = Counter(word for words in self._words for word in words)

    def check(self, text: str) -> tuple[Sentence, Citation | None]:
        """The sentence with its citation; `n` is the passage's place (from 1) until the answer renumbers it."""
        words = self._stems(text)
        place = self._best(set(words), text)
        if place is None:
            return Sentence(text, (), supported=False), None
        passage = self._passages[place.passage].passage
        quote = passage.chunk.text[place.start : place.end]
        number = place.passage + 1
        return Sentence(text, (number,), supported=True), Citation(number, passage, quote, place.start, place.end)

    def _best(self, words: set[str], text: str) -> _Place | None:
        """The best supporting place, or None below the bound or when a number is missing from the passage."""
        news = words - self._question
        if not news and not words & set(self._frequency):
            return None
        asked = numbers(text)
        places = [
            _Place(self._support(words, held, own), index, start, end)
            for (index, start, end), own in zip(self._spans, self._words, strict=True)
            if asked <= numbers(self._text(index)) and (held := self._held[index]) is not None
        ]
        best = max(places, key=lambda place: place.score, default=None)
        return best if best and best.score >= SUPPORTED else None

    def _support(self, words: set[str], held: set[str], own: set[str]) -> float:
        """Coverage by the passage, with the sentence's own share to choose the place: 0 to 1."""
        total = sum(self._weight(word) for word in words) or 1.0
        whole = sum(self._weight(word) for word in words & held) / total
        inside = sum(self._weight(word) for word in words & own) / total
        return 0.5 * whole + 0.5 * inside

    def _weight(self, word: str) -> float:
        return math.log(1 + (len(self._spans) + 1) / (self._frequency[word] + 0.5))

    def _text(self, index: int) -> str:
        return self._passages[index].passage.chunk.text

    def _stems(self, text: str) -> list[str]:
        return content_words(text, self._language)


def numbers(text: str) -> frozenset[str]:
    """Numbers as they compare: grouping removed, decimal comma a point."""
    return frozenset(_plain(match.group()) for match in _NUMBER.finditer(fold(text)))


def _plain(number: str) -> str:
    joined = re.sub(r"[\u00a0\u202f ,.](?=\d{3}(?!\d))", "", number)
    return joined.replace(",", ".")
