"""Plain text and CSV to blocks."""

import csv
import io
import re

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.encoding import decode
from rag.parsing.tables import COLUMNS_MAX, ROWS_MAX, table_rows

BULLET = re.compile(r"\s*(?:[-*•▪‣◦–—]\s+|\(?\d{1,2}[.)]\s+|\(?[a-z]\)\s+)\S")
_TITLE_CHARACTERS_MAX = 120
_WRAPPED_CHARACTERS_MAX = 100
_SHORT = 0.6
"""A line shorter than this share of its paragraph's longest was ended on purpose."""


def parse_text(data: bytes) -> ParsedDocument:
    """Paragraphs and list items; a first line that stands alone and is short is the title."""
    text = decode(data).replace("\r\n", "\n").replace("\r", "\n")
    blocks = [block for part in re.split(r"\n\s*\n|\f", text) for block in _blocks(part)]
    if len(blocks) > 1 and _is_title(blocks[0]):
        blocks[0] = Block(BlockKind.HEADING, blocks[0].text, level=1)
        return ParsedDocument(blocks[0].text, None, tuple(blocks))
    return ParsedDocument("", None, tuple(blocks))


def parse_csv(data: bytes) -> ParsedDocument:
    """One block a row, each cell after its header."""
    text = decode(data)
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:4096], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = list(csv.reader(io.StringIO(text), dialect))
    except csv.Error as error:
        raise DocumentRejected(f"the CSV cannot be read ({error}); save it again from a spreadsheet") from error
    if len(rows) > ROWS_MAX or max((len(row) for row in rows), default=0) > COLUMNS_MAX:
        raise DocumentRejected(f"the table exceeds {ROWS_MAX} rows or {COLUMNS_MAX} columns; split it")
    return ParsedDocument("", None, table_rows(rows))


def _is_title(block: Block) -> bool:
    is_short = len(block.text) <= _TITLE_CHARACTERS_MAX
    return block.kind is BlockKind.PARAGRAPH and is_short and not block.text.endswith((".", ",", ";", ":"))


def _blocks(part: str) -> list[Block]:
    """Lines that were wrapped joined again; a line that was ended on purpose, or a list item, ends a block."""
    lines = [line.rstrip() for line in part.split("\n") if line.strip()]
    longest = max((len(line) for line in lines), default=0)
    groups: list[list[str]] = []
    for line in lines:
        is_wrapped = bool(groups) and _SHORT * longest <= len(groups[-1][-1]) and longest <= _WRAPPED_CHARACTERS_MAX
        if is_wrapped and not BULLET.match(line):
            groups[-1].append(line)
        else:
            groups.append([line])
    return [_block(" ".join(line.strip() for line in group)) for group in groups]


def _block(text: str) -> Block:
    return Block(BlockKind.LIST_ITEM if BULLET.match(text) else BlockKind.PARAGRAPH, text)
