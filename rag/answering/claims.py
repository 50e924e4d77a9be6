"""What a sentence claims beyond its words: numbers, dates and names, and where in a passage each stands."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.answering.answer import Doubt, Why
from rag.answering.dates import Date, dates, is_in
from rag.answering.names import Known, Name, is_known, known, names
from rag.answering.numbers import Number, in_scales, is_same, numbers, pieces

_FILE = re.compile(
    r"\S+\.(?:pdf|docx?|xlsx?|pptx?|od[tsp]|rtf|html?|md|txt|csv|eml|msg|epub|zip|png|jpe?g|tiff?)\b", re.IGNORECASE
)
_GROUPED = re.compile(r"\d,\d{3}(?!\d)")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a sentence claims: numbers outside its dates, its dates, its names."""

    numbers: tuple[Number, ...]
    dates: tuple[Date, ...]
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What a passage holds: numbers and dates sentence by sentence, and what it is able to name.

    `pieces` are what numbers grouped by spaces may be instead, `scales` powers of ten announced for its numbers,
    `years` those that its text and what stands above it name.
    """

    numbers: tuple[tuple[Number, ...], ...]
    pieces: tuple[tuple[Number, ...], ...]
    dates: tuple[tuple[Date, ...], ...]
    known: Known
    scales: frozenset[int]
    years: frozenset[int]


@dataclass(frozen=True, slots=True)
class Place:
    """A claim and the sentences of the passage, by their place, in which it stands; `number` where it is one."""

    why: Why
    sentences: tuple[int, ...]
    number: Number | None = None


def claims(text: str, capitalised: frozenset[str] = frozenset()) -> Claims:
    """The claims of a sentence. Its first word is a name where `capitalised` has it, from inside other sentences."""
    said = dates(text)
    outside = [number for number in numbers(text) if number.is_firm and not _is_within(number, said)]
    named = [name for name in names(text) if not name.is_first or name.is_acronym or name.folded in capitalised]
    return Claims(tuple(outside), said, tuple(named))


def without_files(text: str) -> str:
    """The text with blanks for the names of files: what they are made of claims nothing."""
    return _FILE.sub(lambda name: " " * len(name.group()), text)


def held(sentences: Sequence[str], text: str, above: Sequence[str]) -> Held:
    """What a passage of these sentences holds, under this title and these headings."""
    apart = _columns if _GROUPED.search(text) else tuple
    dated = tuple(map(dates, sentences))
    counted = map(_counting, map(numbers, sentences), dated)
    said = tuple(tuple(apart(found)) for found in counted)
    whole = "\n".join((*above, text))
    years = frozenset(int(number.value) for number in numbers(whole) if number.value == int(number.value))
    return Held(said, tuple(map(pieces, said)), dated, known(text, above), in_scales(whole), years)


def countable(sentence: str) -> tuple[Number, ...]:
    """The numbers of a sentence but the days and months of its dates: those count nothing."""
    return _counting(numbers(sentence), dates(sentence))


def _counting(found: Iterable[Number], said: Sequence[Date]) -> tuple[Number, ...]:
    return tuple(number for number in found if number.is_year or not _is_within(number, said))


def _columns(found: Iterable[Number]) -> Iterator[Number]:
    """The numbers of a passage whose thousands are grouped by commas: spaces part its columns."""
    for number in found:
        yield from (() if number.scale else pieces([number])) or (number,)


def places(claimed: Claims, held: Held) -> list[Place]:
    """Where each number and date stands; nowhere is a place without sentences."""
    return [
        *(Place(Why(Doubt.NUMBER, each.text), _with_number(each, held), each) for each in claimed.numbers),
        *(Place(Why(Doubt.DATE, each.text), _with_date(each, held)) for each in claimed.dates),
    ]


def unknown(claimed: Claims, held: Held) -> list[Why]:
    """The names that neither passage nor title nor headings hold, each once."""
    lacking = [name.text for name in claimed.names if not is_known(name, held.known)]
    return [Why(Doubt.NAME, text) for text in dict.fromkeys(lacking)]


def is_rivalled(place: Place, claimed: Claims, held: Held, sentence: int) -> bool:
    """Whether that sentence lacks the number and has another in its place: one of its kind that is not claimed too."""
    number = place.number
    return (
        number is not None and sentence not in place.sentences and leaves_out(claimed, number, held.numbers[sentence])
    )


def leaves_out(claimed: Claims, number: Number, row: Iterable[Number]) -> bool:
    """Whether a sentence with these numbers has one of this number's kind that is not claimed."""
    alike = [other for other in row if other.is_firm and _kind(other) == _kind(number)]
    return any(not any(is_same(each, other) for each in claimed.numbers) for other in alike)


def repeated(claimed: Claims, rows: Iterable[Sequence[Number]]) -> list[Why]:
    """The numbers said twice where these sentences have each once, and have one of their kind that is not said."""
    held = [number for row in rows for number in row if number.is_firm]
    said = [number for number in claimed.numbers if number.text[0].isdigit()]
    twice = [number for number in said if sum(is_same(number, other) for other in said) > 1]
    return [Why(Doubt.NUMBER, number.text) for number in twice[1:2] if _lacks_another(number, said, held)]


def _lacks_another(number: Number, said: Sequence[Number], held: Sequence[Number]) -> bool:
    alike, claimed = ([each for each in found if _kind(each) == _kind(number)] for found in (held, said))
    once = sum(is_same(number, other) for other in alike) == 1
    left_out = [other for other in alike if not any(is_same(each, other) for each in said)]
    return once and bool(left_out) and len(claimed) == len(alike)


def _kind(number: Number) -> str:
    return "year" if number.is_year else number.unit


def _with_number(number: Number, held: Held) -> tuple[int, ...]:
    """Where the number stands: with its label or what it counts, where the passage has those with any number."""
    rows = enumerate(zip(held.numbers, held.pieces, strict=True))
    every = [(place, other) for place, (row, parts) in rows for other in (*row, *parts)]
    for alike in (_is_labelled_as, _orders_as, _counts_as):
        every = [(place, other) for place, other in every if alike(number, other)] or every
    return tuple(dict.fromkeys(place for place, other in every if is_same(number, other, held.scales)))


def _is_labelled_as(number: Number, other: Number) -> bool:
    return bool(number.label) and number.label == other.label


def _orders_as(number: Number, other: Number) -> bool:
    return number.is_ordinal and other.is_ordinal


def _counts_as(number: Number, other: Number) -> bool:
    if number.is_measure:
        return number.unit == other.unit
    return bool(number.nouns) and number.nouns[0] in other.nouns


def _with_date(date: Date, held: Held) -> tuple[int, ...]:
    rows = enumerate(held.dates)
    return tuple(place for place, row in rows if any(is_in(date, other, held.years) for other in row))


def _is_within(number: Number, said: Sequence[Date]) -> bool:
    return any(date.start <= number.start < date.end for date in said)
