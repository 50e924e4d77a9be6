"""Text of an OpenDocument file in reading order, without what its reader does not see."""

import re
from collections.abc import Iterator

from lxml.etree import _Element as Element

from rag.documents import Block, BlockKind
from rag.errors import DocumentRejected
from rag.parsing.opendocument_styles import Styles
from rag.parsing.opendocument_styles import qualified as _q
from rag.parsing.tables import table_rows

KIND = "OpenDocument file"
DEPTH_MAX = 60
COLUMNS_MAX = 16_384
"""As many as a spreadsheet has."""
_LEVEL_MAX = 6
UNSEEN = frozenset(
    _q(name)
    for name in (
        "text:tracked-changes",
        "text:hidden-text",
        "text:hidden-paragraph",
        "office:annotation",
        "office:forms",
        "presentation:notes",
        "draw:object",
        "draw:plugin",
    )
)
GROUPS = frozenset(
    _q(f"table:table-{name}")
    for name in ("header-rows", "rows", "row-group", "header-columns", "columns", "column-group")
)
"""What stands between a table and its rows and columns."""
_TABLE, _CELL, _COVERED = (_q(f"table:{name}") for name in ("table", "table-cell", "covered-table-cell"))
_DISPLAY, _VISIBILITY = _q("table:display"), _q("table:visibility")


class Flow:
    """Walks text in reading order."""

    def __init__(self, styles: Styles, page: int | None) -> None:
        self.styles, self.page = styles, page

    def read(self, element: Element, depth: int = 0, kind: BlockKind = BlockKind.PARAGRAPH) -> Iterator[Block]:
        """The blocks below an element."""
        if depth > DEPTH_MAX:
            raise DocumentRejected(f"the {KIND} nests more than {DEPTH_MAX} elements; save it as text")
        for child in element:
            if self.is_unseen(child):
                continue
            if child.tag == _q("text:h"):
                yield from self._block(child, BlockKind.HEADING, count(child, "text:outline-level"))
            elif child.tag == _q("text:p"):
                yield from self._block(child, kind, 0)
            elif child.tag == _TABLE:
                yield from table_rows([self.cells(row) for row in rows_of(child)], self.page)
            else:
                is_item = child.tag in {_q("text:list-item"), _q("text:list-header")}
                yield from self.read(child, depth + 1, BlockKind.LIST_ITEM if is_item else kind)

    def words(self, element: Element) -> str:
        """The visible words of a paragraph, or of all paragraphs of a cell."""
        return re.sub(r"\s+", " ", "".join(self._pieces(element, 0))).strip()

    def _block(self, paragraph: Element, kind: BlockKind, level: int) -> Iterator[Block]:
        text = self.words(paragraph)
        if text:
            yield Block(kind, text, self.page, min(level, _LEVEL_MAX))

    def _pieces(self, element: Element, depth: int) -> Iterator[str]:
        if depth > DEPTH_MAX or self.is_unseen(element):
            return
        if element.tag in {_q("text:s"), _q("text:tab"), _q("text:line-break"), _q("text:p")}:
            yield " "
        yield element.text or ""
        for child in element:
            yield from self._pieces(child, depth + 1)
            yield child.tail or ""

    def is_unseen(self, element: Element) -> bool:
        """Whether a reader sees nothing of an element."""
        return (
            not isinstance(element.tag, str)
            or element.tag in UNSEEN
            or element.get(_q("text:display")) == "none"
            or element.get(_q("text:is-hidden")) == "true"
            or element.get(_DISPLAY) == "false"
            or element.get(_VISIBILITY, "visible") != "visible"
            or self.styles.hide(element)
            or _is_hidden_paragraph(element)
        )

    def cells(self, row: Element) -> list[str]:
        """A row's cells by column up to the last that is filled; those that a spanning one covers are empty."""
        cells: list[str] = []
        for column, times, cell in cells_of(row):
            text = self.words(cell)
            if text:
                cells += [""] * (column - 1 - len(cells)) + [text] * times
        return cells


def _is_hidden_paragraph(element: Element) -> bool:
    """Whether a field in a paragraph hides all of it. OpenDocument 1.3 part 3, 7.7.12."""
    fields = element.iterchildren(_q("text:hidden-paragraph")) if element.tag == _q("text:p") else ()
    return any(field.get(_q("text:is-hidden")) == "true" for field in fields)


def rows_of(table: Element) -> Iterator[Element]:
    """The rows of a table, without those of tables in its cells."""
    for child in table:
        if child.tag == _q("table:table-row"):
            yield child
        elif child.tag in GROUPS:
            yield from rows_of(child)


def cells_of(row: Element) -> Iterator[tuple[int, int, Element]]:
    """(first column, number of columns, cell) of the cells of a row that hold something.

    Raises DocumentRejected for one beyond the last column that a spreadsheet has.
    """
    column = 1
    for cell in row.iterchildren(_CELL, _COVERED):
        times = count(cell, "table:number-columns-repeated")
        if cell.tag == _CELL and len(cell):
            if column + times - 1 > COLUMNS_MAX:
                raise DocumentRejected(f"a row has a cell beyond column {COLUMNS_MAX}; remove it")
            yield column, times, cell
        column += times


def count(element: Element, name: str) -> int:
    """How often an element stands, or how far it reaches: at least once."""
    times = element.get(_q(name), "1")
    return max(int(times), 1) if times.isdecimal() and len(times) < 10 else 1  # noqa: PLR2004
