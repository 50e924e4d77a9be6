"""A file of Word 6 or 95 gives what one of later versions gives."""

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import DocumentRejected
from rag.parsing.old_word import parse
from tests.rag.parsing.damage import SOME, damaged, ends_well
from tests.rag.parsing.old_office import compound

_PAGE = 512
_TEXT_AT, _STYLES_AT, _FONTS_AT, _RUNS_AT, _PARAGRAPHS_AT = 1024, 512, 640, 704, 736
_IN_TABLE, _ROW_END = b"\x18\x01", b"\x18\x01\x19\x01"
_RUSSIAN = b"\x5d\x01\x00"
Run = tuple[bytes, bytes]
"""Letters and their properties."""
Paragraph = tuple[int, bytes, Sequence[Run]]
"""The number of a style, properties, and runs of which the last ends it."""


def styled(number: int, letters: bytes = b"") -> bytes:
    """A style of paragraphs that stands on none. Its name is one letter long."""
    head = struct.pack("<5H", number, 0xFFF1, 2, 0, 0)
    parts = struct.pack("<HH", 2, 0) + struct.pack("<H", len(letters)) + letters
    return head + b"\x01N\x00" + b"\x00" + parts


def stretches(ends: Sequence[int], found: Sequence[bytes], entry_bytes: int) -> bytes:
    """A page of 512 bytes: where stretches end, where the properties of each stand, and those from the end on."""
    page = bytearray(_PAGE)
    struct.pack_into(f"<{len(ends)}I", page, 0, *ends)
    place = _PAGE - 2
    for number, properties in enumerate(found):
        place = (place - len(properties)) & ~1
        page[place : place + len(properties)] = properties
        page[4 * len(ends) + entry_bytes * number] = place // 2
    page[-1] = len(found)
    return bytes(page)


def text(*paragraphs: Paragraph, language: int = 0x40C, version: int = 0x68, flags: int = 0) -> bytes:
    """A file of one story. Fonts are a Western one and a Cyrillic one; style 1 is the first heading, 2 is hidden."""
    words = b"".join(letters for _, _, runs in paragraphs for letters, _ in runs)
    run_ends, paragraph_ends, place = [_TEXT_AT], [_TEXT_AT], _TEXT_AT
    run_looks, paragraph_looks = [], []
    for style, properties, runs in paragraphs:
        for letters, look in runs:
            place += len(letters)
            run_ends.append(place)
            run_looks.append(bytes([len(look)]) + look)
        paragraph_ends.append(place)
        whole = struct.pack("<H", style) + properties
        paragraph_looks.append(bytes([-(-len(whole) // 2)]) + whole.ljust(len(whole) + len(whole) % 2, b"\0"))
    styles = [styled(0), styled(1), styled(0xFFE, b"\x5c\x01")]
    sheet = struct.pack("<HHHH", 6, 3, 10, 0) + b"".join(struct.pack("<H", len(each)) + each for each in styles)
    fonts = [bytes([8, 0, 0, 0, kind, 0]) + b"Ab\0" for kind in (0, 204)]
    listed = b"".join(fonts)
    stream = bytearray(_TEXT_AT) + words
    stream += bytes(-len(stream) % _PAGE)
    first = len(stream) // _PAGE
    stream += stretches(run_ends, run_looks, 1) + stretches(paragraph_ends, paragraph_looks, 7)
    for at, part in ((_STYLES_AT, sheet), (_FONTS_AT, struct.pack("<H", len(listed) + 2) + listed)):
        stream[at : at + len(part)] = part
    for at, page, end in ((_RUNS_AT, first, place), (_PARAGRAPHS_AT, first + 1, place)):
        struct.pack_into("<IIH", stream, at, _TEXT_AT, end, page)
    struct.pack_into("<HHHHHH", stream, 0, 0xA5DC, version, 0, language, 0, flags)
    struct.pack_into("<II", stream, 0x18, _TEXT_AT, place)
    struct.pack_into("<I", stream, 0x34, len(words))
    sizes = {0x60: (_STYLES_AT, len(sheet)), 0xB8: (_RUNS_AT, 10), 0xC0: (_PARAGRAPHS_AT, 10)}
    for at, where in (sizes | {0xD0: (_FONTS_AT, len(listed) + 2)}).items():
        struct.pack_into("<II", stream, at, *where)
    return compound({"WordDocument": bytes(stream)})


def cell(words: str) -> Paragraph:
    return 0, _IN_TABLE, [(f"{words}\x07".encode("cp1252"), b"")]


ROW_END: Paragraph = (0, _ROW_END, [(b"\x07", b"")])
NOTE = text(
    (1, b"", [("Récolte\r".encode("cp1252"), b"")]),
    (0, b"", [("l’été ".encode("cp1252"), b""), ("лето".encode("cp1251"), _RUSSIAN), (b"\r", b"")]),
    (0, b"\x0d\x0a", [("un sécateur\r".encode("cp1252"), b"")]),
    *(cell("Fruit"), cell("Prix"), ROW_END, cell("pêche"), cell("3,50 €"), ROW_END),
    (0, b"", [(b"seen ", b""), (b"unseen ", b"\x5c\x01"), (b"gone ", b"\x41\x01"), (b"end\r", b"")]),
    (2, b"", [(b"in a hidden style\r", b"")]),
)


def told(data: bytes) -> list[tuple[str, int, str]]:
    return [(block.kind.value, block.level, block.text) for block in parse(data).blocks]


@pytest.mark.parametrize("version", [0x65, 0x68])
def test_headings_items_tables_and_scripts_come_as_they_are_seen(version: int) -> None:
    assert told(NOTE) == [
        ("heading", 1, "Récolte"),
        ("paragraph", 0, "l’été лето"),
        ("list_item", 0, "un sécateur"),
        ("table_row", 0, "Fruit: pêche; Prix: 3,50 €"),
        ("paragraph", 0, "seen end"),
    ]
    assert told(text((0, b"", [(b"words\r", b"")]), version=version)) == [("paragraph", 0, "words")]


def test_hidden_words_are_kept_apart_and_deleted_ones_dropped() -> None:
    assert parse(NOTE).hidden == ("unseen", "in a hidden style")


def test_a_table_that_the_file_does_not_end_is_not_lost() -> None:
    assert told(text(cell("left"), cell("right"), (0, b"", [(b"below\r", b"")]))) == [
        ("table_row", 0, "left; right"),
        ("paragraph", 0, "below"),
    ]


def test_a_locked_file_and_one_in_a_script_of_two_bytes_are_refused_with_a_sentence() -> None:
    words: Paragraph = (0, b"", [(b"words\r", b"")])
    with pytest.raises(DocumentRejected, match="locked with a password"):
        parse(text(words, flags=0x100))
    with pytest.raises(DocumentRejected, match="script of East Asia"):
        parse(text(words, language=0x411))
    with pytest.raises(DocumentRejected, match="before Word 6"):
        parse(text(words, version=0x2D))


@SOME
@given(st.binary(max_size=300) | damaged(NOTE))
def test_any_bytes_are_a_text_or_a_refusal(data: bytes) -> None:
    assert ends_well(parse, data)
