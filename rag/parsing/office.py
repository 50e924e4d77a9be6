"""DOCX to blocks: headings by style, paragraphs, list items, tables as rows with their header."""

import io
import re
import zipfile

import docx
from docx.document import Document
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.text import table_rows

UNPACKED_BYTES_MAX = 200 * 1024 * 1024
RATIO_MAX = 200
ENTRIES_MAX = 5000
_HEADING = re.compile(r"^(?:heading|titre)\s*(\d)", re.I)


def parse(name: str, data: bytes) -> ParsedDocument:
    """Blocks in reading order; raises DocumentRejected on a bomb or a broken file."""
    _check_size(data)
    try:
        document = docx.Document(io.BytesIO(data))
    except (KeyError, ValueError, zipfile.BadZipFile, SyntaxError) as error:
        raise DocumentRejected("the Word file is broken; open it and save it again") from error
    blocks = tuple(_blocks(document))
    heading = next((block.text for block in blocks if block.kind is BlockKind.HEADING), name)
    properties = document.core_properties
    return ParsedDocument((properties.title or "").strip() or heading, None, blocks, properties.modified)


def _check_size(data: bytes) -> None:
    """Raise DocumentRejected for what would unpack beyond the limits, before anything is unpacked."""
    try:
        entries = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except zipfile.BadZipFile as error:
        raise DocumentRejected("the Word file is cut or broken; copy it again") from error
    size = sum(entry.file_size for entry in entries)
    if size > UNPACKED_BYTES_MAX or size > RATIO_MAX * max(len(data), 1) or len(entries) > ENTRIES_MAX:
        raise DocumentRejected(f"the Word file unpacks to {size >> 20} MB; the limit is {UNPACKED_BYTES_MAX >> 20} MB")


def _blocks(document: Document) -> list[Block]:
    blocks: list[Block] = []
    for element in document.element.body.iterchildren():
        if element.tag == qn("w:p"):
            block = _paragraph(Paragraph(element, document))
            blocks += [block] if block else []
        elif element.tag == qn("w:tbl"):
            rows = [[cell.text for cell in row.cells] for row in Table(element, document).rows]
            blocks += table_rows(rows) if rows else ()
    return blocks


def _paragraph(paragraph: Paragraph) -> Block | None:
    text = re.sub(r"\s+", " ", _visible(paragraph)).strip()
    if not text:
        return None
    style = (paragraph.style.name or "") if paragraph.style else ""
    heading = _HEADING.match(style)
    if heading or style in {"Title", "Titre"}:
        return Block(BlockKind.HEADING, text, level=int(heading.group(1)) if heading else 1)
    is_item = "List" in style or (paragraph._p.pPr is not None and paragraph._p.pPr.numPr is not None)
    return Block(BlockKind.LIST_ITEM if is_item else BlockKind.PARAGRAPH, text)


def _visible(paragraph: Paragraph) -> str:
    """The paragraph's text without runs that Word hides."""
    hidden = [run for run in paragraph.runs if run.font.hidden]
    return paragraph.text if not hidden else "".join(run.text for run in paragraph.runs if not run.font.hidden)
