"""What lies where in a DOC file: its characters, and the properties of their runs and paragraphs. [MS-DOC].

The places are those of Word 97 to 2003; `old_word_six.py` has those of Word 6 and 95.
"""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.errors import DocumentRejected
from rag.parsing.records import numbers

KIND = "old Word file"
CHARACTERS_MAX = 20_000_000
_MAGIC, _FIRST_VERSION = 0xA5EC, 0xC1
_ENCRYPTED, _TABLE_ONE = 0x100, 0x200
_COMPRESSED = 1 << 30
_PAGE_BYTES = 512
_PAPX, _CHPX = 1, 2
_SIZES = (1, 1, 2, 4, 2, 2, 0, 3)
"""Bytes of a property's value by the kind in its number; 0 where they are told. 2.6.1."""
_TABLE_DEFINITION, _ELSEWHERE = 0xD608, 0x6646
Properties = Mapping[int, int]
"""Values by the number of the property; of those longer than four bytes the first four."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the head of a version says where each part lies, and how wide numbers and letters are there.

    `page_number` is what `struct` calls the number of a page of properties; `run_pages` and `paragraph_pages` are where
    the head says their first and how many there are, where it says so.
    """

    stories: int
    styles: int
    runs: int
    paragraphs: int
    pieces: int
    page_number: str
    paragraph_bytes: int
    name_letter_bytes: int
    read_properties: Callable[[bytes], dict[int, int]]
    run_pages: tuple[int, int] | None = None
    paragraph_pages: tuple[int, int] | None = None


Piece = tuple[int, int, int, int]
"""First position, position behind the last, place in the stream, bytes a character."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the file says of itself first. `stories` (text, footnotes, heads, …) are by length; `table` holds the rest,
    and `more` what does not fit there. `encoding` is that of letters of one byte; where their font tells it, `scripts`
    has the encodings by the number of the font.
    """

    data: bytes
    layout: Layout
    table: bytes
    more: bytes
    stories: tuple[int, ...]
    pieces: tuple[Piece, ...]
    encoding: str = "cp1252"
    scripts: tuple[str, ...] = ()

    def place(self, at: int) -> tuple[int, int]:
        """Where a part begins and ends in the table stream."""
        return place_of(self.data, at)


def place_of(data: bytes, at: int) -> tuple[int, int]:
    """Where a part begins and ends, as the head says at a place."""
    start, length = numbers("II", data, at)
    return start, start + length


def table_name(data: bytes) -> str:
    """The stream that holds the rest; raises DocumentRejected for a file that is locked or older than Word 97."""
    magic, version, flags = numbers("HH", data, 0) + numbers("H", data, 10)
    if magic != _MAGIC or version < _FIRST_VERSION:
        raise DocumentRejected(f"this {KIND} is of a version before Word 6; save it as .docx")
    check_unlocked(flags)
    return "1Table" if flags & _TABLE_ONE else "0Table"


def check_unlocked(flags: int) -> None:
    """Raise DocumentRejected for a file that the flags of its head call locked."""
    if flags & _ENCRYPTED:
        raise DocumentRejected(f"the {KIND} is locked with a password; save it without one")


def read_head(data: bytes, table: bytes, more: bytes) -> Head:
    """The head of a file of Word 97 to 2003."""
    pieces = tuple(_pieces(table, *place_of(data, _LAYOUT.pieces)))
    return Head(data, _LAYOUT, table, more, numbers("8I", data, _LAYOUT.stories), pieces)


class Characters:
    """The characters of a file by their position, and where in the stream each lies."""

    def __init__(self, head: Head) -> None:
        self._starts, self._places, self._sizes = [], [], []
        parts: list[str] = []
        total = 0
        for first, last, place, size in head.pieces:
            total += last - first
            if not first <= last or total > CHARACTERS_MAX:
                raise DocumentRejected(f"the {KIND} has over {CHARACTERS_MAX} characters, or is broken; split it")
            raw = head.data[place : place + (last - first) * size]
            part = raw.decode(head.encoding, "replace") if size == 1 else _wide(raw)
            self._starts.append(first)
            self._places.append(place)
            self._sizes.append(size)
            parts.append(part.ljust(last - first, "\0"))
        self.text = "".join(parts)

    def place(self, position: int) -> int:
        """Where in the stream a character lies."""
        piece = max(bisect_right(self._starts, position) - 1, 0)
        return int(self._places[piece] + (position - self._starts[piece]) * self._sizes[piece])

    def until(self, position: int, place: int) -> int:
        """The position up to which characters lie before a place of the stream, within one piece."""
        piece = max(bisect_right(self._starts, position) - 1, 0)
        end = self._starts[piece + 1] if piece + 1 < len(self._starts) else len(self.text)
        ahead = (place - self.place(position)) // self._sizes[piece]
        return int(min(max(position + ahead, position + 1), end))


def _wide(raw: bytes) -> str:
    return "".join(map(chr, array("H", raw[: len(raw) & ~1])))


def _pieces(table: bytes, place: int, end: int) -> Iterator[Piece]:
    """The pieces that the text was made of. 2.9.177."""
    for first, last, said in said_pieces(table, place, end):
        is_compressed = bool(said & _COMPRESSED)
        at = (said & ~_COMPRESSED) // 2 if is_compressed else said
        yield first, last, at, 1 if is_compressed else 2


def said_pieces(table: bytes, place: int, end: int) -> Iterator[tuple[int, int, int]]:
    """First position, position behind the last, and what is said of where they lie. 2.9.38."""
    while place < end and numbers("B", table, place) == (1,):
        place += 3 + numbers("H", table, place + 1)[0]
    if numbers("B", table, place) != (2,):
        raise LookupError("pieces")
    count = (numbers("I", table, place + 1)[0] - 4) // 12
    positions = numbers(f"{count + 1}I", table, place + 5)
    for number, (first, last) in enumerate(pairwise(positions)):
        (said,) = numbers("I", table, place + 5 + 4 * (count + 1) + 8 * number + 2)
        yield first, last, said


@dataclass(frozen=True, slots=True)
class Stretch:
    """Properties from one place of the stream to another; `style` is that of a paragraph."""

    start: int
    end: int
    properties: Properties
    style: int = 0


class Stretches:
    """The runs or the paragraphs of a file."""

    def __init__(self, found: Sequence[Stretch]) -> None:
        self._found = sorted(found, key=lambda stretch: stretch.start)
        self._starts = [stretch.start for stretch in self._found]

    def at(self, place: int) -> Stretch:
        """The one that holds a place; a plain one up to the next where there is none."""
        number = bisect_right(self._starts, place)
        if number and place < self._found[number - 1].end:
            return self._found[number - 1]
        return Stretch(place, self._starts[number] if number < len(self._starts) else 1 << 32, {})


def read_runs(head: Head) -> Stretches:
    """The properties of characters. 2.9.33."""
    found, read = [], head.layout.read_properties
    for page, count, places in _pages(head, head.layout.runs, head.layout.run_pages):
        for number, (start, end) in enumerate(pairwise(places)):
            at = page[4 * (count + 1) + number] * 2
            found.append(Stretch(start, end, read(page[at + 1 : at + 1 + page[at]] if at else b"")))
    return Stretches(found)


def read_paragraphs(head: Head) -> Stretches:
    """The properties of paragraphs; those that are long lie in another stream. 2.9.175, 2.6.2."""
    found, read, layout = [], head.layout.read_properties, head.layout
    for page, count, places in _pages(head, layout.paragraphs, layout.paragraph_pages):
        for number, (start, end) in enumerate(pairwise(places)):
            at = page[4 * (count + 1) + layout.paragraph_bytes * number] * 2
            size = (page[at] or page[at + 1]) * 2
            at += 1 if page[at] else 2
            style, properties = numbers("H", page, at)[0], read(page[at + 2 : at + size])
            if _ELSEWHERE in properties:
                place = properties[_ELSEWHERE]
                properties |= read(head.more[place + 2 : place + 2 + numbers("H", head.more, place)[0]])
            found.append(Stretch(start, end, properties, style))
    return Stretches(found)


def _pages(head: Head, at: int, said: tuple[int, int] | None) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
    """Pages of 512 bytes with how many stretches each has, and where those begin and end."""
    for number in _page_numbers(head, at, said):
        place = (number & 0x3FFFFF) * _PAGE_BYTES
        page = head.data[place : place + _PAGE_BYTES].ljust(_PAGE_BYTES, b"\0")
        yield page, page[-1], numbers(f"{page[-1] + 1}I", page, 0)


def _page_numbers(head: Head, at: int, said: tuple[int, int] | None) -> Sequence[int]:
    """The numbers of pages that are listed, or of those that follow the first where more are said to be there."""
    start, end = head.place(at)
    kind = head.layout.page_number
    count = max((end - start - 4) // (4 + struct.calcsize(kind)), 0)
    if said:
        first, total = (numbers("H", head.data, place)[0] for place in said)
        if total > count:
            return range(first, first + total)
    return numbers(f"{count}{kind}", head.table, start + 4 * (count + 1))


def read_properties(raw: bytes) -> dict[int, int]:
    """Properties as they follow one another; a later one counts."""
    found: dict[int, int] = {}
    place = 0
    while place + 2 <= len(raw):
        (name,) = numbers("H", raw, place)
        place += 2
        size = _SIZES[name >> 13]
        if name == _TABLE_DEFINITION:
            size = int.from_bytes(raw[place : place + 2], "little") + 1
        elif not size:
            size = (raw[place] if place < len(raw) else 0) + 1
        found[name] = int.from_bytes(raw[place : place + min(size, 4)], "little")
        place += size
    return found


@dataclass(frozen=True, slots=True)
class Style:
    """A style: its built-in number, the style below it, and its properties of paragraphs and of letters."""

    number: int
    below: int
    paragraph: Properties
    letters: Properties


def read_styles(head: Head) -> list[Style]:
    """The styles in the order in which paragraphs count them. 2.9.271."""
    start, end = head.place(head.layout.styles)
    size, count, base = numbers("HHH", head.table, start)
    place = start + 2 + size
    styles = []
    for _ in range(count):
        if place + 2 > min(end, len(head.table)):
            break
        (length,) = numbers("H", head.table, place)
        styles.append(_style(head.table[place + 2 : place + 2 + length], base, head.layout))
        place += 2 + length
    return styles


def _style(raw: bytes, base: int, layout: Layout) -> Style:
    """One style. Its properties follow its name, each at an even place. 2.9.259, 2.9.260."""
    plain = Style(0xFFF, 0xFFF, {}, {})
    letter = layout.name_letter_bytes
    if len(raw) < base + letter:
        return plain
    number, below, count = numbers("HHH", raw, 0)
    kind = below & 0xF
    place = base + letter * (2 + numbers("H" if letter > 1 else "B", raw, base)[0])
    parts = []
    for _ in range(count & 0xF):
        place += place & 1
        if place + 2 > len(raw):
            break
        (size,) = numbers("H", raw, place)
        parts.append(raw[place + 2 : place + 2 + size])
        place += 2 + size
    paragraph = parts.pop(0)[2:] if kind == _PAPX and parts else b""
    letters = parts.pop(0) if kind in {_PAPX, _CHPX} and parts else b""
    return Style(number & 0xFFF, below >> 4, layout.read_properties(paragraph), layout.read_properties(letters))


_LAYOUT = Layout(0x4C, 0xA2, 0xFA, 0x102, 0x1A2, "I", 13, 2, read_properties)
"""2.5.1 to 2.5.10."""
WRONG = (struct.error, LookupError, OSError, ValueError, MemoryError)
"""What parts that do not fit together raise."""
