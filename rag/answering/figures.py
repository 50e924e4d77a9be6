"""What each number of a text is a number of: the words and other numbers that stand near it, in prose and in tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rag.answering.answer import Language
from rag.answering.claims import countable
from rag.answering.numbers import Number, numbers
from rag.answering.tabular import Row, piped, rows
from rag.retrieval.words import content_words

LABEL, HEADER, ROW = 0.7, 1.0, 0.1
"""How near to a cell's value stand the label of its row, the header of its column, and the row's other cells."""
AFTER = 0.5
"""What the words after several numbers in a row count: their label stands before them."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and how near to it each word stands, from 0 to 1; other numbers are words of their value."""

    number: Number
    near: Mapping[str, float]


def figures(text: str, language: Language) -> tuple[Figure, ...]:
    """The figures of a sentence: what stands beside a number is nearest, whatever small words are between."""
    return tuple(_beside(text, countable(text), language))


def figures_of(
    text: str, spans: Sequence[tuple[int, int]], counted: Sequence[Sequence[Number]], language: Language
) -> tuple[Figure, ...]:
    """The figures of a passage of these sentences with these numbers; in a table, label and header are beside them."""
    tabled = (*rows(text), *piped(text))
    found = [figure for row in tabled for figure in _in_row(text, row, language)]
    columns: tuple[str, ...] = ()
    for (start, end), held in zip(spans, counted, strict=True):
        if not any(row.start < end and start < row.end for row in tabled):
            sentence = text[start:end]
            line, columns = _in_columns(list(_beside(sentence, held, language)), sentence, columns)
            found += line
    return tuple(found)


def words_of(text: str, language: Language) -> list[str]:
    """The words of a text, its numbers as words of their value."""
    return [*_words(text, language), *map(named, numbers(text))]


def named(number: Number) -> str:
    """The word that stands for a number."""
    return f"#{number.value:f}"


def _words(text: str, language: Language) -> list[str]:
    return [word for word in content_words(text, language) if not word.isdigit()]


def _beside(text: str, found: Sequence[Number], language: Language) -> Iterator[Figure]:
    words, places = _laid_out(text, found, language) if found else ([], [])
    for number, place in zip(found, places, strict=True):
        near: dict[str, float] = {}
        after = AFTER if places.count(place) > 1 else 1.0
        for at, word in enumerate(words):
            _bring(near, word, (at - place + 1) if at >= place else place - at, after if at >= place else 1.0)
        for other, elsewhere in zip(found, places, strict=True):
            if other is not number and not text[: other.start][-1:].isalpha():
                _bring(near, named(other), abs(elsewhere - place))
        yield Figure(number, near)


def _bring(near: dict[str, float], word: str, distance: int, part: float = 1.0) -> None:
    near[word] = max(near.get(word, 0.0), part / (1 + distance))


def _laid_out(text: str, found: Sequence[Number], language: Language) -> tuple[list[str], list[int]]:
    """The words in order, and how many of them come before each number."""
    words: list[str] = []
    places = []
    start = 0
    for number in found:
        words += _words(text[start : number.start], language)
        places.append(len(words))
        words += [number.unit] if number.is_measure else []
        start = number.end
    return [*words, *_words(text[start:], language)], places


def _in_row(text: str, row: Row, language: Language) -> Iterator[Figure]:
    """The figures of the cells, and of the headers: those have nothing else beside them."""
    whole = text[row.start : row.end]
    label = f"{row.label} {whole.partition('; ')[0]}" if "; " in whole else row.label
    beside = {**dict.fromkeys(words_of(whole, language), ROW), **dict.fromkeys(words_of(label, language), LABEL)}
    for cell in row.cells:
        header = dict.fromkeys(words_of(cell.header, language), HEADER)
        yield from (Figure(number, {**beside, **header}) for number in countable(cell.text))
    for above in dict.fromkeys((label, *(cell.header for cell in row.cells))):
        yield from figures(above, language)


def _in_columns(
    line: Sequence[Figure], sentence: str, columns: tuple[str, ...]
) -> tuple[list[Figure], tuple[str, ...]]:
    """The line with the years that stand above its columns, and the years above those of the next."""
    found: list[Figure] = []
    for run in _runs(line, sentence):
        if len(run) > 1 and all(figure.number.is_year for figure in run):
            columns = tuple(named(figure.number) for figure in run)
        elif len(run) == len(columns):
            found += [_under(figure, year, columns) for figure, year in zip(run, columns, strict=True)]
            continue
        found += run
    return found, columns


def _under(figure: Figure, year: str, columns: Sequence[str]) -> Figure:
    return replace(figure, near={**figure.near, **dict.fromkeys(columns, 0.0), year: HEADER})


def _runs(line: Sequence[Figure], sentence: str) -> Iterator[list[Figure]]:
    """The figures between which no words stand, together."""
    run: list[Figure] = []
    for figure in line:
        if run and any(letter.isalpha() for letter in sentence[run[-1].number.end : figure.number.start]):
            yield run
            run = []
        run.append(figure)
    if run:
        yield run
