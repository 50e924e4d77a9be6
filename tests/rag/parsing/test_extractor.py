"""PowerPoint and RTF files give what their reader sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.documents import ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing import extractor
from rag.parsing.extractor import parse_pptx, parse_rtf
from tests.rag.parsing.damage import SOME, damaged, damaged_inside, ends_well
from tests.rag.parsing.decks import deck, links, notes, shape, slide, table

FIRST = shape("Orchard", kind="title") + shape("apples", "pears", bullet="•") + shape("Ripe soon.")
DECK = deck([slide(FIRST + table(["Item", "Price"], ["bolt", "12"])), slide(shape("Later", kind="title"))])
RTF = rb"{\rtf1\ansi{\info{\title Orchard}{\revtim\yr2024\mo5\dy1\hr10\min0}}\pard Caf\'e9 \u233? ripe\par second\par}"


def told(document: ParsedDocument) -> list[tuple[str, str, int | None]]:
    return [(block.kind.value, block.text, block.page) for block in document.blocks]


def rich(body: str) -> list[str]:
    return [block.text for block in parse_rtf(b"{\\rtf1\\ansi " + body.encode() + b"}").blocks]


def test_slides_are_pages_with_their_titles_items_and_tables() -> None:
    document = parse_pptx(DECK)
    assert told(document) == [
        ("heading", "Orchard", 1),
        ("list_item", "apples", 1),
        ("list_item", "pears", 1),
        ("paragraph", "Ripe soon.", 1),
        ("table_row", "Item: bolt; Price: 12", 1),
        ("heading", "Later", 2),
    ]
    assert (document.title, document.pages) == ("Orchard", 2)


def test_title_and_date_are_those_of_the_file_unless_a_program_wrote_them() -> None:
    document = parse_pptx(deck([slide(FIRST)], title=" Harvest "))
    assert (document.title, str(document.modified_at)) == ("Harvest", "2024-05-01 10:00:00+00:00")
    assert parse_pptx(deck([slide(FIRST)], date="2013-01-27T09:15:58Z")).modified_at is None
    assert parse_pptx(deck([slide(FIRST)], date="yesterday")).modified_at is None


def test_hidden_slides_are_left_out_in_whatever_order_they_come_and_the_others_keep_their_numbers() -> None:
    made = [slide(shape("one")), slide(shape("two"), 'show="0"'), slide(shape("three")), slide("")]
    document = parse_pptx(deck(made, [3, 2, 4, 1]))
    assert told(document) == [("heading", "three", 1), ("heading", "one", 4)]
    assert document.pages == 4


def test_speaker_notes_and_descriptions_of_pictures_are_left_out() -> None:
    more = {
        "ppt/slides/_rels/slide1.xml.rels": links(("n", "notesSlide", "../notesSlides/notesSlide1.xml")),
        "ppt/notesSlides/notesSlide1.xml": notes("said aloud"),
    }
    assert told(parse_pptx(deck([slide(shape("seen", description="described"))], more=more))) == [
        ("heading", "seen", 1)
    ]


def test_the_date_the_foot_and_the_number_of_a_slide_are_left_out() -> None:
    running = "".join(shape(kind, kind=kind) for kind in ("dt", "ftr", "hdr", "sldNum"))
    title, body = shape("Orchard", kind="title"), shape("ripe", kind="body")
    assert told(parse_pptx(deck([slide(running + title + body)]))) == [
        ("heading", "Orchard", 1),
        ("paragraph", "ripe", 1),
    ]


def test_a_presentation_of_which_nothing_is_shown_gives_nothing() -> None:
    for made in (deck([]), deck([slide(shape("x"), 'show="0"')])):
        assert parse_pptx(made).blocks == ()


def test_rich_text_keeps_its_letters_its_title_and_its_date() -> None:
    document = parse_rtf(RTF)
    assert told(document) == [("paragraph", "Café é ripe", None), ("paragraph", "second", None)]
    assert (document.title, document.pages) == ("Orchard", None)
    assert str(document.modified_at) == "2024-05-01 10:00:00+00:00"


def test_what_a_reader_of_rich_text_does_not_see_is_left_out() -> None:
    running = r"{\header\pard running head\par}{\footerl\pard running foot\par}"
    note = r"{\*\atnid A}{\*\annotation\pard a note\par}"
    body = rf"\pard seen{{\deleted gone}}{{\v hidden}}{{\fs2 tiny}}{note} too\par"
    assert rich(running + body) == ["seen too"]


def test_a_table_of_rich_text_carries_its_header() -> None:
    row = r"\trowd\cellx1000\cellx2000\intbl {}\cell {}\cell\row"
    assert rich(row.format("Item", "Price") + row.format("bolt", "12")) == ["Item: bolt; Price: 12"]


@pytest.mark.parametrize("data", [b"", b"words", b"\xd0\xcf\x11\xe0" + bytes(600), b"PK\x05\x06" + bytes(18)])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentRejected):
        parse_pptx(data)


def test_a_table_beyond_the_limits_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractor, "COLUMNS_MAX", 1)
    with pytest.raises(DocumentRejected, match="exceeds 200000 rows or 1 columns"):
        parse_pptx(DECK)


@SOME
@given(st.binary(max_size=300) | damaged(DECK) | damaged_inside(DECK))
def test_any_bytes_are_a_presentation_or_a_refusal(data: bytes) -> None:
    assert ends_well(parse_pptx, data)


@SOME
@given(st.binary(max_size=300) | damaged(RTF) | st.binary(max_size=200).map(b"{\\rtf1 ".__add__))
def test_any_bytes_are_rich_text_or_a_refusal(data: bytes) -> None:
    assert ends_well(parse_rtf, data)
