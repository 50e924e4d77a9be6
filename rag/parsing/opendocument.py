"""ODT, ODS and ODP to blocks: headings, lists, tables, slides and sheets, without what their reader does not see."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from lxml.etree import _Element as Element

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.packages import open_package, read_xml
from rag.parsing.sheets import SheetRow, sheet_blocks, title_of
from rag.parsing.tables import COLUMNS_MAX, table_rows

KIND = "OpenDocument file"
DEPTH_MAX = 60
_LEVEL_MAX = 6
_TINY = re.compile(r"[012](?:\.\d+)?pt$|0(?:\.\d+)?(?:cm|mm|in)$")
_NAMES = {
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "draw": "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0",
    "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
    "fo": "urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0",
    "presentation": "urn:oasis:names:tc:opendocument:xmlns:presentation:1.0",
    "dc": "http://purl.org/dc/elements/1.1/",
}


def _q(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{_NAMES[prefix]}}}{local}"


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
_STYLE = _q("text:style-name")
_SLIDE, _SHEET = _q("draw:page"), _q("table:table")


def parse(data: bytes) -> ParsedDocument:
    """Blocks in reading order; a slide or sheet is a page. Raises DocumentRejected on a broken or hostile file."""
    with open_package(data, KIND) as package:
        root = read_xml(package, "content.xml", KIND)
        title, modified = _about(package)
    body = next(iter(root.iterfind(f"{_q('office:body')}/*")), None)
    if body is None:
        raise DocumentRejected(f"the {KIND} has no body; open it and save it again")
    hidden = _hidden_styles(root)
    slides, sheets = body.findall(_SLIDE), body.findall(_SHEET)
    if body.tag == _q("office:spreadsheet"):
        blocks = [block for number, sheet in enumerate(sheets, 1) for block in _sheet(sheet, number, hidden)]
        named = title_of([sheet.get(_q("table:name"), "") for sheet in sheets])
        return ParsedDocument(title or named, len(sheets), tuple(blocks), modified)
    if slides:
        blocks = [block for number, slide in enumerate(slides, 1) for block in _slide(slide, number, hidden)]
    else:
        blocks = list(_Flow(hidden, None).read(body))
    heading = next((block.text for block in blocks if block.kind is BlockKind.HEADING), "")
    return ParsedDocument(title or heading, len(slides) or None, tuple(blocks), modified)


def _about(package: zipfile.ZipFile) -> tuple[str, datetime | None]:
    """Title and date of the last change, where the file says them."""
    if "meta.xml" not in package.namelist():
        return "", None
    meta = read_xml(package, "meta.xml", KIND)
    title, changed = (meta.findtext(f".//{_q(name)}") or "" for name in ("dc:title", "dc:date"))
    with suppress(ValueError):
        return title.strip(), datetime.fromisoformat(changed.strip())
    return title.strip(), None


def _hidden_styles(root: Element) -> frozenset[str]:
    """Names of styles whose text no reader sees: not displayed, too small, or white on no colour."""
    found = set()
    for style in root.iter(_q("style:style")):
        if any(_hides(properties) for properties in style):
            found.add(style.get(_q("style:name"), ""))
    return frozenset(found)


def _hides(properties: Element) -> bool:
    is_white = properties.get(_q("fo:color"), "").lower() == "#ffffff"
    return (
        properties.get(_q("text:display")) == "none"
        or properties.get(_q("table:display")) == "false"
        or bool(_TINY.match(properties.get(_q("fo:font-size"), "")))
        or (is_white and properties.get(_q("fo:background-color"), "transparent") == "transparent")
    )


def _slide(slide: Element, number: int, hidden: frozenset[str]) -> Iterator[Block]:
    """A slide's title as a heading, then what stands on it; nothing of a slide that is not shown."""
    if slide.get(_q("presentation:visibility")) == "hidden" or slide.get(_q("draw:style-name")) in hidden:
        return
    flow = _Flow(hidden, number)
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

    def __init__(self, hidden: frozenset[str], page: int | None) -> None:
        self._hidden, self._page = hidden, page

    def read(self, element: Element, depth: int = 0, kind: BlockKind = BlockKind.PARAGRAPH) -> Iterator[Block]:
        """The blocks below an element."""
        if depth > DEPTH_MAX:
            raise DocumentRejected(f"the {KIND} nests more than {DEPTH_MAX} elements; save it as text")
        for child in element:
            if self.is_unseen(child):
                continue
            if child.tag == _q("text:h"):
                level = child.get(_q("text:outline-level"), "1")
                yield from self._block(child, BlockKind.HEADING, int(level) if level.isdecimal() else 1)
            elif child.tag == _q("text:p"):
                yield from self._block(child, kind, 0)
            elif child.tag == _SHEET:
                yield from table_rows([self.cells(row) for row in child.iter(_q("table:table-row"))], self._page)
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
            or element.get(_STYLE) in self._hidden
            or element.get(_q("text:display")) == "none"
        )

    def cells(self, row: Element) -> list[str]:
        """A row's cells by column; those that a spanning one covers are empty."""
        cells: list[str] = []
        for cell in row.iterchildren(_q("table:table-cell"), _q("table:covered-table-cell")):
            text = self.words(cell) if cell.tag == _q("table:table-cell") else ""
            cells += [text] * _repeated(cell, "table:number-columns-repeated", COLUMNS_MAX)
        return cells


def _sheet(sheet: Element, number: int, hidden: frozenset[str]) -> Iterator[Block]:
    if sheet.get(_q("table:style-name")) in hidden:
        return
    yield from sheet_blocks(sheet.get(_q("table:name"), ""), _sheet_rows(sheet, _Flow(hidden, number)), number)


def _sheet_rows(sheet: Element, flow: _Flow) -> Iterator[SheetRow]:
    """Rows that hold something and are shown; what a million empty repetitions stand for is only counted."""
    number = 0
    for row in sheet.iter(_q("table:table-row")):
        number += 1
        cells = flow.cells(row)
        last = next((place for place in range(len(cells), 0, -1) if cells[place - 1]), 0)
        if last and row.get(_q("table:visibility"), "visible") == "visible":
            yield SheetRow(number, tuple(cells[:last]))
        number += _repeated(row, "table:number-rows-repeated", 2**31) - 1


def _repeated(element: Element, name: str, most: int) -> int:
    times = element.get(_q(name), "1")
    return min(max(int(times), 1), most) if times.isdecimal() and len(times) < 10 else 1  # noqa: PLR2004
