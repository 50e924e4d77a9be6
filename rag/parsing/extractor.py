"""PowerPoint and RTF to blocks through xberg: its tree becomes ours. The one door to xberg.

What a reader does not see stays out: comments, alternative texts, running headers and footers.
"""

import asyncio
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import xberg

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.filetypes import MediaType
from rag.parsing.packages import open_package
from rag.parsing.rtf import visible
from rag.parsing.slides import KIND, show_of
from rag.parsing.tables import COLUMNS_MAX, ROWS_MAX, table_rows

SECONDS_MAX = 50
"""Less than the sandbox gives, so that the reason can still be told."""
_PLAIN = frozenset({"paragraph", "code", "formula", "footnote"})
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
"""A picture, as xberg writes it among the texts of a slide."""
_LEVEL_MAX = 6
_TEMPLATE_DATE = "2013-01-27T09:15:58"
"""Of python-pptx's own template: programs that write with it seldom change it, so it says nothing of the file."""


def parse_pptx(data: bytes) -> ParsedDocument:
    """A presentation, without the slides that are not shown. Raises DocumentRejected on a broken or hostile file."""
    with open_package(data, KIND) as package:
        show = show_of(package)
    parsed = _parse(show.data, MediaType.PPTX)
    try:
        blocks = tuple(replace(block, page=show.numbers[(block.page or 1) - 1]) for block in parsed.blocks)
    except IndexError as error:
        raise DocumentRejected(f"the {KIND} is broken; open it and save it again") from error
    return replace(parsed, pages=show.slides, blocks=blocks)


def parse_rtf(data: bytes) -> ParsedDocument:
    """Rich text. Raises DocumentRejected."""
    return _parse(visible(data), MediaType.RTF)


def _parse(data: bytes, media_type: MediaType) -> ParsedDocument:
    found = _extract(data, media_type)
    pages = len(found.pages or ()) or None if media_type is MediaType.PPTX else None
    nodes = [json.loads(str(node.content)) | {"page": node.page} for node in _visible(found.document)]
    blocks = tuple(_blocks(_paged(nodes), is_paged=pages is not None))
    heading = next((block.text for block in blocks if block.kind is BlockKind.HEADING), "")
    return ParsedDocument((found.metadata.title or "").strip() or heading, pages, blocks, _date(found.metadata))


def _date(metadata: Any) -> datetime | None:
    said = metadata.modified_at or ""
    with suppress(ValueError):
        return None if said.startswith(_TEMPLATE_DATE) else datetime.fromisoformat(said)
    return None


def _extract(data: bytes, media_type: MediaType) -> Any:
    config = xberg.ExtractionConfig(
        disable_ocr=True,
        use_cache=False,
        include_document_structure=True,
        output_format="markdown",  # without it headings come as paragraphs
        strict_parse=False,
        extraction_timeout_secs=SECONDS_MAX,
    )
    try:
        result = asyncio.run(_result(xberg.ExtractInput(kind="bytes", bytes=data, mime_type=media_type.value), config))
    except Exception as error:
        raise DocumentRejected("the file is broken or of a variant that is not read; save it again") from error
    if not result.results or result.results[0].document is None:
        raise DocumentRejected("the file is broken or of a variant that is not read; save it again")
    return result.results[0]


async def _result(source: xberg.ExtractInput, config: xberg.ExtractionConfig) -> Any:
    return await xberg.extract(source, config)


def _visible(document: Any) -> Iterator[Any]:
    return (node for node in document.nodes if str(node.content_layer) in {"body", "footnote"})


def _paged(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Nodes with their pages; one that comes without is on that of what follows."""
    page = None
    for node in reversed(nodes):
        page = node["page"] = node["page"] or page
    return nodes


def _blocks(nodes: Iterable[dict[str, Any]], *, is_paged: bool) -> Iterator[Block]:
    for node in nodes:
        kind, page = node["node_type"], node["page"] if is_paged else None
        text = re.sub(r"\s+", " ", node.get("text") or "").strip()
        if kind == "table":
            yield from table_rows(_rows(node["grid"]), page)
        elif kind in {"heading", "title"} and text:
            yield Block(BlockKind.HEADING, text, page, min(node.get("level") or 1, _LEVEL_MAX))
        elif kind == "list_item" and text:
            yield Block(BlockKind.LIST_ITEM, text, page)
        elif kind == "definition_item":
            yield Block(BlockKind.LIST_ITEM, f"{node['term']}: {node['definition']}", page)
        elif kind in _PLAIN and text and not _PICTURE.fullmatch(text):
            yield Block(BlockKind.PARAGRAPH, text, page)


def _rows(grid: dict[str, Any]) -> list[list[str]]:
    """A grid's cells by row and column; a cell that spans is followed by empty ones."""
    height, width = grid["rows"], grid["cols"]
    if height > ROWS_MAX or width > COLUMNS_MAX:
        raise DocumentRejected(f"the table exceeds {ROWS_MAX} rows or {COLUMNS_MAX} columns; split it")
    rows = [[""] * width for _ in range(height)]
    for cell in grid["cells"]:
        rows[cell["row"]][cell["col"]] = cell["content"]
    return rows
