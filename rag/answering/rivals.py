"""Whether another number has the place of the one that is claimed: the words of the answer and of the question tell.

Each number of the passage is scored by the words that stand near it and near the claim, weighted by rarity. What the
question names is known already: it is never a rival, and may not be exchanged in an answer that repeats the question.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rag.answering.answer import Doubt, Language, Why
from rag.answering.claims import Claims
from rag.answering.figures import Figure, figures, named, words_of
from rag.answering.numbers import Number, is_same, noun

NEARER, AHEAD = 1.1, 1.5
"""How much nearer than to the number claimed the words must stand to its rival, and by how much those that stand nearer
to the rival must outweigh those that stand nearer to the claim."""
ASKED = 0.3
"""How near to the number claimed a word of the question counts as."""
EVENED = 0.7
"""The power that nearness is raised to: words farther away count for something too."""
BESIDE = 0.2
"""How near to a number a year must stand to be the one of its column or sentence."""
ECHOED = 0.6
"""Share of what stands beside a number that must stand beside the question's for the two to have one place."""

_COUNTED = re.compile(r"\b(?:combien (?:de |d['’])|how many )(\w+)", re.IGNORECASE)

Weight = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in one language as it tells numbers apart: its words, the numbers that it names, what it counts."""

    words: frozenset[str]
    figures: tuple[Figure, ...]
    counted: str

    @property
    def values(self) -> frozenset[Decimal]:
        """The numbers that it names."""
        return frozenset(figure.number.value for figure in self.figures)

    def names(self, number: Number) -> bool:
        """Whether it names that number, not one of another unit."""
        return any(is_same(number, figure.number) for figure in self.figures)


@dataclass(frozen=True, slots=True)
class Ground:
    """What claims are compared with: the question, the figures of the passage, the scales announced above them."""

    asked: Asked
    figures: Sequence[Figure]
    scales: frozenset[int]
    weight: Weight

    def displaced(self, text: str, claimed: Claims, language: Language) -> list[Why]:
        """The numbers claimed that the passage has, and in the place of which it has another."""
        if not claimed.numbers:
            return []
        said = {figure.number.start: figure for figure in figures(text, language)}
        new = [number for number in claimed.numbers if not self.asked.names(number)]
        found = (said[number.start] for number in new if number.start in said)
        return [
            Why(Doubt.NUMBER, figure.number.text)
            for figure in found
            if self._has_rival(figure, claimed) or self._exchanges(figure, claimed)
        ]

    def _has_rival(self, said: Figure, claimed: Claims) -> bool:
        own = [figure for figure in self.figures if is_same(said.number, figure.number, self.scales)]
        weights = self._weights(said, any(_has_year(figure) for figure in own))
        if not own:
            return False
        best = max(own, key=lambda figure: _score(weights, figure))
        rivals = _alike(said.number, self.figures, self.asked.counted)
        return any(_is_nearer(weights, each, best) for each in rivals if not self._is_spoken_of(each, claimed))

    def _weights(self, said: Figure, with_years: bool) -> dict[str, float]:
        """What each word near the claim counts, those of the question too.

        Years are left out for a claim that the passage has without one: the header of its column is in another.
        """
        near = {word: _evened(nearness) for word, nearness in said.near.items()}
        for word in self.asked.words:
            near[word] = max(near.get(word, 0.0), ASKED)
        near.pop(named(said.number), None)
        return {word: each * self.weight(word) for word, each in near.items() if with_years or not _is_year(word)}

    def _is_spoken_of(self, figure: Figure, claimed: Claims) -> bool:
        """Whether the sentence, or the question and no year is meant, names that number: it has a place of its own."""
        if any(is_same(number, figure.number, self.scales) for number in claimed.numbers):
            return True
        return not figure.number.is_year and figure.number.value in self.asked.values

    def _exchanges(self, said: Figure, claimed: Claims) -> bool:
        """Whether the question has, in the same place, a number that the passage has and the sentence has not."""
        values = {number.value for number in claimed.numbers}
        held = {figure.number.value for figure in self.figures}
        others = [each for each in _alike(said.number, self.asked.figures) if each.number.value in held - values]
        near = {word: nearness**2 * self.weight(word) for word, nearness in said.near.items() if word[0] != "#"}
        return any(_overlap(near, said, each) >= ECHOED * sum(near.values()) for each in others) if near else False


def _overlap(weights: Mapping[str, float], one: Figure, other: Figure) -> float:
    """What the words near the one count that stand as near to the other, a part for those farther away."""
    shared = (word for word in weights if word in other.near)
    return sum(weights[word] * min(1.0, other.near[word] / one.near[word]) for word in shared)


def asked_in(question: str, language: Language) -> Asked:
    """The question in that language."""
    counted = _COUNTED.search(question)
    words = frozenset(words_of(question, language))
    return Asked(words, figures(question, language), noun(counted[1]) if counted else "")


def _score(weights: Mapping[str, float], figure: Figure) -> float:
    return sum(weights[word] * _evened(nearness) for word, nearness in figure.near.items() if word in weights)


def _is_nearer(weights: Mapping[str, float], rival: Figure, own: Figure) -> bool:
    """Whether the words stand clearly nearer to the rival."""
    apart = [
        weight * (_evened(rival.near.get(word, 0.0)) - _evened(own.near.get(word, 0.0)))
        for word, weight in weights.items()
    ]
    ahead, behind = sum(each for each in apart if each > 0), -sum(each for each in apart if each < 0)
    return ahead > AHEAD * behind and ahead - behind > (NEARER - 1) * _score(weights, own)


def _evened(nearness: float) -> float:
    return float(nearness**EVENED)


def _has_year(figure: Figure) -> bool:
    return any(_is_year(word) and nearness >= BESIDE for word, nearness in figure.near.items())


def _is_year(word: str) -> bool:
    return len(word) == len("#2000") and word[0] == "#" and word[1:].isdigit()


def _alike(number: Number, held: Sequence[Figure], counted: str = "") -> list[Figure]:
    """The figures that may stand in the number's place: of its kind, its unit, and of what it counts if there are."""
    kind = (True, number.is_year, number.is_ordinal)
    found = [each for each in held if (each.number.is_firm, each.number.is_year, each.number.is_ordinal) == kind]
    if number.unit:
        same = [figure for figure in found if figure.number.unit == number.unit]
        is_strict = same and (number.is_measure or number.unit == "percent")
        bare = [each for each in found if not each.number.unit and not each.number.nouns]
        found = same if is_strict else [*same, *bare]
    if number.nouns or (counted and not number.unit):
        counted = number.nouns[0] if number.nouns else counted
        found = [figure for figure in found if counted in figure.number.nouns] or found
    return found
