"""A passage of an answer taken apart once: what sentences of the answer are compared with."""

from dataclasses import dataclass

from rag.answering.answer import Citation, Language
from rag.answering.claims import Held, held
from rag.answering.sentences import split_sentences
from rag.documents import RankedPassage
from rag.retrieval.words import content_words, spoken

QUOTE_WORDS_MAX = 80


@dataclass(frozen=True, slots=True)
class Source:
    """A passage and the number it is cited by: its sentences as spans, their stems, everything it holds."""

    number: int
    item: RankedPassage
    language: Language
    spans: tuple[tuple[int, int], ...]
    stems: tuple[frozenset[str], ...]
    words: frozenset[str]
    held: Held

    def cite(self, first: int, last: int) -> Citation:
        """The sentences from `first` to `last` as a quote."""
        start, end = self.spans[first][0], self.spans[last][1]
        return Citation(self.number, self.item.passage, self.item.passage.chunk.text[start:end], start, end)

    def fits(self, first: int, last: int) -> bool:
        """Whether these are sentences of the passage and within a quote's bound."""
        if first < 0 or last >= len(self.spans):
            return False
        return len(self.item.passage.chunk.text[self.spans[first][0] : self.spans[last][1]].split()) <= QUOTE_WORDS_MAX

    def within(self, first: int, last: int) -> frozenset[str]:
        """The stems of these sentences."""
        return frozenset[str]().union(*self.stems[first : last + 1])


def source_of(number: int, item: RankedPassage, answered_in: Language) -> Source:
    """The passage as sentences of an answer in `answered_in` are compared with it."""
    chunk, title = item.passage.chunk, item.passage.document.title
    language = spoken(chunk.text) or answered_in
    spans = tuple(split_sentences(chunk.text))
    sentences = [chunk.text[start:end] for start, end in spans]
    stems = tuple(_stems(sentence, language) for sentence in sentences)
    above = (title, *chunk.headings)
    words = frozenset(content_words("\n".join(above), language)).union(*stems)
    return Source(number, item, language, spans, stems, words, held(sentences, chunk.text, above))


def _stems(sentence: str, language: Language) -> frozenset[str]:
    """What a sentence says; one that only asks says nothing."""
    return frozenset() if sentence.endswith("?") else frozenset(content_words(sentence, language))
