"""DOCX to blocks: headings by style, paragraphs, list items, tables as rows with their header."""

import io
import re
from collections.abc import Iterator

import docx
from docx.document import Document
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from docx.oxml.text.paragraph import CT_P
from docx.text.paragraph import Paragraph
from lxml.etree import _Element as Element

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.filetypes import ZIP_ERRORS
from rag.parsing.packages import open_package
from rag.parsing.tables import table_rows

DEPTH_MAX = 20
SPAN_MAX = 50
_HEADING = re.compile(r"^(?:heading|titre)\s*(\d)", re.I)
_EMPTY_TITLES = frozenset({"word document", "document", "untitled", "sans titre", "document1"})
"""What programs write when nobody gave a title."""
_TINY_HALF_POINTS = 4
_SHADES = ("w:shd", "w:highlight")
_SKIPPED = frozenset(map(qn, ("w:del", "w:moveFrom", "w:instrText")))
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


def parse(data: bytes) -> ParsedDocument:
    """Blocks in reading order; raises DocumentRejected on a bomb or a broken file."""
    open_package(data, "Word file").close()
    try:
        document = docx.Document(io.BytesIO(data))
        blocks = tuple(_blocks(document.element.body, document, 0))
        properties = document.core_properties
        hidden = tuple(_words(run) for run in document.element.body.iter(qn("w:r")) if _is_hidden(run))
        title, modified = (properties.title or "").strip(), properties.modified
    except (*ZIP_ERRORS, LookupError, TypeError, AttributeError, SyntaxError, OpcError) as error:
        raise DocumentRejected("the Word file is broken; open it and save it again") from error
    heading = next((block.text for block in blocks if block.kind is BlockKind.HEADING), "")
    title = heading if title.lower() in {"", *_EMPTY_TITLES} else title
    return ParsedDocument(title, None, blocks, modified, hidden=hidden)


def _blocks(parent: Element, document: Document, depth: int) -> Iterator[Block]:
    if depth > DEPTH_MAX:
        raise DocumentRejected(f"the Word file nests more than {DEPTH_MAX} containers; save it as text")
    for element in parent.iterchildren():
        if isinstance(element, CT_P):
            yield from _paragraph(Paragraph(element, document))
        elif element.tag == qn("w:tbl"):
            yield from table_rows(_rows(element))
        elif element.tag in {qn("w:sdt"), qn("w:sdtContent"), qn("w:customXml"), qn("w:ins")}:
            yield from _blocks(element, document, depth + 1)


def _paragraph(paragraph: Paragraph) -> Iterator[Block]:
    text = re.sub(r"\s+", " ", _visible(paragraph._p)).strip()
    if not text:
        return
    style = paragraph.style
    name = (style.name or "") if style else ""
    level = _level(name) or _level((style.base_style.name or "") if style and style.base_style else "")
    if level:
        yield Block(BlockKind.HEADING, text, level=level)
    else:
        is_item = "List" in name or (paragraph._p.pPr is not None and paragraph._p.pPr.numPr is not None)
        yield Block(BlockKind.LIST_ITEM if is_item else BlockKind.PARAGRAPH, text)


def _level(style: str) -> int:
    heading = _HEADING.match(style)
    return min(int(heading.group(1)), 6) if heading else int(style in {"Title", "Titre"})


def _rows(table: Element) -> list[list[str]]:
    """Cells as a reader sees them: one that spans columns is followed by empty ones, one merged downwards repeats."""
    rows: list[list[str]] = []
    for row in table.iterchildren(qn("w:tr")):
        cells: list[str] = []
        for cell in row.iterchildren(qn("w:tc")):
            span, is_continued = _merge(cell)
            above = rows[-1][len(cells)] if is_continued and rows and len(cells) < len(rows[-1]) else ""
            cells += [above or " ".join(_visible(part) for part in cell.iter(qn("w:p")))] + [""] * (span - 1)
        rows.append(cells)
    return rows


def _merge(cell: Element) -> tuple[int, bool]:
    """How many columns a cell spans, and whether it continues the one above."""
    properties = cell.find(qn("w:tcPr"))
    if properties is None:
        return 1, False
    span, down = properties.find(qn("w:gridSpan")), properties.find(qn("w:vMerge"))
    width = span.get(qn("w:val"), "1") if span is not None else "1"
    is_continued = down is not None and down.get(qn("w:val"), "continue") == "continue"
    return (min(max(int(width), 1), SPAN_MAX) if width.isdecimal() else 1), is_continued


def _visible(element: Element) -> str:
    """The words of a paragraph: links, insertions and text boxes too, without deleted and hidden runs."""
    parts: list[str] = []
    for run in element.iter(qn("w:r")):
        if _is_hidden(run) or any(above.tag in _SKIPPED or above.tag == _FALLBACK for above in run.iterancestors()):
            continue
        for node in run.iterchildren(qn("w:t"), qn("w:tab"), qn("w:br"), qn("w:cr"), qn("w:noBreakHyphen")):
            if node.tag == qn("w:noBreakHyphen"):
                parts.append("-")
            else:
                parts.append((node.text or "") if node.tag == qn("w:t") else " ")
    return "".join(parts)


def _words(run: Element) -> str:
    return "".join(node.text or "" for node in run.iterchildren(qn("w:t")))


def _is_hidden(run: Element) -> bool:
    """Hidden by Word, too small to read, or white on no shading. White in a table may stand on the table's colour."""
    properties = run.find(qn("w:rPr"))
    if properties is None:
        return False
    vanish, size, colour = (properties.find(qn(name)) for name in ("w:vanish", "w:sz", "w:color"))
    if vanish is not None and vanish.get(qn("w:val"), "1") not in {"0", "false", "off"}:
        return True
    half_points = size.get(qn("w:val"), "") if size is not None else ""
    if half_points.isdecimal() and int(half_points) <= _TINY_HALF_POINTS:
        return True
    is_white = colour is not None and colour.get(qn("w:val"), "").upper() == "FFFFFF"
    return is_white and not _is_shaded(run)


def _is_shaded(run: Element) -> bool:
    around = [run, *run.iterancestors(qn("w:p"), qn("w:tbl"), qn("w:txbxContent"))]
    return any(
        part.tag in {qn("w:tbl"), qn("w:txbxContent")}
        or any(part.find(f"{qn(holder)}/{qn(mark)}") is not None for holder in ("w:rPr", "w:pPr") for mark in _SHADES)
        for part in around
    )
