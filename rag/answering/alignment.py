"""Which passage supports a sentence of the answer, and where: checked after generation, not asked of the model."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from rag.answering.across import Across, Meanings
from rag.answering.answer import Citation, Doubt, Language, Support, Why
from rag.answering.claims import (
    Claims,
    Place,
    claims,
    is_rivalled,
    places,
    repeated,
    unknown,
    without_files,
)
from rag.answering.computing import asked, operands
from rag.answering.figures import Figure, figures_of
from rag.answering.forms import misread
from rag.answering.names import names
from rag.answering.negations import reversal
from rag.answering.numbers import Number
from rag.answering.opposites import is_reply, opposite
from rag.answering.parts import parts
from rag.answering.rivals import Ground, asked_in
from rag.answering.source import Source, source_of
from rag.documents import RankedPassage
from rag.retrieval.words import content_words, spoken

SUPPORTED = 0.5
"""Share of a sentence's words, weighted by rarity, that its passage must hold. Strict on claims whatever the share."""
TERSE, ABOUT = 3, 0.3
"""So few words stand anywhere: the passage must also hold this share of theirs and the question's together."""
ALSO_SUPPORTED = 0.85
"""A second document is cited only when it holds nearly the whole sentence too."""
NEARLY_AS_GOOD = 0.05
"""Of passages that hold a sentence this nearly as well, the one that the search ranked higher is cited."""
SAID = 0.75
"""Sentences that hold this share of the words say the same; their number is not overruled by one beside them."""
WIDER = 0.1
"""A quote grows to a neighbouring sentence only when that adds a tenth of the answer's words to it."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """How a sentence stands on one passage: its score, the quotes that hold its claims, and what it lacks."""

    score: float
    source: Source
    citations: tuple[Citation, ...]
    why: tuple[Why, ...]

    @property
    def supports(self) -> bool:
        return not self.why and self.score >= SUPPORTED


class Alignment:
    """The passages of one answer, prepared once, so that each sentence is checked as it ends."""

    def __init__(
        self,
        passages: Sequence[RankedPassage],
        question: str,
        language: Language,
        meanings: Meanings | None = None,
    ) -> None:
        """Where `meanings` are given, a sentence that no passage has the words of may be said in another language."""
        self._sources = [source_of(number, item, language) for number, item in enumerate(passages, 1)]
        self._question = {spoken: frozenset(content_words(question, spoken)) for spoken in Language}
        self._frequency = Counter(word for source in self._sources for stems in source.stems for word in stems)
        self._sentences = sum(len(source.stems) for source in self._sources)
        self._asked = cache(partial(asked_in, without_files(question)))
        self._figures = cache(self._figures_of)
        self._spoken, self._language = spoken(question), language
        self._across = cache(partial(self._in_other, meanings)) if meanings else None
        self._text, self._wanted = question, asked(question)
        named = (name.folded for name in names(question) if not name.is_first)
        self._capitalised = frozenset(named).union(*(source.held.known.names for source in self._sources))

    def check(self, text: str) -> Support:
        """The support of a sentence; `n` of a citation is the passage's place (from 1) until the answer renumbers it.

        A passage that lacks a number, date or name of the sentence never supports it, nor one that says the contrary.
        A sentence that joins several statements may stand on several passages, each statement whole on one.
        """
        found = self._by_words(text)
        if found.citations or self._across is None:
            return found
        return self._across(spoken(text) or self._language).check(text, self._claims(text)) or found

    def nearest_meant(self, draft: str) -> Citation | None:
        """What a passage of another language says nearest to question and draft; None where it is not sure."""
        return self._across(self._language).quote(self._text, draft) if self._across else None

    def _in_other(self, meanings: Meanings, language: Language) -> Across:
        return Across([source for source in self._sources if source.language is not language], meanings)

    def _claims(self, text: str) -> Claims:
        return claims(without_files(text), self._capitalised)

    def _by_words(self, text: str) -> Support:
        """The support of a sentence whose words the passages hold."""
        whole = self._whole(text)
        if whole.citations or not (pieces := parts(text)):
            return whole
        supports = [self._whole(piece) for piece in pieces]
        if any(each.why or not each.citations for each in supports):
            return whole
        cites = {(cite.n, cite.start, cite.end): cite for each in supports for cite in each.citations}
        return Support(min(each.score for each in supports), tuple(cites.values()))

    def _whole(self, text: str) -> Support:
        """The support of a sentence that stands on one passage."""
        claimed, text = self._claims(text), without_files(text)
        found = [self._stand(source, text, claimed) for source in self._sources]
        standings = sorted((each for each in found if each is not None), key=lambda each: -each.score)
        if not standings:
            return Support(0.0, (), (Why(Doubt.WORDS),))
        supporting = [each for each in standings if each.supports]
        if not supporting:
            unsupported = Support(standings[0].score, (), standings[0].why or (Why(Doubt.WORDS),))
            return self._computed(text, claimed, standings) or unsupported
        best = _preferred(supporting)
        also = _other_documents(best, supporting)
        return Support(best.score, (*best.citations, *(cite for each in also for cite in each.citations)))

    def _stand(self, source: Source, text: str, claimed: Claims) -> _Standing | None:
        """How a sentence stands on one passage; None when it has nothing of its own to compare."""
        words = frozenset(content_words(text, source.language))
        news = words - self._question[source.language]
        if not source.spans or not (news or words & source.words):
            return None
        first, last = self._window(source, words)
        lacking = [] if self._is_about(source, words) else [Why(Doubt.WORDS)]
        lacking += unknown(claimed, source.held)
        others: list[int] = []
        says_it = self._says_it(source, words)
        for place in places(claimed, source.held):
            stands = self._nearest(source, place, (first, last), words)
            if stands is None or (says_it is not None and is_rivalled(place, claimed, source.held, says_it)):
                lacking.append(place.why)
            elif source.fits(min(first, stands), max(last, stands)):
                first, last = min(first, stands), max(last, stands)
            else:
                others.append(stands)
        within = self._share(words, source.within(first, last))
        score = within if is_reply(text) else 0.5 * self._share(words, source.words) + 0.5 * within
        quotes = (source.cite(first, last), *(source.cite(place, place) for place in dict.fromkeys(others)))
        said = "\n".join((*source.item.passage.chunk.headings[-1:], quotes[0].quote))
        if score >= SUPPORTED and claimed.numbers and not lacking:
            lacking += repeated(claimed, source.held.numbers[first : last + 1])
            lacking += misread(text, claimed, self._text, source.item.passage.chunk.text)
            lacking += self._ground(source).displaced(text, claimed, source.language)
        if score >= SUPPORTED and (contrary := reversal(text, said, source.language) or opposite(text, said)):
            lacking.append(Why(Doubt.NEGATION, contrary))
        return _Standing(score, source, quotes, tuple(lacking))

    def _is_about(self, source: Source, words: frozenset[str]) -> bool:
        """Whether the passage is about the question that a few words answer; those of another language do not tell."""
        if len(words) > TERSE or self._spoken not in (None, source.language):
            return True
        return self._share(words | self._question[source.language], source.words) >= ABOUT

    def _ground(self, source: Source) -> Ground:
        """What numbers are compared with: the figures of the source, and those of its document's other passages."""
        of = source.item.passage.document.id
        alike = [each.number for each in self._sources if each.item.passage.document.id == of]
        found = [figure for number in alike for figure in self._figures(number)]
        return Ground(self._asked(source.language), found, source.held.scales, self._rarity)

    def _figures_of(self, number: int) -> tuple[Figure, ...]:
        source = self._sources[number - 1]
        return figures_of(source.item.passage.chunk.text, source.spans, source.held.numbers, source.language)

    def _computed(self, text: str, claimed: Claims, standings: Sequence[_Standing]) -> Support | None:
        """The support of a sentence of which only numbers are doubted, where they are worked out of one passage's."""
        for standing in standings if self._wanted else ():
            if standing.why and all(why.doubt is Doubt.NUMBER for why in standing.why):
                doubted = {why.text for why in standing.why}
                results = [number for number in claimed.numbers if number.text in doubted]
                if support := self._worked_out(standing.source, text, claimed, results):
                    return support
        return None

    def _worked_out(self, source: Source, text: str, claimed: Claims, results: Sequence[Number]) -> Support | None:
        left = replace(claimed, numbers=tuple(number for number in claimed.numbers if number not in results))
        standing = self._stand(source, _cut(text, results), left)
        found = [operands(result, source.held.numbers, self._wanted) for result in results]
        if standing is None or not standing.supports or not all(found):
            return None
        used = {number for numbers in found for number in numbers}
        rows = [place for place, row in enumerate(source.held.numbers) if not used.isdisjoint(row)]
        whole = source.fits(rows[0], rows[-1])
        quotes = [source.cite(rows[0], rows[-1])] if whole else [source.cite(row, row) for row in rows]
        pairs = zip(results, found, strict=True)
        why = (Why(Doubt.COMPUTED, result.text, tuple(each.text for each in numbers)) for result, numbers in pairs)
        return Support(standing.score, tuple(quotes), tuple(why))

    def _says_it(self, source: Source, words: frozenset[str]) -> int | None:
        """The sentence that says all but perhaps a number: what it has in the number's place is what is so."""
        matter = frozenset(word for word in words if not word.isdigit())
        core = max(range(len(source.spans)), key=lambda place: self._share(matter, source.stems[place]))
        return core if matter and self._share(matter, source.stems[core]) >= SAID else None

    @staticmethod
    def _nearest(source: Source, place: Place, window: tuple[int, int], words: frozenset[str]) -> int | None:
        """The sentence nearest to the window that holds the claim: in it, beside it, or about the same things."""
        first, last = window
        away = {at: max(first - at, at - last, 0) for at in place.sentences}
        near = [at for at in away if away[at] <= 1 or any(not word.isdigit() for word in words & source.stems[at])]
        return min(near, key=lambda at: away[at], default=None)

    def _window(self, source: Source, words: frozenset[str]) -> tuple[int, int]:
        """The sentence that holds most of the words, with neighbours that add to them, within the quote's bound."""
        first = last = max(range(len(source.spans)), key=lambda place: self._share(words, source.stems[place]))
        while True:
            have = source.within(first, last)
            wider = [bounds for bounds in ((first - 1, last), (first, last + 1)) if source.fits(*bounds)]
            gains = [(self._share(words, source.within(*bounds)), *bounds) for bounds in wider]
            best = max(gains, default=(0.0, first, last))
            if best[0] < self._share(words, have) + WIDER:
                return first, last
            _, first, last = best

    def _share(self, words: Iterable[str], held: frozenset[str]) -> float:
        """The share of the words that is held, weighted by rarity among the passages' sentences: 0 to 1."""
        weights = {word: self._weight(word) for word in words}
        return sum(weight for word, weight in weights.items() if word in held) / (sum(weights.values()) or 1.0)

    def _rarity(self, word: str) -> float:
        """The weight of a word, or of a number as figures name it."""
        return self._weight(word.removeprefix("#"))

    def _weight(self, word: str) -> float:
        return math.log(1 + (self._sentences + 1) / (self._frequency[word] + 0.5))


def _cut(text: str, numbers: Sequence[Number]) -> str:
    """The text without these numbers of it."""
    for number in reversed(numbers):
        text = f"{text[: number.start]} {text[number.end :]}"
    return text


def _preferred(supporting: Sequence[_Standing]) -> _Standing:
    """The best, or one nearly as good that the search ranked higher."""
    near = [each for each in supporting if each.score >= supporting[0].score - NEARLY_AS_GOOD]
    return min(near, key=lambda each: each.source.number)


def _other_documents(best: _Standing, supporting: Sequence[_Standing]) -> list[_Standing]:
    """The best passage of each other document that holds nearly the whole sentence too."""
    seen = {best.source.item.passage.document.id}
    found = []
    for each in supporting:
        document = each.source.item.passage.document.id
        if document not in seen and each.score >= max(ALSO_SUPPORTED, 0.95 * best.score):
            seen.add(document)
            found.append(each)
    return found
