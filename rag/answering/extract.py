"""What the documents themselves say to a question, where nothing that the model wrote stands in them: a quote."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.answering.answer import Citation, Language
from rag.answering.sentences import split_sentences
from rag.documents import RankedPassage
from rag.retrieval.words import content_words, spoken

ANSWERS_MIN = 0.44
"""Share of the question's words, weighted by rarity, that the quote and its title must hold (docs/evaluation.md)."""
LATER = 0.03
"""What each place further down the ranking costs a passage."""
LONGER = 0.05
"""What a second sentence costs."""
ECHO_MIN = 0.9
"""A sentence made of the question's words to this share says the question again: what follows it answers."""
ECHO_SENTENCES = 2
WORDS_MAX = 80
"""Of a quote."""


@dataclass(frozen=True, slots=True)
class _Sentences:
    """A passage's sentences as spans, their stems, and those of what stands above them."""

    number: int
    item: RankedPassage
    language: Language
    spans: tuple[tuple[int, int], ...]
    stems: tuple[frozenset[str], ...]
    above: frozenset[str]

    def cite(self, first: int, last: int) -> Citation:
        start, end = self.spans[first][0], self.spans[last][1]
        return Citation(self.number, self.item.passage, self.item.passage.chunk.text[start:end], start, end)

    def asks(self, place: int, question: str) -> bool:
        """Whether a sentence only asks, or is made of the question's words, as titles of questions and answers are."""
        stems, wanted = self.stems[place], frozenset(content_words(question, self.language))
        is_echo = bool(stems) and len(stems & wanted) >= ECHO_MIN * max(len(stems), len(wanted))
        return is_echo or self.cite(place, place).quote.rstrip().endswith("?")

    def words(self, first: int, last: int) -> int:
        return len(self.cite(first, last).quote.split())


def nearest_quote(
    question: str, passages: Sequence[RankedPassage], language: Language, draft: str = ""
) -> Citation | None:
    """The one or two sentences that hold most of the question, or what follows where they only say it again.

    Where too little of the question stands there, those that hold most of the question and of what the model wrote
    (`draft`): it tells where the model read. None where too little stands there, too.
    """
    read = [_taken_apart(number, item, language) for number, item in enumerate(passages, 1)]
    weigh = _Weights(read)
    found = _nearest(question, read, weigh) or (_nearest(f"{question}\n{draft}", read, weigh) if draft else None)
    return _answering(question, *found) if found else None


def quote_of_each(question: str, passages: Sequence[RankedPassage], language: Language) -> tuple[Citation, ...]:
    """Of each passage the one or two sentences that hold most of the question, however little: where to read it."""
    read = [_taken_apart(number, item, language) for number, item in enumerate(passages, 1)]
    weigh = _Weights(read)
    cited: list[Citation] = []
    for windows in (_scored(question, [each], weigh) for each in read):
        if windows:
            _, each, first, last = max(windows, key=lambda item: item[0])
            cited.append(_answering(question, each, first, last) or each.cite(first, last))
    return tuple(cited)


def _nearest(wanted: str, read: Sequence[_Sentences], weigh: "_Weights") -> "tuple[_Sentences, int, int] | None":
    """The window that holds most of these words; None where it holds too few."""
    found = max(_scored(wanted, read, weigh), key=lambda item: item[0], default=None)
    return found[1:] if found and found[0] >= ANSWERS_MIN else None


def _scored(wanted: str, read: Sequence[_Sentences], weigh: "_Weights") -> list[tuple[float, _Sentences, int, int]]:
    """Every window, with how much of these words it holds."""
    return [
        (weigh.share(words, stems | each.above) - LATER * place - LONGER * (last - first), each, first, last)
        for place, each in enumerate(read)
        for words in (frozenset(content_words(wanted, each.language)),)
        for first, last, stems in _windows(each)
    ]


def _answering(question: str, best: _Sentences, first: int, last: int) -> Citation | None:
    """The window, or what follows it where it only says the question again; None where nothing follows."""
    asks_again = first
    while asks_again < len(best.spans) and best.asks(asks_again, question):
        asks_again += 1
    if asks_again > first:
        first, last = asks_again, min(asks_again + ECHO_SENTENCES, len(best.spans)) - 1
    if first > last:
        return None
    while last > first and best.words(first, last) > WORDS_MAX:
        last -= 1
    return best.cite(first, last)


class _Weights:
    """Words by their rarity among the sentences read."""

    def __init__(self, read: Sequence[_Sentences]) -> None:
        self._frequency = Counter(word for each in read for stems in each.stems for word in stems)
        self._sentences = sum(len(each.stems) for each in read)

    def share(self, words: Iterable[str], held: frozenset[str]) -> float:
        weights = {word: math.log(1 + (self._sentences + 1) / (self._frequency[word] + 0.5)) for word in words}
        return sum(weight for word, weight in weights.items() if word in held) / (sum(weights.values()) or 1.0)


def _taken_apart(number: int, item: RankedPassage, answered_in: Language) -> _Sentences:
    chunk = item.passage.chunk
    language = spoken(chunk.text) or answered_in
    spans = tuple(split_sentences(chunk.text))
    stems = tuple(frozenset(content_words(chunk.text[start:end], language)) for start, end in spans)
    above = frozenset(content_words("\n".join((item.passage.document.title, *chunk.headings)), language))
    return _Sentences(number, item, language, spans, stems, above)


def _windows(each: _Sentences) -> Iterable[tuple[int, int, frozenset[str]]]:
    for place, stems in enumerate(each.stems):
        yield place, place, stems
        if place + 1 < len(each.stems) and each.words(place, place + 1) <= WORDS_MAX:
            yield place, place + 1, stems | each.stems[place + 1]
