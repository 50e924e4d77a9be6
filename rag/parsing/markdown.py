"""Markdown to blocks: headings, paragraphs, list items and table rows of CommonMark with tables."""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.documents import Block, BlockKind, ParsedDocument
from rag.parsing.encoding import decode
from rag.parsing.html import blocks_of
from rag.parsing.tables import table_rows

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.S)
_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.M)


def parse(data: bytes) -> ParsedDocument:
    """Blocks in reading order; the title is the front matter's, else the first heading."""
    text = decode(data).replace("\r\n", "\n").replace("\r", "\n")
    front = _FRONT_MATTER.match(text)
    title = _TITLE.search(front.group(1)) if front else None
    reader = _Reader()
    for token in MarkdownIt("commonmark").enable("table").parse(text[front.end() :] if front else text):
        reader.take(token)
    heading = next((block.text for block in reader.blocks if block.kind is BlockKind.HEADING), "")
    return ParsedDocument(title.group(1) if title else heading, None, tuple(reader.blocks))


class _Reader:
    """Turns a flat list of tokens into blocks."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._table: list[list[str]] | None = None
        self._level = self._lists = 0

    def take(self, token: Token) -> None:
        """Read one token."""
        if token.type == "heading_open":
            self._level = int(token.tag[1])
        elif token.type in {"list_item_open", "list_item_close"}:
            self._lists += token.nesting
        elif token.type == "table_open":
            self._table = []
        elif token.type == "table_close":
            self.blocks += table_rows(self._table or [])
            self._table = None
        elif token.type == "tr_open" and self._table is not None:
            self._table.append([])
        elif token.type == "html_block":
            self.blocks += blocks_of(token.content)
        elif token.type in {"inline", "fence", "code_block"}:
            self._add(_words(token))

    def _add(self, text: str) -> None:
        if self._table is not None:
            self._table[-1].append(text)
        elif text and self._level:
            self.blocks.append(Block(BlockKind.HEADING, text, level=self._level))
        elif text:
            self.blocks.append(Block(BlockKind.LIST_ITEM if self._lists else BlockKind.PARAGRAPH, text))
        self._level = 0


def _words(token: Token) -> str:
    """Text without marks: links keep their words, images their alternative text, tags go."""
    if token.children is None:
        return re.sub(r"\s+", " ", token.content).strip()
    return re.sub(r"\s+", " ", "".join(_word(child) for child in token.children)).strip()


def _word(token: Token) -> str:
    if token.type in {"softbreak", "hardbreak"}:
        return " "
    if token.type == "html_inline":
        return " " if token.content.lower().startswith("<br") else ""
    return token.content
