"""Plain text, Markdown and CSV to blocks."""

import csv
import io
import re

from charset_normalizer import from_bytes
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected

COLUMNS_MAX = 1000
ROWS_MAX = 200_000
_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*\n", re.S)
_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.M)
_TAG = re.compile(r"<[^>\n]{1,300}>")


def decode(data: bytes) -> str:
    """Text in whatever encoding it came; UTF-8 first."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        best = from_bytes(data).best()
        if best is None:
            raise DocumentRejected("the text's encoding is not known; save the file as UTF-8") from None
        return str(best)


def parse_text(name: str, data: bytes) -> ParsedDocument:
    """Paragraphs between blank lines."""
    parts = [re.sub(r"[ \t]*\n[ \t]*", " ", part).strip() for part in re.split(r"\n\s*\n", _lines(decode(data)))]
    blocks = tuple(Block(BlockKind.PARAGRAPH, part) for part in parts if part)
    return ParsedDocument(name, None, blocks)


def parse_markdown(name: str, data: bytes) -> ParsedDocument:
    """Headings, paragraphs, list items and table rows of CommonMark with tables."""
    text = _lines(decode(data))
    front = _FRONT_MATTER.match(text)
    title = _TITLE.search(front.group(1)) if front else None
    blocks = _markdown_blocks(MarkdownIt("commonmark").enable("table").parse(text[front.end() :] if front else text))
    heading = next((block.text for block in blocks if block.kind is BlockKind.HEADING), name)
    return ParsedDocument(title.group(1) if title else heading, None, tuple(blocks))


def parse_csv(name: str, data: bytes) -> ParsedDocument:
    """One block a row, each cell after its header, so that a row can be understood alone."""
    text = decode(data)
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:4096], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = [row for row in csv.reader(io.StringIO(text), dialect) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DocumentRejected(f"the CSV cannot be read ({error}); save it again from a spreadsheet") from error
    if not rows:
        return ParsedDocument(name, None, ())
    if len(rows) > ROWS_MAX or max(len(row) for row in rows) > COLUMNS_MAX:
        raise DocumentRejected(f"the table exceeds {ROWS_MAX} rows or {COLUMNS_MAX} columns; split it")
    return ParsedDocument(name, None, table_rows(rows))


def table_rows(rows: list[list[str]], page: int | None = None) -> tuple[Block, ...]:
    """Rows of a table with the first one as header: `Header: value; …`. A lone row stands as it is."""
    if len(rows) == 1:
        text = "; ".join(cell.strip() for cell in rows[0] if cell.strip())
        return (Block(BlockKind.TABLE_ROW, text, page),) if text else ()
    header = [cell.strip() for cell in rows[0]]
    blocks = []
    for row in rows[1:]:
        names = header + [""] * (len(row) - len(header))
        cells = [f"{title}: {cell.strip()}" if title else cell.strip() for title, cell in zip(names, row, strict=False)]
        text = "; ".join(cell for cell, value in zip(cells, row, strict=False) if value.strip())
        if text:
            blocks.append(Block(BlockKind.TABLE_ROW, re.sub(r"\s+", " ", text), page))
    return tuple(blocks)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _markdown_blocks(tokens: list[Token]) -> list[Block]:
    blocks: list[Block] = []
    row: list[str] = []
    table: list[list[str]] = []
    level = in_list = 0
    in_table = False
    for token in tokens:
        if token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type in {"list_item_open", "list_item_close"}:
            in_list += token.nesting
        elif token.type in {"table_open", "table_close"}:
            blocks += table_rows(table) if table else ()
            table, in_table = [], token.nesting > 0
        elif token.type == "tr_open":
            row = []
            table.append(row)
        elif token.type in {"inline", "fence", "code_block"}:
            text = _inline(token)
            if in_table:
                row.append(text)
            elif text:
                blocks.append(_markdown_block(text, level, is_item=in_list > 0))
            level = 0
    return blocks


def _markdown_block(text: str, level: int, *, is_item: bool) -> Block:
    if level:
        return Block(BlockKind.HEADING, text, level=level)
    return Block(BlockKind.LIST_ITEM if is_item else BlockKind.PARAGRAPH, text)


def _inline(token: Token) -> str:
    """Text without marks: links keep their words, images their alternative text, raw tags go."""
    if not token.children:
        return re.sub(r"\s+", " ", token.content).strip()
    parts = [
        child.content if child.type != "softbreak" else " " for child in token.children if child.type != "html_inline"
    ]
    return re.sub(r"\s+", " ", _TAG.sub("", "".join(parts))).strip()
