"""Rows of tables read back from a passage: `label; header: value; header: value`, as the parsers write them.

Where a header stands over several columns only the first value names it, and a row of years below it tells the others
apart: `(In millions); December 31,: 2019; 2018` gives the columns `December 31, 2019` and `December 31, 2018`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

GROUP = 3
_YEAR = re.compile(r"(?:19|20)\d\d")
_FOOTNOTE = re.compile(r"(?<=\S)\s*\(\d{1,2}\)$")
_PIPED = re.compile(r"\|((?:[^|\n]*[^|\s][^|\n]*\|)+)")
_RULE = re.compile(r":?-{2,}:?")
_AMOUNT = re.compile(
    r"^(?P<open>\()?\s*(?P<minus>[-−–])?\s*(?:[$€£]|EUR|USD|GBP|INR)?\s*(?P<minus_after>[-−–])?"
    r"(?P<number>\d{1,3}(?:[,. \u00a0\u202f]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?)"
    r"\s*(?:[$€£%]|EUR|USD|GBP|INR|k€|M€|millions?|milliards?|thousand|billions?)?\s*(?P<close>\))?$"
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A value under its header, as it is written and as a number; None where it is none."""

    header: str
    text: str
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table, at `start` to `end` of the passage's text."""

    label: str
    cells: tuple[Cell, ...]
    start: int
    end: int


def rows(text: str) -> tuple[Row, ...]:
    """The lines of a passage that are rows with at least one number, in order."""
    years: tuple[str, ...] = ()
    found = []
    for start, end in _lines(text):
        label, cells = _parts(text[start:end])
        values = tuple(cell.text for cell in cells)
        if values and all(_YEAR.fullmatch(value) for value in values):
            years = values
        elif any(cell.value is not None for cell in cells):
            found.append(Row(label, _under(cells, years), start, end))
    return tuple(found)


def piped(text: str) -> tuple[Row, ...]:
    """The rows below a line of dashes, as Markdown writes tables, whether or not their lines were joined."""
    header: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    found = []
    for match in _PIPED.finditer(text):
        values = tuple(value.strip() for value in match[1].removesuffix("|").split("|"))
        if all(_RULE.fullmatch(value) for value in values):
            header = before
        elif len(values) == len(header):
            cells = tuple(Cell(name, value, amount(value)) for name, value in zip(header, values, strict=True))
            found.append(Row(values[0], cells[1:], *match.span()))
        before = values
    return tuple(found)


def amount(text: str) -> Decimal | None:
    """The number that a cell holds, negative in brackets; None for words, dashes and ranges."""
    match = _AMOUNT.match(_FOOTNOTE.sub("", text.strip()))
    if not match or bool(match["open"]) is not bool(match["close"]):
        return None
    value = Decimal(_pointed(match["number"]))
    return -value if match["open"] or match["minus"] or match["minus_after"] else value


def decimals(text: str) -> int:
    """How many decimals a cell's number is written with."""
    match = _AMOUNT.match(_FOOTNOTE.sub("", text.strip()))
    return len(_pointed(match["number"]).partition(".")[2]) if match else 0


def _pointed(number: str) -> str:
    """Digits with a point for the decimals. A lone mark before three digits groups, but after a zero."""
    joined = re.sub(r"[ \u00a0\u202f]", "", number)
    marks = [mark for mark in joined if mark in ",."]
    if len(set(marks)) == 1 and len(marks) > 1:
        return re.sub(r"[,.]", "", joined)
    head, mark, tail = joined.rpartition(marks[-1]) if marks else (joined, "", "")
    if not mark:
        return joined
    is_grouping = len(marks) == 1 and len(tail) == GROUP and head != "0"
    return re.sub(r"[,.]", "", head) + ("" if is_grouping else ".") + tail


def _lines(text: str) -> Iterator[tuple[int, int]]:
    for match in re.finditer(r"[^\n]+", text):
        if ";" in match.group():
            yield match.start(), match.end()


def _parts(line: str) -> tuple[str, tuple[Cell, ...]]:
    """The label of a line, without a header of its own, and its cells; there is none where a number comes first."""
    first, *others = line.split("; ")
    if amount(first.rpartition(": ")[2]) is not None:
        first, others = "", line.split("; ")
    cells = []
    header = ""
    for part in others:
        named, mark, value = part.rpartition(": ")
        header = named if mark else header
        cells.append(Cell(header, value, amount(value)))
    return first.rpartition(": ")[2], tuple(cells)


def _under(cells: Sequence[Cell], years: Sequence[str]) -> tuple[Cell, ...]:
    """The cells with the year that the row of years gives their column, where headers do not tell them apart."""
    if len(years) != len(cells) or len({cell.header for cell in cells}) == len(cells):
        return tuple(cells)
    return tuple(
        Cell(f"{cell.header} {year}".strip(), cell.text, cell.value) for cell, year in zip(cells, years, strict=True)
    )
