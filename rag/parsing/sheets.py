"""Sheets to blocks: tables parted by empty rows, each row with its header and the range of cells it stands in."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.documents import Block, BlockKind
from rag.errors import DocumentRejected
from rag.parsing.tables import COLUMNS_MAX, ROWS_MAX, table_rows

_NUMBER = re.compile(r"[-+(€$£¥\s]*[.,]?\d[\d.,\s]*(?:[A-Z]{3}|[)%€$£¥]*)$")
"""A number with its sign, its currency before or behind it, or a percent sign."""
_GENERIC_NAME = re.compile(r"(?:sheet|feuil|feuille|table|tabelle)\s*\d*$", re.I)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row with something to see: its number and its cells from column 1 on, both as a spreadsheet counts.

    `skipped` is how many rows right above it are hidden.
    """

    number: int
    cells: tuple[str, ...]
    skipped: int = 0

    @property
    def first(self) -> int:
        """The first column that is filled, from 1."""
        return next(place for place, cell in enumerate(self.cells, 1) if cell)


def sheet_blocks(name: str, rows: Iterable[SheetRow], page: int) -> Iterator[Block]:
    """The sheet's name as a heading, then its tables; nothing for an empty sheet."""
    tables = _tables(bounded(rows))
    if tables:
        yield Block(BlockKind.HEADING, name, page, 2)
    for table in tables:
        left = min(row.first for row in table)
        lines = [row.cells[left - 1 :] for row in table]
        ranges = [(row.number, left, row.number, len(row.cells)) for row in table]
        if all(len(line) == 1 for line in lines):
            for line, cells in zip(lines, ranges, strict=True):
                yield Block(BlockKind.PARAGRAPH, line[0], page, cells=cells)
        else:
            yield from table_rows(lines, page, ranges)


def title_of(names: Sequence[str]) -> str:
    """A workbook without a title is called by its first sheet, unless that has the name a program gave it."""
    return next((name for name in names[:1] if not _GENERIC_NAME.match(name)), "")


def bounded(rows: Iterable[SheetRow]) -> Iterator[SheetRow]:
    """The rows as they come. Raises DocumentRejected at the first that is one too many, or too wide."""
    for count, row in enumerate(rows, 1):
        if count > ROWS_MAX or len(row.cells) - row.first >= COLUMNS_MAX:
            raise DocumentRejected(f"a sheet exceeds {ROWS_MAX} rows or {COLUMNS_MAX} columns; split it")
        yield row


def _tables(rows: Iterable[SheetRow]) -> list[list[SheetRow]]:
    """Rows parted where rows between them are empty, unless the part below goes on with the columns above."""
    found: list[list[SheetRow]] = []
    for row in rows:
        is_next = bool(found) and row.number - row.skipped == found[-1][-1].number + 1
        if is_next or (found and _goes_on(found[-1], row)):
            found[-1].append(row)
        else:
            found.append([row])
    return found


def _goes_on(table: Sequence[SheetRow], row: SheetRow) -> bool:
    """Whether a row below empty ones goes on with the table: numbers in the same columns, under a header of words."""
    last, header = table[-1], table[0]
    if len(table) < 2 or _numbers(header) or not _numbers(last):  # noqa: PLR2004 - a header and a row
        return False
    return _numbers(row) == _numbers(last)


def _numbers(row: SheetRow) -> frozenset[int]:
    return frozenset(place for place, cell in enumerate(row.cells) if _NUMBER.match(cell))
