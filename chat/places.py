"""Where in its document a passage stands, in a reader's words: page 3, slide 3, Sales!C5:F9."""

from typing import Any

from rag.documents import Cells, Passage
from rag.parsing.filetypes import MediaType

_SLIDES = frozenset({MediaType.PPTX, MediaType.PPT, MediaType.ODP})
_SHEETS = frozenset({MediaType.XLSX, MediaType.XLS, MediaType.ODS})


def place_of(passage: Passage, words: dict[str, Any]) -> str:
    """The page, slide or sheet with its cells; nothing where the format has none."""
    return f"{part_of(passage, words)} {range_name(passage.chunk.cells)}".strip()


def part_of(passage: Passage, words: dict[str, Any]) -> str:
    """The page, slide or sheet alone."""
    chunk, kind = passage.chunk, passage.document.media_type
    if not chunk.page:
        return ""
    if kind in _SHEETS:
        return chunk.headings[0] if chunk.headings else f"{words['sheet']} {chunk.page}"
    return f"{words['slide' if kind in _SLIDES else 'page']} {chunk.page}"


def range_name(cells: Cells | None) -> str:
    """`A2:F9`, or `A2` for one cell; nothing for none."""
    if not cells:
        return ""
    first, last = f"{_column(cells[1])}{cells[0]}", f"{_column(cells[3])}{cells[2]}"
    return first if first == last else f"{first}:{last}"


def _column(number: int) -> str:
    """The letters of a column counted from 1."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
