"""An old presentation gives what its show does."""

import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import DocumentRejected
from rag.parsing.filetypes import MediaType
from rag.parsing.old_slides import parse
from rag.parsing.sandbox import read_document
from tests.rag.parsing.damage import SOME, damaged, ends_well
from tests.rag.parsing.old_office import compound, streams_of

ORCHARD = (Path(__file__).parents[2] / "data" / "office" / "verger.ppt").read_bytes()
"""Saved by LibreOffice: titles, a list, a free text, speaker notes, a foot, a hidden slide, a table."""


def changed(before: bytes, after: bytes, stream: str = "PowerPoint Document") -> bytes:
    parts = streams_of(ORCHARD)
    assert before in parts[stream]
    parts[stream] = parts[stream].replace(before, after)
    return compound(parts)


def test_slides_are_pages_with_their_title_first_without_notes_hidden_slides_and_feet() -> None:
    document = parse(ORCHARD)
    assert [(block.kind.value, block.text, block.page, block.level) for block in document.blocks] == [
        ("heading", "Récolte d’été", 1, 2),
        ("list_item", "pêches à point", 1, 0),
        ("list_item", "coings", 1, 0),
        ("paragraph", "Une note libre.", 1, 0),
        ("heading", "Prix", 3, 2),
        ("table_row", "Fruit: pêche; Prix: 3,50 €", 3, 0),
    ]
    assert (document.title, document.pages) == ("Le verger", 3)


def test_of_a_file_for_two_versions_of_powerpoint_the_newer_is_read() -> None:
    both = {"PP97_DUALSTORAGE": streams_of(ORCHARD)} | {"PowerPoint Document": b"older", "Current User": b"older"}
    assert parse(compound(both)).blocks == parse(ORCHARD).blocks


def test_a_slide_that_is_shown_again_is_read() -> None:
    shows = streams_of(ORCHARD)["PowerPoint Document"].split(struct.pack("<HHI", 0, 0x03F9, 16))[1:]
    hidden = next(show[:16] for show in shows if show[10] & 4)
    shown = hidden[:10] + bytes([hidden[10] & ~4]) + hidden[11:]
    document = parse(changed(hidden, shown))
    assert ("Diapositive masquée", 2) in [(block.text, block.page) for block in document.blocks]


@pytest.mark.parametrize("place", [7, 8, 9, 10])
def test_what_stands_in_the_place_of_a_date_a_number_or_a_foot_is_left_out(place: int) -> None:
    parts = streams_of(ORCHARD)
    stream = parts["PowerPoint Document"]
    found = re.sub(rb"(\xc3\x0b\x08\x00{3}.{4})\x0d", lambda match: match.group(1) + bytes([place]), stream, flags=re.S)
    assert found != stream
    document = parse(compound(parts | {"PowerPoint Document": found}))
    assert [block.text for block in document.blocks][:2] == ["pêches à point", "coings"]


def test_a_line_break_is_a_space_and_a_missing_bullet_is_none() -> None:
    plain = parse(changed("pêches à point".encode("utf-16-le"), "pêches\x0bà point".encode("utf-16-le")))
    assert "pêches à point" in [block.text for block in plain.blocks]


def test_a_presentation_with_a_password_is_refused_with_a_sentence_that_says_so() -> None:
    token, locked = struct.pack("<I", 0xE391C05F), struct.pack("<I", 0xF3D1C4DF)
    with pytest.raises(DocumentRejected, match="is locked with a password"):
        parse(changed(token, locked, "Current User"))


def test_edits_that_lead_to_one_another_come_to_an_end() -> None:
    parts = streams_of(ORCHARD)
    (edit,) = struct.unpack_from("<I", parts["Current User"], 16)
    stream = bytearray(parts["PowerPoint Document"])
    for before in (edit, edit + 1, 8):
        struct.pack_into("<I", stream, edit + 8 + 8, before)
        assert ends_well(parse, compound(parts | {"PowerPoint Document": bytes(stream)}))


@pytest.mark.parametrize("data", [b"", b"words", b"\xd0\xcf\x11\xe0" + bytes(600), compound({"Current User": b""})])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentRejected):
        parse(data)


def test_the_sandbox_reads_it(tmp_path: Path) -> None:
    read = read_document("verger.ppt", ORCHARD, tmp_path)
    assert (read.media_type, read.document.blocks) == (MediaType.PPT, parse(ORCHARD).blocks)


@SOME
@given(st.binary(max_size=300) | damaged(ORCHARD))
def test_any_bytes_are_a_presentation_or_a_refusal(data: bytes) -> None:
    assert ends_well(parse, data)
