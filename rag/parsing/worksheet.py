"""A worksheet's rows as its reader sees them, and the words of rows, columns and cells that are hidden."""

import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.packaging.relationship import get_dependents, get_rels_path
from openpyxl.utils import range_boundaries
from openpyxl.worksheet._reader import WorkSheetParser

from rag.errors import DocumentRejected
from rag.parsing.cell_looks import Palette, Veil, has_empty_section, shows_nothing
from rag.parsing.packages import read_xml
from rag.parsing.sheets import SheetRow, bounded

Shown = Callable[[Any], str]
Range = tuple[int, int, int, int]
"""First column, first row, last column, last row, as openpyxl gives them."""
KIND = "Excel workbook"
ROW_POINTS_MIN, COLUMN_WIDTH_MIN = 2.0, 0.2
"""Below these nothing can be read; hidden rows and columns are often left with 0."""
COLUMNS_MAX = 16_384
UNSEEN_MAX = 1_000_000
_TRUE = frozenset({"1", "true", "on"})
_LOOKED_AT_MAX = 1000
"""Rows and columns of a merged range that are asked whether they are shown."""


@dataclass(frozen=True, slots=True)
class _Unseen:
    """A cell that is not seen; `veil` is NONE where its row or column is hidden, not its style."""

    row: int
    column: int
    text: str
    veil: Veil


class WorksheetReader:
    """Reads one sheet. Openpyxl's own parser is used, as its sheets for reading forget how rows and columns look."""

    def __init__(self, sheet: Any, palette: Palette, shown: Shown) -> None:
        self._sheet, self._book, self._palette, self._shown = sheet, sheet.parent, palette, shown
        self._veils: dict[int, tuple[Veil, str]] = {}
        self._columns: set[int] | None = None
        self._rows_hidden: set[int] = set()
        self._unseen: list[_Unseen] = []
        self._kept: frozenset[tuple[int, int]] = frozenset()

    def read(self) -> tuple[list[SheetRow], tuple[str, ...]]:
        """Rows with something to see, and the words of each row that are not seen.

        What merged cells, tables and conditional formats show after all is known at the sheet's end: it is read again.
        """
        rows, parser = self._read()
        self._kept = frozenset(self._seen_after_all(parser)) if self._unseen else frozenset()
        if self._kept:
            rows, _ = self._read()
        words: dict[int, list[str]] = {}
        for cell in self._unseen:
            words.setdefault(cell.row, []).append(cell.text)
        return rows, tuple(" ".join(texts) for texts in words.values())

    def _read(self) -> tuple[list[SheetRow], Any]:
        self._columns, self._unseen = None, []
        book = self._book
        with self._sheet._get_source() as source:
            parser = WorkSheetParser(
                source,
                self._sheet._shared_strings,
                data_only=True,
                epoch=book.epoch,
                date_formats=book._date_formats,
                timedelta_formats=book._timedelta_formats,
            )
            return list(bounded(self._rows(parser))), parser

    def _rows(self, parser: Any) -> Iterator[SheetRow]:
        skipped = 0
        for number, found in parser.parse():
            if self._columns is None:
                self._columns = _hidden_columns(parser)
            if is_hidden := _is_hidden(parser.row_dimensions.pop(str(number), {}), "ht", ROW_POINTS_MIN):
                self._rows_hidden.add(number)
            cells = self._cells(found, is_hidden=is_hidden)
            if cells:
                yield SheetRow(number, tuple(cells), skipped)
            skipped = skipped + 1 if is_hidden and not cells else 0

    def _cells(self, found: list[dict[str, Any]], *, is_hidden: bool) -> list[str]:
        """The cells from column 1 to the last that is seen."""
        texts: dict[int, str] = {}
        unseen = self._columns or ()
        for about in found:
            if about["value"] is None:
                continue
            cell = ReadOnlyCell(self._sheet, **about)
            text, veil, column = self._shown(cell), self._veil(cell), cell.column
            is_unseen = is_hidden or veil is not Veil.NONE or column in unseen
            if is_unseen and text and (cell.row, column) not in self._kept:
                self._keep_apart(_Unseen(cell.row, column, text, veil))
            elif text:
                texts[column] = text
        cells = [""] * max(texts, default=0)
        for column, text in texts.items():
            cells[column - 1] = text
        return cells

    def _keep_apart(self, cell: _Unseen) -> None:
        self._unseen.append(cell)
        if len(self._unseen) > UNSEEN_MAX:
            raise DocumentRejected(f"a sheet hides more than {UNSEEN_MAX} cells; remove them or show them")

    def _veil(self, cell: Any) -> Veil:
        style = cell._style_id
        if style not in self._veils:
            form = cell.number_format or ""
            self._veils[style] = self._palette.veil(cell.font, cell.fill), form if has_empty_section(form) else ""
        veil, form = self._veils[style]
        return Veil.WHOLE if form and shows_nothing(cell.value, form) else veil

    def _seen_after_all(self, parser: Any) -> Iterator[tuple[int, int]]:
        """Hidden cells of a merged range that reaches what is shown, and white ones on what colours them."""
        merged = {found[:2]: found for found in _merged(parser) if self._is_shown(found)}
        is_white = any(cell.veil is Veil.WHITE for cell in self._unseen)
        coloured = [*self._conditional(parser), *self._tables(parser)] if is_white else []
        for cell in self._unseen:
            is_merged = cell.veil is Veil.NONE and (cell.column, cell.row) in merged
            if is_merged or (cell.veil is Veil.WHITE and self._is_coloured(cell, coloured)):
                yield cell.row, cell.column

    def _is_coloured(self, cell: _Unseen, places: Sequence[Range]) -> bool:
        is_in_sight = cell.row not in self._rows_hidden and cell.column not in (self._columns or ())
        return is_in_sight and any(_holds(place, cell) for place in places)

    def _is_shown(self, found: Range) -> bool:
        left, top, right, bottom = found
        columns, rows = range(left, right + 1)[:_LOOKED_AT_MAX], range(top, bottom + 1)[:_LOOKED_AT_MAX]
        return not (self._rows_hidden.issuperset(rows) or (self._columns or set()).issuperset(columns))

    def _conditional(self, parser: Any) -> Iterator[Range]:
        """Where a condition may colour the ground."""
        styles = self._book._differential_styles
        for formatting in parser.formatting:
            scales = [rule.colorScale or rule.dataBar for rule in formatting.rules]
            fills = [styles[rule.dxfId].fill for rule in formatting.rules if rule.dxfId is not None]
            if any(part is not None for part in (*scales, *fills)):
                yield from (place.bounds for place in formatting.sqref.ranges)

    def _tables(self, parser: Any) -> Iterator[Range]:
        """Where a table's style may colour the ground."""
        path = self._sheet._worksheet_path
        if not parser.tables.tablePart or get_rels_path(path) not in self._book._archive.namelist():
            return
        links = get_dependents(self._book._archive, get_rels_path(path))
        for part in parser.tables.tablePart:
            table = read_xml(self._book._archive, posixpath.normpath(links.get(part.id).target.lstrip("/")), KIND)
            style = table.find("{*}tableStyleInfo")
            if style is not None and style.get("name"):
                yield range_boundaries(table.get("ref", ""))


def _is_hidden(look: dict[str, str], size: str, least: float) -> bool:
    return look.get("hidden", "0").lower() in _TRUE or float(look.get(size) or least) < least


def _hidden_columns(parser: Any) -> set[int]:
    """The columns that are hidden; those before the first row are all."""
    hidden: set[int] = set()
    for look in parser.column_dimensions.values():
        places = range(max(int(look["min"]), 1), min(int(look["max"]), COLUMNS_MAX) + 1)
        if _is_hidden(look, "width", COLUMN_WIDTH_MIN):
            hidden.update(places)
    return hidden


def _merged(parser: Any) -> Iterator[Range]:
    for found in parser.merged_cells.mergeCell if parser.merged_cells else ():
        yield found.bounds


def _holds(place: Range, cell: _Unseen) -> bool:
    left, top, right, bottom = place
    return left <= cell.column <= right and top <= cell.row <= bottom
