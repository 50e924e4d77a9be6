"""Sentences of a document that say most of it, found without a model (after SumBasic and centroid summaries)."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.answering.sentences import split_sentences
from rag.documents import Passage
from rag.retrieval.words import content_words, language_of

WORDS_MIN = 6
"""Shorter sentences are headings, labels and cells."""
WORDS_MAX = 60


@dataclass(frozen=True, slots=True)
class Extract:
    """A sentence of a passage, by its place in it, with its stems."""

    passage: Passage
    start: int
    end: int
    words: frozenset[str]

    @property
    def text(self) -> str:
        """The sentence."""
        return self.passage.chunk.text[self.start : self.end]


class Centre:
    """What a document is about: its words, by how many of its passages hold them, stemmed in its language."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.language = language_of("\n".join(passage.chunk.text for passage in passages))
        self._frequency = Counter(word for passage in passages for word in self.words(passage.chunk.text))

    def words(self, text: str) -> frozenset[str]:
        """The stems of a text."""
        return frozenset(content_words(text, self.language))

    def near(self, words: frozenset[str]) -> float:
        """How much of what it is about a sentence says: 0 and up, long sentences not favoured."""
        shared = sum(math.log(self._frequency[word]) for word in words if word in self._frequency)
        return shared / math.sqrt(len(words) or 1)

    def best(self, passages: Sequence[Passage]) -> Extract | None:
        """The sentence of these passages that says most; None where none is one."""
        return max(self.sentences(passages), key=lambda extract: self.near(extract.words), default=None)

    def sentences(self, passages: Iterable[Passage]) -> list[Extract]:
        """The sentences of passages that are long enough to say something."""
        return [
            Extract(passage, start, end, self.words(passage.chunk.text[start:end]))
            for passage in passages
            for start, end in split_sentences(passage.chunk.text)
            if WORDS_MIN <= len(passage.chunk.text[start:end].split()) <= WORDS_MAX
        ]
