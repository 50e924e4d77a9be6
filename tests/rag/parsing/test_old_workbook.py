"""An old workbook gives the values that its reader sees, where they stand, as a new one does."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.documents import ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.filetypes import MediaType
from rag.parsing.old_workbook import parse
from rag.parsing.sandbox import read_document
from tests.rag.parsing.damage import SOME, damaged, ends_well
from tests.rag.parsing.old_office import HIDDEN, VERY_HIDDEN, VISIBLE, record, workbook

PRICES = (Path(__file__).parents[2] / "data" / "office" / "prix.xls").read_bytes()
"""Saved by LibreOffice: styles, dates, a formula; a row, a column, a sheet and cells are hidden."""
BOOK = workbook(("Prices", VISIBLE, [["Item", "Price"], ["bolt", 12.5]]), ("Stock", VISIBLE, [["a", "b"], ["c", "d"]]))


def told(document: ParsedDocument) -> list[tuple[str, str, int | None, tuple[int, int, int, int] | None]]:
    return [(block.kind.value, block.text, block.page, block.cells) for block in document.blocks]


def test_sheets_are_pages_whose_rows_carry_their_header_and_their_place() -> None:
    document = parse(BOOK)
    assert told(document) == [
        ("heading", "Prices", 1, None),
        ("table_row", "Item: bolt; Price: 12.5", 1, (2, 1, 2, 2)),
        ("heading", "Stock", 2, None),
        ("table_row", "a: c; b: d", 2, (2, 1, 2, 2)),
    ]
    assert (document.title, document.pages, document.modified_at) == ("Prices", 2, None)


def test_a_name_that_xlrd_cannot_compute_and_a_stream_in_capitals_cost_no_workbook() -> None:
    area_of_a_name = b"\x2d" + bytes(8)
    name = struct.pack("<HBBHHHBBBB", 0, 0, 1, len(area_of_a_name), 0, 0, 0, 0, 0, 0) + b"\0N" + area_of_a_name
    made = workbook(("Prices", VISIBLE, [["a", "b"], ["c", "d"]]), before=record(0x18, name), stream="WORKBOOK")
    assert [block.text for block in parse(made).blocks] == ["Prices", "a: c; b: d"]


@pytest.mark.parametrize("state", [HIDDEN, VERY_HIDDEN])
def test_hidden_sheets_are_left_out_and_the_others_keep_their_numbers(state: int) -> None:
    secret, prices = [["x", "y"], ["z", "1"]], [["Item", "Price"], ["bolt", "12.5"]]
    document = parse(workbook(("Secret", state, secret), ("Prices", VISIBLE, prices)))
    assert told(document) == [
        ("heading", "Prices", 2, None),
        ("table_row", "Item: bolt; Price: 12.5", 2, (2, 1, 2, 2)),
    ]
    assert (document.title, document.pages) == ("Prices", 2)


def test_values_come_as_their_format_says_at_the_place_they_stand_in() -> None:
    document = parse(PRICES)
    assert told(document) == [
        ("heading", "Prix", 1, None),
        ("paragraph", "Prix de l’été (en euros)", 1, (2, 2, 2, 2)),
        ("table_row", "Fruit: pêche; Prix: 12.5 €; Récolte: 2024-05-01; Part: 59 %; Épuisé: TRUE", 1, (5, 2, 5, 6)),
        (
            "table_row",
            "Fruit: cerise à l’eau-de-vie; Prix: 1234.5 €; Récolte: 2024-07-03 09:30; Part: 100 %; Épuisé: TRUE",
            1,
            (7, 2, 7, 6),
        ),
        ("table_row", "Fruit: kaki; Prix: 7 €; Récolte: 2024-08-04; Part: 7 %; Épuisé: FALSE", 1, (8, 2, 8, 6)),
        ("table_row", "Total; 1257 €", 1, (11, 2, 11, 3)),
        ("paragraph", "Vu en partie", 1, (13, 2, 13, 2)),
        ("table_row", "Durée; 26:30:00", 1, (16, 2, 16, 4)),
        ("heading", "Stock", 3, None),
        ("paragraph", "pommes", 3, (1, 1, 1, 1)),
    ]


def test_hidden_rows_columns_and_cells_are_kept_apart() -> None:
    assert parse(PRICES).hidden == (
        "Marge",
        "écrit en blanc 0.4",
        "coing 3 € 2024-06-02 10 % FALSE",
        "sans format 0.2",
    )


def test_title_and_date_are_those_of_the_file() -> None:
    document = parse(PRICES)
    assert (document.title, str(document.modified_at)) == ("Prix du verger", "2026-11-26 05:39:22+00:00")


def test_a_workbook_with_a_password_is_refused_with_a_sentence_that_says_so() -> None:
    with pytest.raises(DocumentRejected, match="is locked with a password"):
        parse(workbook(("Prices", VISIBLE, [["x"]]), is_locked=True))


def test_a_sheet_wider_than_the_limit_is_not_one_of_this_format() -> None:
    assert parse(workbook(("Wide", VISIBLE, [["x"] * 256]))).blocks[1].cells == (1, 1, 1, 256)


@pytest.mark.parametrize("data", [b"", b"words", b"\xd0\xcf\x11\xe0" + bytes(600), b"PK\x05\x06" + bytes(18)])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentRejected):
        parse(data)


def test_what_xlrd_finds_odd_does_not_get_into_the_answer_of_the_child(tmp_path: Path) -> None:
    read = read_document("prix.xls", PRICES + b"odd", tmp_path)
    assert read.media_type is MediaType.XLS
    assert read.document.blocks == parse(PRICES).blocks


@SOME
@given(st.binary(max_size=300) | damaged(BOOK) | damaged(PRICES))
def test_any_bytes_are_a_workbook_or_a_refusal(data: bytes) -> None:
    assert ends_well(parse, data)
