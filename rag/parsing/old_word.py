"""DOC to blocks: headings, lists and tables of Word 6 to 2003, without what is hidden or deleted. [MS-DOC]."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing import compound, old_word_six
from rag.parsing.old_word_file import (
    KIND,
    WRONG,
    Characters,
    Head,
    Properties,
    Stretch,
    read_head,
    read_paragraphs,
    read_runs,
    read_styles,
    table_name,
)
from rag.parsing.tables import table_rows

_SEEN_STORIES = (0, 1, 5, 6)
"""The text, footnotes, endnotes and text boxes; not heads, feet and comments."""
_IN_TABLE, _ROW_END, _LIST, _OUTLINE = 0x2416, 0x2417, 0x460B, 0x2640
_VANISHES, _DELETED, _SIZE, _COLOUR, _INDEXED, _STYLE, _FONT = 0x083C, 0x0800, 0x4A43, 0x6870, 0x2A42, 0x4A30, 0x4A4F
_SHADES = frozenset({0x4866, 0xCA71, 0x2A0C, 0xC64D, 0x442D})
_RELIEFS = (0x0858, 0x0854)
"""Raised and sunken letters: they are white, between a light and a dark edge."""
_WHITE, _WHITE_INDEX, _TINY_HALF_POINTS = 0x00FFFFFF, 8, 4
_OF_STYLE, _NOT_OF_STYLE = 0x80, 0x81
_TITLE, _HEADINGS = 62, range(1, 10)
_LEVEL_MAX = 6
_PARENTS_MAX = 20
_CELL_END, _PARAGRAPH_ENDS = "\x07", re.compile("[\x07\r\x0c]")
_FIELD_BEGINS, _FIELD_SHOWS, _FIELD_ENDS = "\x13", "\x14", "\x15"
_SPACES, _NOTHING = str.maketrans("\t\x0b\xa0", "   "), dict.fromkeys((*range(9), 31))
_MARKS = _SPACES | _NOTHING | {0x1E: "-"}


def parse(data: bytes) -> ParsedDocument:
    """Blocks in reading order. Raises DocumentRejected on a broken or locked file."""
    try:
        (main,) = compound.streams(data, "WordDocument")
        if old_word_six.is_six(main):
            head = old_word_six.read_head(main)
        else:
            head = read_head(main, *compound.streams(data, table_name(main), "Data"))
        reader = _Reader(head)
        blocks = tuple(reader.blocks())
    except WRONG as error:
        raise DocumentRejected(f"the {KIND} is broken; open it and save it again") from error
    title, modified = compound.about(data)
    heading = next((block.text for block in blocks if block.kind is BlockKind.HEADING), "")
    return ParsedDocument(title or heading, None, blocks, modified, hidden=tuple(reader.hidden))


_Look = tuple[Properties, Properties, list[int]]
"""Properties of paragraphs and of letters that a style and those below it have, and the numbers of all of them."""


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """A paragraph's visible words and what it is."""

    text: str
    mark: str
    level: int
    is_item: bool
    is_in_table: bool
    is_row_end: bool


class _Reader:
    """Reads the stories of one file, and collects what is hidden in them."""

    def __init__(self, head: Head) -> None:
        self._characters, self._stories = Characters(head), head.stories
        self._encoding, self._scripts = head.encoding, head.scripts
        self._runs, self._paragraphs = read_runs(head), read_paragraphs(head)
        self._styles = read_styles(head)
        self._looks: dict[int, _Look] = {}
        self._fields: list[bool] = []
        self.hidden: list[str] = []

    def blocks(self) -> Iterator[Block]:
        """The blocks of what a reader sees, tables as rows."""
        start = 0
        for number, length in enumerate(self._stories):
            end = min(start + length, len(self._characters.text))
            if number in _SEEN_STORIES:
                self._fields.clear()
                yield from _blocks(self._story(start, end))
            start = end

    def _story(self, start: int, end: int) -> Iterator[_Paragraph]:
        while start < end:
            mark = _PARAGRAPH_ENDS.search(self._characters.text, start, end)
            last = mark.start() if mark else end - 1
            stretch = self._paragraphs.at(self._characters.place(last))
            look = {**self._inherited(stretch.style)[0], **stretch.properties}
            text = self._visible(start, last if mark else end, stretch)
            is_row_end, is_in_table = bool(look.get(_ROW_END)), bool(look.get(_IN_TABLE))
            yield _Paragraph(
                text,
                mark.group() if mark else "",
                self._level(stretch, look),
                bool(look.get(_LIST)),
                is_in_table,
                is_row_end,
            )
            start = last + 1

    def _level(self, stretch: Stretch, look: Properties) -> int:
        """1 to 6 for a heading or the title of the document, else 0."""
        numbers = self._inherited(stretch.style)[2]
        if _TITLE in numbers:
            return 1
        heading = next((number for number in numbers if number in _HEADINGS), 0)
        outline = look.get(_OUTLINE, _HEADINGS.stop - 1)
        return min(heading or (outline + 1 if outline < _HEADINGS.stop - 1 else 0), _LEVEL_MAX)

    def _inherited(self, style: int) -> _Look:
        if style not in self._looks:
            self._looks[style] = self._collected(style)
        return self._looks[style]

    def _collected(self, style: int) -> _Look:
        paragraph: dict[int, int] = {}
        letters: dict[int, int] = {}
        numbers: list[int] = []
        for _ in range(_PARENTS_MAX):
            if style >= len(self._styles):
                break
            found = self._styles[style]
            paragraph, letters = {**found.paragraph, **paragraph}, {**found.letters, **letters}
            numbers.append(found.number)
            style = found.below
        return paragraph, letters, numbers

    def _visible(self, start: int, end: int, paragraph: Stretch) -> str:
        """The words of a paragraph that are seen; those that are hidden are kept apart."""
        seen: list[str] = []
        hidden: list[str] = []
        while start < end:
            run = self._runs.at(self._characters.place(start))
            stop = min(self._characters.until(start, run.end), end)
            words = self._outside_fields(self._characters.text[start:stop]).translate(_MARKS)
            if not run.properties.get(_DELETED):
                below = self._below(run.properties, paragraph)
                is_hidden = self._is_hidden(run.properties, below, paragraph)
                (hidden if is_hidden else seen).append(self._in_script(words, {**below, **run.properties}))
            start = stop
        if any(words.strip() for words in hidden):
            self.hidden.append(_whole("".join(hidden)))
        return _whole("".join(seen))

    def _outside_fields(self, text: str) -> str:
        """A text without the instructions of fields; what they show stays."""
        if not self._fields and _FIELD_BEGINS not in text:
            return text
        kept = []
        for letter in text:
            if letter == _FIELD_BEGINS:
                self._fields.append(True)
            elif letter == _FIELD_SHOWS and self._fields:
                self._fields[-1] = False
            elif letter == _FIELD_ENDS and self._fields:
                self._fields.pop()
            elif not any(self._fields):
                kept.append(letter)
        return "".join(kept)

    def _below(self, run: Properties, paragraph: Stretch) -> Properties:
        """The properties of letters that a run has from its styles."""
        below = self._inherited(paragraph.style)[1]
        return {**below, **self._inherited(run[_STYLE])[1]} if _STYLE in run else below

    def _in_script(self, words: str, look: Properties) -> str:
        """Letters of one byte as their font has them."""
        font = look.get(_FONT, 0)
        if font >= len(self._scripts):
            return words
        return words.encode(self._encoding, "replace").decode(self._scripts[font], "replace")

    def _is_hidden(self, run: Properties, below: Properties, paragraph: Stretch) -> bool:
        """Hidden by Word, too small to read, or white on no shading. White in a table may stand on its colour."""
        look = {**below, **run}
        vanishes = run.get(_VANISHES, _OF_STYLE)
        if vanishes in {_OF_STYLE, _NOT_OF_STYLE}:
            vanishes = bool(below.get(_VANISHES)) != (vanishes == _NOT_OF_STYLE)
        if vanishes or 0 < look.get(_SIZE, 24) <= _TINY_HALF_POINTS:
            return True
        is_white = look.get(_COLOUR) == _WHITE or (_COLOUR not in look and look.get(_INDEXED) == _WHITE_INDEX)
        around = {**self._inherited(paragraph.style)[0], **paragraph.properties}
        is_seen = any(look.get(relief) for relief in _RELIEFS) or around.get(_IN_TABLE) or _SHADES & {*look, *around}
        return is_white and not is_seen


def _blocks(paragraphs: Iterator[_Paragraph]) -> Iterator[Block]:
    rows: list[list[str]] = []
    cells: list[str] = []
    cell: list[str] = []
    for paragraph in paragraphs:
        if paragraph.is_in_table:
            if paragraph.is_row_end:
                rows.append(cells)
                cells, cell = [], []
                continue
            cell.append(paragraph.text)
            if paragraph.mark == _CELL_END:
                cells.append(" ".join(filter(None, cell)))
                cell = []
            continue
        yield from table_rows([*rows, [*cells, *cell]])
        rows, cells, cell = [], [], []
        if paragraph.text and paragraph.level:
            yield Block(BlockKind.HEADING, paragraph.text, level=paragraph.level)
        elif paragraph.text:
            yield Block(BlockKind.LIST_ITEM if paragraph.is_item else BlockKind.PARAGRAPH, paragraph.text)
    yield from table_rows([*rows, [*cells, *cell]])


def _whole(text: str) -> str:
    """Words with single spaces, letters beyond 16 bits in one piece."""
    return " ".join(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").split())
