"""XLSX to blocks: the values a reader sees, with percent signs, currencies and dates as their format says."""

import io
from typing import Any

import openpyxl
from lxml.etree import LxmlError

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.cell_looks import Palette
from rag.parsing.cell_values import shown
from rag.parsing.filetypes import ZIP_ERRORS
from rag.parsing.packages import open_package, parse_xml, read_part
from rag.parsing.sheets import sheet_blocks, title_of
from rag.parsing.worksheet import KIND, WorksheetReader

_WRONG = (LookupError, TypeError, AttributeError, OverflowError)
"""What openpyxl raises on parts that do not fit together."""


def parse(data: bytes) -> ParsedDocument:
    """Blocks by sheet, each a page, without what is hidden. Formulas give the value they had when saved."""
    has_date = _says_when(data)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        palette = Palette(book._colors, parse_xml(book.loaded_theme, KIND) if book.loaded_theme else None)
        blocks: list[Block] = []
        hidden: list[str] = []
        for number, sheet in enumerate(book.worksheets, 1):
            if sheet.sheet_state == "visible":
                rows, unseen = WorksheetReader(sheet, palette, _shown).read()
                blocks += sheet_blocks(sheet.title, rows, number)
                hidden += unseen
        title, modified = (book.properties.title or "").strip(), book.properties.modified
    except (*ZIP_ERRORS, LxmlError, SyntaxError, *_WRONG) as error:
        raise DocumentRejected(f"the {KIND} is broken; open it and save it again") from error
    names = [block.text for block in blocks if block.kind is BlockKind.HEADING]
    return ParsedDocument(
        title or title_of(names),
        len(book.worksheets),
        tuple(blocks),
        modified if has_date else None,
        hidden=tuple(hidden),
    )


def _says_when(data: bytes) -> bool:
    """Whether the file says when it was changed; openpyxl gives the present moment otherwise."""
    with open_package(data, KIND) as package:
        about = "docProps/core.xml"
        return about in package.namelist() and b"modified" in read_part(package, about, KIND)


def _shown(cell: Any) -> str:
    return shown(cell.value, cell.number_format or "")
