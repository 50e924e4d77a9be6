"""An old Word file gives what its reader sees, with its headings, lists and tables."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import DocumentRejected
from rag.parsing.filetypes import MediaType
from rag.parsing.old_word import parse
from rag.parsing.sandbox import read_document
from tests.rag.parsing.damage import SOME, damaged, ends_well
from tests.rag.parsing.old_office import compound, streams_of

RULES = (Path(__file__).parents[2] / "data" / "office" / "reglement.doc").read_bytes()
"""Saved by LibreOffice: headings, lists, a table, a field, a footnote, a comment, a head and a foot; hidden words."""


def headed(place: int, kind: str, *values: int) -> bytes:
    """The file with numbers of its head changed."""
    at = RULES.index(b"\xec\xa5")
    made = bytearray(RULES)
    struct.pack_into(f"<{kind}", made, at + place, *values)
    return bytes(made)


def test_headings_items_tables_and_notes_come_in_order_without_heads_comments_and_deletions() -> None:
    document = parse(RULES)
    assert [(block.kind.value, block.level, block.text) for block in document.blocks] == [
        ("heading", 1, "Règlement du verger"),
        ("heading", 1, "Récolte"),
        (
            "paragraph",
            0,
            "La récolte des pêches commence le 1er mai ; l’accès est réservé aux salariés — gants obligatoires.",
        ),
        ("heading", 2, "Outils"),
        ("list_item", 0, "un sécateur"),
        ("list_item", 0, "une échelle"),
        ("list_item", 0, "mesurer"),
        ("list_item", 0, "noter"),
        ("heading", 1, "Prix"),
        ("table_row", 0, "Fruit: pêche; Prix: 3,50 €; Unité: kg"),
        ("table_row", 0, "Fruit: coing; Prix: 2,10 €; Unité: kg"),
        ("paragraph", 0, "Après le tableau, page 1 😀 fin."),
        ("paragraph", 0, "Une note de bas de page."),
    ]
    assert (document.title, document.pages) == ("Règlement du verger", None)


def test_hidden_and_white_words_are_kept_apart() -> None:
    assert parse(RULES).hidden == ("texte masqué écrit en blanc",)


def test_a_file_with_a_password_or_of_an_older_word_is_refused_with_a_sentence_that_says_so() -> None:
    with pytest.raises(DocumentRejected, match="is locked with a password"):
        parse(headed(10, "H", 0x1300))
    with pytest.raises(DocumentRejected, match="before Word 6"):
        parse(headed(2, "H", 0x65))


def test_a_story_longer_than_the_file_ends_with_it() -> None:
    assert [block.text for block in parse(headed(0x4C, "I", 0xFFFFFFFF)).blocks][:1] == ["Règlement du verger"]


def test_pieces_that_repeat_without_end_are_rejected() -> None:
    main, table = (streams_of(RULES)[name] for name in ("WordDocument", "1Table"))
    count = 200
    positions = struct.pack(f"<{count + 1}I", *(number * 500_000 for number in range(count + 1)))
    pieces = positions + struct.pack("<HIH", 0, 1 << 30, 0) * count
    head = bytearray(main)
    struct.pack_into("<II", head, 0x1A2, len(table), 5 + len(pieces))
    many = {"WordDocument": bytes(head), "1Table": table + b"\2" + struct.pack("<I", len(pieces)) + pieces}
    with pytest.raises(DocumentRejected, match="over 20000000 characters"):
        parse(compound(many))


@pytest.mark.parametrize("data", [b"", b"words", b"\xd0\xcf\x11\xe0" + bytes(600), compound({"WordDocument": b""})])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentRejected):
        parse(data)


def test_the_sandbox_reads_it_and_a_date_that_python_docx_left_says_nothing(tmp_path: Path) -> None:
    read = read_document("reglement.doc", RULES, tmp_path)
    assert (read.media_type, read.document.blocks) == (MediaType.DOC, parse(RULES).blocks)
    assert read.document.modified_at is None


@SOME
@given(st.binary(max_size=300) | damaged(RULES))
def test_any_bytes_are_a_text_or_a_refusal(data: bytes) -> None:
    assert ends_well(parse, data)
