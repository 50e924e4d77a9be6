"""What lies where in a DOC file of Word 6 and 95: all in one stream, letters of one byte, properties by short numbers.

The parts are those of [MS-DOC], which grew out of this. Properties are given under the numbers that they have there.
"""

from collections.abc import Iterator

from rag.errors import DocumentRejected
from rag.parsing.old_word_file import KIND, Head, Layout, check_unlocked, place_of, said_pieces
from rag.parsing.records import numbers

_MAGIC, _VERSIONS = 0xA5DC, range(0x65, 0x6A)
_FIRST_LETTER = 0x18
_LANGUAGE, _CHARACTER_SET, _MAC = 0x06, 0x14, 0x100
_FONTS, _FONTS_MAX = 0xD0, 1000
_IS_IN_PIECES = 0x04
_CHINESE, _JAPANESE, _KOREAN = 0x04, 0x11, 0x12
_ENCODINGS = {
    0: "cp1252",
    77: "mac_roman",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    238: "cp1250",
}
"""By the character set of a font. [MS-WMF] 2.1.1.5."""
_TOLD, _TOLD_WIDE = 0xFF, 0xFE
"""For a size: it stands in the first byte, or the first two."""
_UNKNOWN = 0xFD
_NEW_NUMBERS = {
    12: 0x460B,  # a number or a bullet
    13: 0x460B,
    24: 0x2416,  # in a table
    25: 0x2417,  # the end of a row
    47: 0x442D,  # the shading of a paragraph
    65: 0x0800,  # deleted
    80: 0x4A30,  # a style of letters
    92: 0x083C,  # hidden
    93: 0x4A4F,  # the font
    98: 0x2A42,  # colour
    99: 0x4A43,  # size
}


def _sizes() -> bytes:
    """Bytes of the value of each property."""
    sizes = bytearray([_UNKNOWN]) * 256
    told = (3, 12, 15, 23, 64, 68, 74, 77, 79, 81, 82, 103, 105, 106, 108, 120, 188, 191)
    one = (*range(4, 12), 13, 14, 24, 25, 29, 37, 44, 50, 51, 65, 66, 67, 71, 75, *range(85, 93), 94, 98, 100, 102)
    two = (2, *range(16, 20), 21, 22, *range(26, 29), *range(30, 37), *range(38, 44), *range(45, 50), 69, 72, 80, 93)
    two += (96, 97, 99, 101, 107, *range(109, 114), *range(121, 125), 182, 183, 184, 189, 195, 197, 198)
    fixed = {0: 0, 52: 0, 83: 0, 20: 4, 70: 4, 73: 3, 95: 3, 104: 1, 117: 1, 118: 1, 119: 1}
    table = {185: 1, 186: 1, 187: 12, 192: 4, 193: 5, 194: 4, 196: 4, 199: 5, 200: 4, 190: _TOLD_WIDE}
    for size, names in ((_TOLD, told), (1, one), (2, two)):
        for name in names:
            sizes[name] = size
    for name, size in {**fixed, **table}.items():
        sizes[name] = size
    return bytes(sizes)


_SIZES = _sizes()


def is_six(data: bytes) -> bool:
    """Whether the stream is a text of Word 6 or 95."""
    magic, version = numbers("HH", data, 0)
    return magic == _MAGIC and version in _VERSIONS


def read_head(data: bytes) -> Head:
    """Raises DocumentRejected for a file that is locked, or in a script whose letters take two bytes."""
    (flags,), stories = numbers("H", data, 10), numbers("8I", data, _LAYOUT.stories)
    check_unlocked(flags)
    _check_script(data)
    first, end = numbers("II", data, _FIRST_LETTER)
    pieces: tuple[tuple[int, int, int, int], ...] = ((0, min(sum(stories), max(end - first, 0)), first, 1),)
    if flags & _IS_IN_PIECES:
        said = said_pieces(data, *place_of(data, _LAYOUT.pieces))
        pieces = tuple((begin, behind, place, 1) for begin, behind, place in said)
    return Head(data, _LAYOUT, data, b"", stories, pieces, "latin-1", tuple(_scripts(data)))


def _check_script(data: bytes) -> None:
    (language,) = numbers("B", data, _LANGUAGE)
    if language in {_CHINESE, _JAPANESE, _KOREAN}:
        raise DocumentRejected(f"this {KIND} of Word 6 or 95 is in a script of East Asia; save it as .docx")


def _scripts(data: bytes) -> Iterator[str]:
    """The encodings of letters by the number of their font, of which the file has a list."""
    place, end = place_of(data, _FONTS)
    place += 2
    is_mac = numbers("H", data, _CHARACTER_SET) == (_MAC,)
    for _ in range(_FONTS_MAX):
        if place + 4 >= min(end, len(data)):
            return
        character_set = data[place + 4]
        yield "mac_roman" if is_mac and not character_set else _ENCODINGS.get(character_set, "cp1252")
        place += 1 + data[place]


def read_properties(raw: bytes) -> dict[int, int]:
    """Properties as they follow one another, up to one that is not known; a later one counts."""
    found: dict[int, int] = {}
    place = 0
    while place < len(raw) and _SIZES[raw[place]] != _UNKNOWN:
        name, size = raw[place], _SIZES[raw[place]]
        place += 1
        if size == _TOLD:
            size = (raw[place] if place < len(raw) else 0) + 1
        elif size == _TOLD_WIDE:
            size = int.from_bytes(raw[place : place + 2], "little") + 1
        if name in _NEW_NUMBERS:
            found[_NEW_NUMBERS[name]] = int.from_bytes(raw[place : place + min(size, 4)], "little")
        place += size
    return found


_LAYOUT = Layout(0x34, 0x60, 0xB8, 0xC0, 0x160, "H", 7, 1, read_properties, (0x18A, 0x18E), (0x18C, 0x190))
