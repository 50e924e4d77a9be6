"""The sheets of an OpenDocument spreadsheet: the rows that their reader sees, and the words that are hidden."""

from bisect import bisect_right
from collections.abc import Iterator

from lxml.etree import _Element as Element

from rag.parsing.opendocument_flow import COLUMNS_MAX, GROUPS, Flow, cells_of, count
from rag.parsing.opendocument_styles import qualified as _q
from rag.parsing.sheets import SheetRow, bounded

_ROW, _COLUMN = _q("table:table-row"), _q("table:table-column")
_OWN_STYLE, _OTHERS_STYLE = _q("table:style-name"), _q("table:default-cell-style-name")


class SheetReader:
    """Reads one sheet."""

    def __init__(self, sheet: Element, flow: Flow) -> None:
        self._sheet, self._flow = sheet, flow
        self._hidden_columns, self._styled_columns = set[int](), dict[int, str]()
        self._hidden_rows: list[tuple[int, int]] = []
        self._unseen: list[str] = []

    def read(self) -> tuple[list[SheetRow], tuple[str, ...]]:
        """Rows with something to see, and the words that are not seen, a row each."""
        self._read_columns()
        self._hidden_rows = list(self._runs_of_hidden_rows())
        return list(bounded(self._rows())), tuple(self._unseen)

    def _read_columns(self) -> None:
        first = 1
        for column, is_hidden in self._parts(self._sheet, _COLUMN):
            last = first + count(column, "table:number-columns-repeated") - 1
            places = range(first, min(last, COLUMNS_MAX) + 1)
            style = column.get(_OTHERS_STYLE, "")
            if is_hidden:
                self._hidden_columns.update(places)
            if self._flow.styles.hide_cells_of(style):
                self._styled_columns.update(dict.fromkeys(places, style))
            first = last + 1

    def _runs_of_hidden_rows(self) -> Iterator[tuple[int, int]]:
        """(first, last) of rows that are hidden one after the other."""
        first, number = 0, 1
        for row, is_hidden in self._parts(self._sheet, _ROW):
            if is_hidden and not first:
                first = number
            elif first and not is_hidden:
                yield first, number - 1
                first = 0
            number += count(row, "table:number-rows-repeated")
        if first:
            yield first, number - 1

    def _rows(self) -> Iterator[SheetRow]:
        """What a million empty repetitions stand for is only counted."""
        number, skipped = 1, 0
        for row, is_hidden in self._parts(self._sheet, _ROW):
            times = count(row, "table:number-rows-repeated")
            cells = self._cells(row, number)
            if cells:
                yield SheetRow(number, tuple(cells), skipped)
            skipped = skipped + times if is_hidden and not cells else 0
            number += times

    def _cells(self, row: Element, number: int) -> list[str]:
        cells: list[str] = []
        apart: list[str] = []
        style = row.get(_OTHERS_STYLE, "")
        for column, times, cell in cells_of(row):
            text = self._flow.words(cell)
            if not text:
                continue
            if self._is_out_of_sight(cell, number, column, times) or self._is_bare(cell, style, column):
                apart.append(text)
            else:
                cells += [""] * (column - 1 - len(cells)) + [text] * times
        if apart:
            self._unseen.append(" ".join(apart))
        return cells

    def _is_out_of_sight(self, cell: Element, row: int, column: int, times: int) -> bool:
        """Whether all rows or all columns that a cell reaches over are hidden."""
        columns = range(column, min(column + max(times, count(cell, "table:number-columns-spanned")), COLUMNS_MAX + 1))
        last_row = row + count(cell, "table:number-rows-spanned") - 1
        place = bisect_right(self._hidden_rows, (row, COLUMNS_MAX**3)) - 1
        is_row_hidden = place >= 0 and last_row <= self._hidden_rows[place][1]
        return is_row_hidden or self._hidden_columns.issuperset(columns)

    def _is_bare(self, cell: Element, row_style: str, column: int) -> bool:
        """Whether a cell without a style of its own takes one that hides it from its row or its column."""
        if cell.get(_OWN_STYLE):
            return False
        if row_style:
            return self._flow.styles.hide_cells_of(row_style)
        return column in self._styled_columns

    def _parts(self, parent: Element, tag: str, *, is_hidden: bool = False) -> Iterator[tuple[Element, bool]]:
        """The rows or the columns of a sheet, and whether they or a group around them are hidden."""
        for child in parent:
            if child.tag == tag or child.tag in GROUPS:
                is_unseen = is_hidden or self._flow.is_unseen(child)
                if child.tag == tag:
                    yield child, is_unseen
                else:
                    yield from self._parts(child, tag, is_hidden=is_unseen)
