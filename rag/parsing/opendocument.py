"""ODT, ODS and ODP to blocks: headings, lists, tables, slides and sheets, without what their reader does not see."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from lxml.etree import _Element as Element

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.opendocument_styles import Styles, read_styles
from rag.parsing.opendocument_styles import qualified as _q
from rag.parsing.packages import open_package, read_xml
from rag.parsing.sheets import SheetRow, sheet_blocks, title_of
from rag.parsing.tables import table_rows

KIND = "OpenDocument file"
DEPTH_MAX = 60
SHEET_COLUMNS_MAX = 16_384
"""As many as a spreadsheet has."""
_LEVEL_MAX = 6
_UNSEEN = frozenset(
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
_ROW_GROUPS = frozenset(_q(f"table:table-{name}") for name in ("header-rows", "rows", "row-group"))
_SLIDE, _SHEET = _q("draw:page"), _q("table:table")


def parse(data: bytes) -> ParsedDocument:
    """Blocks in reading order; a slide or sheet is a page. Raises DocumentRejected on a broken or hostile file."""
    with open_package(data, KIND) as package:
        root = read_xml(package, "content.xml", KIND)
        named_styles = [read_xml(package, "styles.xml", KIND)] if "styles.xml" in package.namelist() else []
        title, modified = _about(package)
    body = next(iter(root.iterfind(f"{_q('office:body')}/*")), None)
    if body is None:
        raise DocumentRejected(f"the {KIND} has no body; open it and save it again")
    styles = read_styles(*named_styles, root)
    hidden = tuple(_hidden(body, _Flow(styles, None)))
    slides, sheets = body.findall(_SLIDE), body.findall(_SHEET)
    if body.tag == _q("office:spreadsheet"):
        blocks = [block for number, sheet in enumerate(sheets, 1) for block in _sheet(sheet, number, styles)]
        names = [block.text for block in blocks if block.kind is BlockKind.HEADING]
        return ParsedDocument(title or title_of(names), len(sheets), tuple(blocks), modified, hidden=hidden)
    if slides:
        blocks = [block for number, slide in enumerate(slides, 1) for block in _slide(slide, number, styles)]
    else:
        blocks = list(_Flow(styles, None).read(body))
    heading = next((block.text for block in blocks if block.kind is BlockKind.HEADING), "")
    return ParsedDocument(title or heading, len(slides) or None, tuple(blocks), modified, hidden=hidden)


def _about(package: zipfile.ZipFile) -> tuple[str, datetime | None]:
    """Title and date of the last change, where the file says them."""
    if "meta.xml" not in package.namelist():
        return "", None
    meta = read_xml(package, "meta.xml", KIND)
    title, changed = (meta.findtext(f".//{_q(name)}") or "" for name in ("dc:title", "dc:date"))
    with suppress(ValueError):
        return title.strip(), datetime.fromisoformat(changed.strip())
    return title.strip(), None


def _hidden(body: Element, flow: "_Flow") -> Iterator[str]:
    """The words of what a style or a field hides. Comments, notes and deletions are seen elsewhere."""
    for element in body.iter():
        if isinstance(element.tag, str) and element.tag not in _UNSEEN and flow.is_unseen(element):
            yield " ".join(map(str, element.itertext()))


def _slide(slide: Element, number: int, styles: Styles) -> Iterator[Block]:
    """A slide's title as a heading, then what stands on it; nothing of a slide that is not shown."""
    flow = _Flow(styles, number)
    if flow.is_unseen(slide):
        return
    frames = [frame for frame in slide if not flow.is_unseen(frame)]
    titles = [frame for frame in frames if frame.get(_q("presentation:class")) == "title"]
    for frame in titles:
        text = " ".join(block.text for block in flow.read(frame))
        if text:
            yield Block(BlockKind.HEADING, text, number, 2)
    for frame in frames:
        if frame not in titles:
            yield from flow.read(frame)


class _Flow:
    """Walks text in reading order."""

    def __init__(self, styles: Styles, page: int | None) -> None:
        self._styles, self._page = styles, page

    def read(self, element: Element, depth: int = 0, kind: BlockKind = BlockKind.PARAGRAPH) -> Iterator[Block]:
        """The blocks below an element."""
        if depth > DEPTH_MAX:
            raise DocumentRejected(f"the {KIND} nests more than {DEPTH_MAX} elements; save it as text")
        for child in element:
            if self.is_unseen(child):
                continue
            if child.tag == _q("text:h"):
                yield from self._block(child, BlockKind.HEADING, _count(child, "text:outline-level"))
            elif child.tag == _q("text:p"):
                yield from self._block(child, kind, 0)
            elif child.tag == _SHEET:
                yield from table_rows([self.cells(row) for row in _rows(child)], self._page)
            else:
                is_item = child.tag in {_q("text:list-item"), _q("text:list-header")}
                yield from self.read(child, depth + 1, BlockKind.LIST_ITEM if is_item else kind)

    def words(self, element: Element) -> str:
        """The visible words of a paragraph, or of all paragraphs of a cell."""
        return re.sub(r"\s+", " ", "".join(self._pieces(element, 0))).strip()

    def _block(self, paragraph: Element, kind: BlockKind, level: int) -> Iterator[Block]:
        text = self.words(paragraph)
        if text:
            yield Block(kind, text, self._page, min(level, _LEVEL_MAX))

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
            or element.tag in _UNSEEN
            or element.get(_q("text:display")) == "none"
            or element.get(_q("text:is-hidden")) == "true"
            or self._styles.hide(element)
            or _is_hidden_paragraph(element)
        )

    def cells(self, row: Element) -> list[str]:
        """A row's cells by column up to the last that is filled; those that a spanning one covers are empty."""
        cells: list[str] = []
        empty = 0
        for cell in row.iterchildren(_q("table:table-cell"), _q("table:covered-table-cell")):
            text = self.words(cell) if cell.tag == _q("table:table-cell") else ""
            times = _count(cell, "table:number-columns-repeated")
            if not text:
                empty += times
                continue
            if len(cells) + empty + times > SHEET_COLUMNS_MAX:
                raise DocumentRejected(f"a row has a cell beyond column {SHEET_COLUMNS_MAX}; remove it")
            cells += [""] * empty + [text] * times
            empty = 0
        return cells


def _is_hidden_paragraph(element: Element) -> bool:
    """Whether a field in a paragraph hides all of it. OpenDocument 1.3 part 3, 7.7.12."""
    fields = element.iterchildren(_q("text:hidden-paragraph")) if element.tag == _q("text:p") else ()
    return any(field.get(_q("text:is-hidden")) == "true" for field in fields)


def _rows(table: Element) -> Iterator[Element]:
    """The rows of a table, without those of tables in its cells."""
    for child in table:
        if child.tag == _q("table:table-row"):
            yield child
        elif child.tag in _ROW_GROUPS:
            yield from _rows(child)


def _sheet(sheet: Element, number: int, styles: Styles) -> Iterator[Block]:
    flow = _Flow(styles, number)
    if not flow.is_unseen(sheet):
        yield from sheet_blocks(sheet.get(_q("table:name"), ""), _sheet_rows(sheet, flow), number)


def _sheet_rows(sheet: Element, flow: _Flow) -> Iterator[SheetRow]:
    """Rows that hold something and are shown; what a million empty repetitions stand for is only counted."""
    number = 0
    for row in _rows(sheet):
        number += 1
        cells = flow.cells(row)
        if cells and row.get(_q("table:visibility"), "visible") == "visible":
            yield SheetRow(number, tuple(cells))
        number += _count(row, "table:number-rows-repeated") - 1


def _count(element: Element, name: str) -> int:
    times = element.get(_q(name), "1")
    return max(int(times), 1) if times.isdecimal() and len(times) < 10 else 1  # noqa: PLR2004
