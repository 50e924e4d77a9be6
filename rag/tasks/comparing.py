"""Two documents side by side: what each says of the same things, in its own words. No model is asked."""

import math
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rag.answering.answer import Searching
from rag.answering.numbers import numbers
from rag.documents import Passage
from rag.retrieval.words import fold, language_of, spoken
from rag.tasks.errors import TaskFailed
from rag.tasks.extracting import Centre, Extract
from rag.tasks.naming import Named, Shelf, split_names
from rag.tasks.tools import Tools
from rag.tasks.work import (
    Citing,
    Delivered,
    Line,
    Note,
    Request,
    Section,
    Standing,
    Task,
    TaskEvent,
    Trouble,
    Work,
)
from security.access import Grant

ASPECTS_MAX = 8
SHARE_MIN = 0.5
"""A sentence speaks of an aspect when it, with the headings above it, holds half of the aspect's words."""


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A sentence with its words and those of the headings above it."""

    extract: Extract
    words: frozenset[str]


class _Side:
    """One document: its sentences, and the headings in it, in order."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.headings = list(dict.fromkeys(name for passage in passages for name in passage.chunk.headings))
        self._centre = Centre(passages)
        above = {each.id: self._centre.words("\n".join(each.chunk.headings)) for each in passages}
        self.said = [_Spoken(each, each.words | above[each.passage.id]) for each in self._centre.sentences(passages)]
        self._frequency = Counter(word for each in self.said for word in each.words)

    def best(self, aspect: str) -> Extract | None:
        """The sentence that says most of the aspect, weighted by rarity; the first of several."""
        wanted = self._centre.words(aspect)
        shares = [(self._share(wanted, each.words), each.extract) for each in self.said]
        share, extract = max(shares, key=lambda found: found[0], default=(0.0, None))
        return extract if share >= SHARE_MIN else None

    def _share(self, wanted: frozenset[str], words: frozenset[str]) -> float:
        weights = {word: math.log(1 + (len(self.said) + 1) / (self._frequency[word] + 0.5)) for word in wanted}
        return sum(weight for word, weight in weights.items() if word in words) / (sum(weights.values()) or 1.0)


def compare(tools: Tools, grants: Sequence[Grant], request: Request, cancelled: threading.Event) -> Iterator[TaskEvent]:
    """Events up to Delivered. After a colon stands what to compare; otherwise it is what the headings name."""
    yield Searching(request.within)
    names, _, about = request.text.partition(":")
    shelf = Shelf(tools.documents, grants, request)
    pair = _two(shelf, names)
    if cancelled.is_set():
        raise TaskFailed(Trouble.STOPPED)
    sides = (_Side(shelf.passages(pair[0])), _Side(shelf.passages(pair[1])))
    citing = Citing()
    found = (_section(aspect, sides, citing) for aspect in _aspects(sides, about.strip()))
    sections = tuple(section for section in found if any(section.lines))
    if not sections:
        raise TaskFailed(Trouble.NOTHING_SHARED)
    language = spoken(request.text) or request.otherwise or language_of(request.text)
    documents = (pair[0].info, pair[1].info)
    yield Delivered(Work(Task.COMPARE, language, sections, citing.all, total=len(sections), documents=documents))


def _two(shelf: Shelf, text: str) -> tuple[Named, Named]:
    """The two documents that a text names, by the first way to take it as two names that finds two."""
    trouble = TaskFailed(Trouble.TWO_WANTED)
    for first, second in split_names(text):
        try:
            pair = shelf.find(first), shelf.find(second)
        except TaskFailed as error:
            trouble = error
            if error.candidates:
                break
            continue
        if pair[0].info.id != pair[1].info.id:
            return pair
    raise trouble


def _aspects(sides: tuple[_Side, _Side], about: str) -> list[str]:
    """What is asked, or the headings: first those that both have, then what one of them names and both speak of."""
    if about:
        return [about]
    ours, theirs = ({fold(name): name for name in side.headings} for side in sides)
    both = [name for key, name in ours.items() if key in theirs]
    others = [name for key, name in (ours | theirs).items() if not (key in ours and key in theirs)]
    spoken_of = [name for name in others if all(side.best(name) for side in sides)]
    return [*both, *spoken_of][:ASPECTS_MAX]


def _section(aspect: str, sides: tuple[_Side, _Side], citing: Citing) -> Section:
    found = [side.best(aspect) for side in sides]
    lines = tuple(_line(extract, citing) if extract else None for extract in found)
    first, second = ((extract.text if extract else "") for extract in found)
    return Section(aspect, lines, note=_note(first, second) if first and second else None)


def _line(extract: Extract, citing: Citing) -> Line:
    return Line(extract.text, Standing.QUOTED, (citing.number(extract.passage, extract.start, extract.end),))


def _note(first: str, second: str) -> Note | None:
    """What can be told of two quotes for certain."""
    if " ".join(fold(first).split()) == " ".join(fold(second).split()):
        return Note.SAME_WORDS
    ours, theirs = _figures(first), _figures(second)
    return Note.OTHER_FIGURES if ours and theirs and ours != theirs else None


def _figures(text: str) -> frozenset[tuple[Decimal, int]]:
    return frozenset((number.bare, number.scale) for number in numbers(text) if number.is_firm)
