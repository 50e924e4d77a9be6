"""What a question asks to be worked out from the rows of a table, worked out: models of this size count badly.

Only where everything is plain: the question names the operation, one row by all the words of its label, and columns.
What is written is a draft like a model's, and is checked like one: the figures stand in the row, the result follows.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, DivisionByZero, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePosixPath

from rag.answering.answer import Language
from rag.answering.tabular import Cell, Row, decimals, rows
from rag.documents import RankedPassage
from rag.retrieval.words import content_words, fold

PASSAGES_READ = 8
"""Of the best passages: a long table is cut into several."""
TWO = 2
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_RANGE = re.compile(r"\b(?:to|through|until|a|au|jusqu'(?:a|en))\b")
_SPELLED = re.compile(r"\w+")


class Operation(StrEnum):
    """What can be worked out."""

    SHARE = "share"
    CHANGE = "change"
    SUM = "sum"
    MEAN = "mean"


_ASKED = {
    Operation.MEAN: re.compile(r"\b(?:average|mean|moyenne)\b"),
    Operation.CHANGE: re.compile(
        r"\b(?:chang\w+|differen\w+|increas\w+|decreas\w+|growth|grow|variations?|ecart|evolu\w+|augment\w+|diminu\w+"
        r"|baiss\w+|hausse|progress\w+|croissance)\b"
    ),
    Operation.SHARE: re.compile(
        r"\b(?:percent\w*|proportion|share|ratio|pourcentage|part)\b.*"
        r"\b(?:out of|over|to total|of total|in total|sur|dans le total|par rapport a)\b"
    ),
    Operation.SUM: re.compile(r"\b(?:total\w*|sum|combined|altogether|somme|cumul\w*)\b"),
}
_ASKING_WORDS = (
    "average mean moyenne moyen change difference increase decrease growth variation ecart evolution augmentation "
    "baisse hausse progression croissance total sum combined somme cumul percentage percent pourcentage amount montant "
    "value valeur year annee years annees much out over"
)


@dataclass(frozen=True, slots=True)
class _Found:
    item: RankedPassage
    row: Row
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class WorkedOut:
    """A draft that states the figures and what follows from them, and the passage whose row holds them."""

    text: str
    item: RankedPassage


def worked_out(question: str, passages: Sequence[RankedPassage], language: Language) -> WorkedOut | None:
    """What the question asks for, from one row; None where the question or the rows leave doubt."""
    operation = _operation(question)
    if operation is None or not passages:
        return None
    document = passages[0].passage.document
    read = [item for item in passages[:PASSAGES_READ] if item.passage.document.id == document.id]
    known = _stems(document.title, document.path, PurePosixPath(document.path).name)
    table = [(item, row) for item in read for row in rows(item.passage.chunk.text)]
    found = _find(question, operation, table, known)
    text = _written(operation, found, language) if found else ""
    return WorkedOut(text, found.item) if found and text else None


def _operation(question: str) -> Operation | None:
    asked = fold(question)
    return next((operation for operation, pattern in _ASKED.items() if pattern.search(asked)), None)


def _find(
    question: str, operation: Operation, table: Sequence[tuple[RankedPassage, Row]], known: frozenset[str]
) -> _Found | None:
    """The one row that the question names, with the cells it asks for; rows that say the same count as one.

    A row that leaves more words of the question unexplained than it explains is not the one that is meant.
    """
    wanted, asked = _stems(question), {word for word in content_words(question) if not word.isdigit()}
    scored: list[tuple[int, _Found]] = []
    for item, row in table:
        words = _words(row.label)
        if words and words <= wanted and (cells := _cells(question, operation, row)):
            explained = _stems(row.label, _ASKING_WORDS, *(cell.header for cell in cells)) | known
            if len(asked - explained) <= len(words):
                scored.append((len(words - _stems(_ASKING_WORDS)), _Found(item, row, cells)))
    best = max((score for score, _ in scored), default=0)
    found = [each for score, each in scored if score == best]
    alike = {tuple(cell.value for cell in each.cells) for each in found}
    return found[0] if best and len(alike) == 1 else None


def _words(label: str) -> frozenset[str]:
    """The stems of a label, without what stands in brackets and numbers."""
    return frozenset(word for word in content_words(re.sub(r"\([^)]*\)", " ", label)) if not word.isdigit())


@lru_cache(maxsize=256)
def _stems(*texts: str) -> frozenset[str]:
    """The stems of texts as either language makes them: labels are short and do not tell theirs."""
    return frozenset(stem for text in texts for language in Language for stem in content_words(text, language))


def _cells(question: str, operation: Operation, row: Row) -> tuple[Cell, ...]:
    """The cells that the question names by their years, or by what their headers say; nothing where one is in doubt."""
    years = sorted(set(_YEAR.findall(question)))
    if operation in (Operation.SUM, Operation.MEAN) and len(years) == TWO and _RANGE.search(fold(question)):
        years = [str(year) for year in range(int(years[0]), int(years[1]) + 1)]
    if operation is Operation.SHARE or (operation is Operation.CHANGE and not years):
        chosen = _by_header(question, row)
    else:
        chosen = [[cell for cell in row.cells if year in _YEAR.findall(cell.header)] for year in years]
        chosen = _of_one_day(chosen)
    is_pair = operation in (Operation.CHANGE, Operation.SHARE)
    if len(chosen) < TWO or (is_pair and len(chosen) != TWO) or any(len(cells) != 1 for cells in chosen):
        return ()
    cells = tuple(cell for (cell,) in chosen)
    return cells if all(cell.value is not None for cell in cells) else ()


def _of_one_day(chosen: list[list[Cell]]) -> list[list[Cell]]:
    """Of several columns of a year, those whose header reads like that of a year with one: the same day of the year."""
    days = {_day(cells[0]) for cells in chosen if len(cells) == 1}
    return [cells if len(cells) == 1 else [cell for cell in cells if _day(cell) in days] for cells in chosen]


def _day(cell: Cell) -> str:
    return _YEAR.sub("", cell.header).strip(" ,")


def _by_header(question: str, row: Row) -> list[list[Cell]]:
    """The cells whose whole header stands in the question, in its order."""
    asked = f" {' '.join(_SPELLED.findall(fold(question)))} "
    places = {cell: asked.find(f" {' '.join(_SPELLED.findall(fold(cell.header)))} ") for cell in row.cells}
    return [[cell] for cell, place in sorted(places.items(), key=lambda item: item[1]) if place >= 0]


def _written(operation: Operation, found: _Found, language: Language) -> str:
    stated = ", ".join(f"{cell.text} ({cell.header})" for cell in found.cells)
    figures = f"{_sentence(found.row.label)}{_COLON[language]} {stated}."
    result = _RESULTS[operation](found.cells, language)
    return f"{figures} {result}" if result else ""


def _change(cells: Sequence[Cell], language: Language) -> str:
    """From the first to the last year; of columns of other names, how far the first stands above the second."""
    first, last = (cell.value or Decimal(0) for cell in cells)
    if not all(_YEAR.search(cell.header) for cell in cells):
        return _CHANGED[language].format(by=_number(first - last, _precision(cells), language))
    by = _number(last - first, _precision(cells), language)
    try:
        part = ((last - first) / abs(first) * 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
    except (DivisionByZero, InvalidOperation):
        return _CHANGED[language].format(by=by)
    return _CHANGED_PART[language].format(by=by, part=_number(part, 2, language))


def _share(cells: Sequence[Cell], language: Language) -> str:
    part, whole = (cell.value or Decimal(0) for cell in cells)
    if not whole:
        return ""
    share = (part / whole * 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return _SHARED[language].format(share=_number(share, 2, language))


def _sum(cells: Sequence[Cell], language: Language) -> str:
    total = sum((cell.value or Decimal(0) for cell in cells), Decimal(0))
    return _SUMMED[language].format(total=_number(total, _precision(cells), language))


def _mean(cells: Sequence[Cell], language: Language) -> str:
    mean = sum((cell.value or Decimal(0) for cell in cells), Decimal(0)) / len(cells)
    places = max(_precision(cells), 0 if mean == mean.to_integral() else 1)
    exact = places if mean == round(mean, places) else places + 1
    return _AVERAGED[language].format(mean=_number(mean, exact, language))


_RESULTS: dict[Operation, Callable[[Sequence[Cell], Language], str]] = {
    Operation.SHARE: _share,
    Operation.CHANGE: _change,
    Operation.SUM: _sum,
    Operation.MEAN: _mean,
}
_COLON = {Language.FRENCH: " :", Language.ENGLISH: ":"}
_CHANGED = {Language.FRENCH: "L'écart est de {by}.", Language.ENGLISH: "The difference is {by}."}
_CHANGED_PART = {
    Language.FRENCH: "L'écart est de {by}, soit {part} %.",
    Language.ENGLISH: "The change is {by}, that is {part}%.",
}
_SHARED = {
    Language.FRENCH: "Le premier représente {share} % du second.",
    Language.ENGLISH: "The first is {share}% of the second.",
}
_SUMMED = {Language.FRENCH: "Le total est de {total}.", Language.ENGLISH: "The total is {total}."}
_AVERAGED = {Language.FRENCH: "La moyenne est de {mean}.", Language.ENGLISH: "The average is {mean}."}


def _precision(cells: Sequence[Cell]) -> int:
    return max(decimals(cell.text) for cell in cells)


def _number(value: Decimal, places: int, language: Language) -> str:
    """With grouping and decimals as the language writes them, and a minus that a spreadsheet reads."""
    text = f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,f}"
    return text if language is Language.ENGLISH else text.replace(",", "\u202f").replace(".", ",")


def _sentence(label: str) -> str:
    return label.rstrip(" :;.,")
