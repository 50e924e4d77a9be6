"""XLS to blocks: the values a reader sees, where they stand. The one door to xlrd."""

import io
import struct
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import xlrd
from xlrd.compdoc import CompDocError
from xlrd.formula import FormulaError

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing import compound
from rag.parsing.cell_looks import BLACK, WHITE, Rgb, Veil, has_empty_section, shows_nothing, veil_of
from rag.parsing.cell_values import shown
from rag.parsing.sheets import SheetRow, bounded, sheet_blocks, title_of

KIND = "old Excel workbook"
_WRONG = (
    xlrd.XLRDError,
    FormulaError,
    CompDocError,
    struct.error,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    ValueError,
    EOFError,
    OSError,
    RecursionError,
)
"""What xlrd raises on records that do not fit together."""
_HEAD_BYTES, _END, _NAME, _UNKNOWN = 4, 0x0A, 0x18, 0xFFFF
"""Of a record; and kinds of records. [MS-XLS] 2.3."""
_SOLID = 1
_TWIPS = 20
"""In a point."""
_LOOKED_AT_MAX = 1000
"""Rows of a merged range that are asked whether they are shown."""
ROW_TWIPS_MIN, COLUMN_UNITS_MIN = 40, 52
"""Below these nothing can be read: 2 points, a fifth of a letter's width."""


def parse(data: bytes) -> ParsedDocument:
    """Blocks by sheet, each a page, without what is hidden. Formulas give the value they had when saved."""
    blocks: list[Block] = []
    hidden: list[str] = []
    try:
        book = _opened(data)
        for number, name in enumerate(book.sheet_names(), 1):
            sheet = book.sheet_by_index(number - 1)
            if sheet.visibility == 0:
                rows, unseen = _SheetReader(book, sheet).read()
                blocks += sheet_blocks(name, rows, number)
                hidden += unseen
            book.unload_sheet(number - 1)
    except _WRONG as error:
        if "encrypted" in str(error):
            raise DocumentRejected(f"the {KIND} is locked with a password; save it without one") from error
        raise DocumentRejected(f"the {KIND} is broken; open it and save it again") from error
    title, modified = compound.about(data)
    names = [block.text for block in blocks if block.kind is BlockKind.HEADING]
    return ParsedDocument(title or title_of(names), book.nsheets, tuple(blocks), modified, hidden=tuple(hidden))


class _Silence(io.TextIOBase):
    """Where xlrd tells what it finds odd: its default is the standard output, which is the child's answer."""

    def write(self, text: str) -> int:
        return len(text)


def _opened(data: bytes) -> Any:
    workbook, older = compound.streams(data, "Workbook", "Book")
    return xlrd.open_workbook(
        file_contents=_without_names(workbook or older),
        logfile=_Silence(),
        formatting_info=True,
        on_demand=True,
        ragged_rows=True,
        ignore_workbook_corruption=True,
    )


def _without_names(stream: bytes) -> bytes:
    """The records but those that give names to ranges: they show nothing, and xlrd fails on some that Excel writes."""
    made = bytearray(stream)
    place = 0
    while place + _HEAD_BYTES <= len(made):
        kind, length = struct.unpack_from("<HH", made, place)
        if kind == _END:
            break
        if kind == _NAME:
            struct.pack_into("<H", made, place, _UNKNOWN)
        place += _HEAD_BYTES + length
    return bytes(made)


class _SheetReader:
    """Reads one sheet; rows and columns count from 0 in xlrd, from 1 in what comes out."""

    def __init__(self, book: Any, sheet: Any) -> None:
        self._book, self._sheet = book, sheet
        self._looks: dict[int, tuple[Veil, str]] = {}
        self._columns = {column for column, look in sheet.colinfo_map.items() if _is_column_hidden(look)}
        self._merged = {(top, left): (bottom, right) for top, bottom, left, right in sheet.merged_cells}
        self._unseen: list[str] = []

    def read(self) -> tuple[list[SheetRow], tuple[str, ...]]:
        """Rows with something to see, and the words of each row that are not seen."""
        return list(bounded(self._rows())), tuple(self._unseen)

    def _rows(self) -> Iterator[SheetRow]:
        skipped = 0
        for row in range(self._sheet.nrows):
            is_hidden = self._is_row_hidden(row)
            cells = self._cells(row, is_hidden=is_hidden)
            if cells:
                yield SheetRow(row + 1, tuple(cells), skipped)
            skipped = skipped + 1 if is_hidden and not cells else 0

    def _cells(self, row: int, *, is_hidden: bool) -> list[str]:
        """The cells from column 1 to the last that is seen."""
        cells: list[str] = []
        apart: list[str] = []
        for column, cell in enumerate(self._sheet.row(row)):
            if cell.ctype in {xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK}:
                continue
            veil, form = self._look(cell.xf_index)
            value = self._value(cell)
            text = shown(value, form)
            if not text:
                continue
            is_veiled = veil is not Veil.NONE or (has_empty_section(form) and shows_nothing(value, form))
            is_placed = (is_hidden or column in self._columns) and not self._reaches_out(row, column)
            if is_veiled or is_placed:
                apart.append(text)
            else:
                cells += [""] * (column - len(cells)) + [text]
        if apart:
            self._unseen.append(" ".join(apart))
        return cells

    def _value(self, cell: Any) -> object:
        if cell.ctype == xlrd.XL_CELL_DATE:
            return _moment(cell.value, self._book.datemode, self._look(cell.xf_index)[1])
        if cell.ctype == xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        if cell.ctype == xlrd.XL_CELL_ERROR:
            return xlrd.error_text_from_code.get(cell.value, "")
        return cell.value

    def _look(self, number: int | None) -> tuple[Veil, str]:
        """How a style hides what it is for, and its format of numbers; a plain one where the file has no such style."""
        styles, fonts = self._book.xf_list, self._book.font_list
        if number is None or number >= len(styles) or styles[number].font_index >= len(fonts):
            return Veil.NONE, ""
        if number not in self._looks:
            form = self._book.format_map.get(styles[number].format_key)
            veil = self._veil(fonts[styles[number].font_index], styles[number].background)
            self._looks[number] = veil, (form.format_str if form else None) or ""
        return self._looks[number]

    def _veil(self, font: Any, fill: Any) -> Veil:
        letters = self._colour(font.colour_index, BLACK)
        ground = self._colour(fill.pattern_colour_index, WHITE) if fill.fill_pattern == _SOLID else None
        return veil_of(font.height / _TWIPS, letters, ground, is_patterned=fill.fill_pattern > _SOLID)

    def _colour(self, number: int, other: Rgb) -> Rgb:
        """A colour of the book's palette; `other` where the system chooses."""
        colour = self._book.colour_map.get(number)
        return (colour[0] / 255, colour[1] / 255, colour[2] / 255) if colour else other

    def _is_row_hidden(self, row: int) -> bool:
        look = self._sheet.rowinfo_map.get(row)
        if look is None:
            return bool(self._sheet.default_row_hidden)
        return bool(look.hidden) or (not look.has_default_height and look.height < ROW_TWIPS_MIN)

    def _reaches_out(self, row: int, column: int) -> bool:
        """Whether a merged cell reaches a row and a column that are shown."""
        bottom, right = self._merged.get((row, column), (row + 1, column + 1))
        is_row_shown = any(not self._is_row_hidden(place) for place in range(row, bottom)[:_LOOKED_AT_MAX])
        return is_row_shown and not self._columns.issuperset(range(column, right))


def _is_column_hidden(look: Any) -> bool:
    return bool(look.hidden) or look.width < COLUMN_UNITS_MIN


def _moment(value: float, mode: int, form: str) -> date | datetime | timedelta | object:
    """A date, a time or a length of time; the number itself where it is none that a calendar has."""
    if "[h" in form.lower() or "[m" in form.lower() or "[s" in form.lower():
        return timedelta(days=value)
    try:
        moment: datetime = xlrd.xldate.xldate_as_datetime(value, mode)
    except (xlrd.xldate.XLDateError, OverflowError, ValueError):
        return value
    return moment.time() if 0 <= value < 1 else moment
