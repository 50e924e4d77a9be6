"""A PDF gives its words on their pages, as they are seen."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rag.documents import BlockKind
from rag.errors import DocumentEmpty, DocumentRejected, PagesScanned
from rag.parsing import pdf
from rag.parsing.scanned import ReadLine

DOCUMENTS = Path(__file__).parents[2] / "data" / "documents"


def made(*pages: str, info: str = "") -> bytes:
    """A PDF of pages whose content streams are given; PDFium repairs the missing table of places."""
    kids = " ".join(f"{10 + 2 * number} 0 R" for number in range(len(pages)))
    parts = [
        f"1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj 2 0 obj <</Type/Pages/Kids[{kids}]/Count {len(pages)}>> endobj"
    ]
    parts.append("3 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>> endobj")
    for number, content in enumerate(pages):
        place = 10 + 2 * number
        parts.append(
            f"{place} 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F 3 0 R>>>>"
            f"/Contents {place + 1} 0 R>> endobj {place + 1} 0 obj <</Length {len(content)}>> "
            f"stream\n{content}\nendstream endobj"
        )
    parts.append(f"4 0 obj <<{info}>> endobj trailer <</Root 1 0 R/Info 4 0 R>>")
    return ("%PDF-1.7\n" + "\n".join(parts)).encode("latin-1")


def line(text: str, top: int, size: int = 12, paint: str = "0 g", left: int = 72) -> str:
    return f"BT {paint} /F {size} Tf {left} {top} Td ({text}) Tj ET"


def test_every_word_stands_on_its_page() -> None:
    document = pdf.parse(made(line("first page", 700), "", line("third page", 700)))
    assert document.pages == 3
    assert [(block.text, block.page) for block in document.blocks] == [("first page", 1), ("third page", 3)]


def test_large_lines_are_headings_and_close_lines_one_paragraph() -> None:
    page = "\n".join(
        [
            line("Leave", 740, 20),
            line("Everybody has twenty-", 700),
            line("five days of unbro-", 686),
            line("ken leave, or twenty-five.", 672),
            line("Another paragraph.", 630),
            line("- an item", 616),
        ]
    )
    document = pdf.parse(made(page))
    assert document.title == "Leave"
    assert [(block.kind, block.text) for block in document.blocks] == [
        (BlockKind.HEADING, "Leave"),
        (BlockKind.PARAGRAPH, "Everybody has twenty-five days of unbroken leave, or twenty-five."),
        (BlockKind.PARAGRAPH, "Another paragraph."),
        (BlockKind.LIST_ITEM, "- an item"),
    ]


def test_two_words_cut_at_their_hyphen_keep_it() -> None:
    page = "\n".join(
        [line("It threatening, and life, is life-", 700), line("threatening for pen-", 686), line("guins.", 672)]
    )
    (block,) = pdf.parse(made(page)).blocks
    assert block.text == "It threatening, and life, is life-threatening for penguins."


def test_size_is_what_the_page_shows_and_not_what_the_font_was_set_to() -> None:
    scaled = (
        "BT 0 g /F 1 Tf 20 0 0 20 72 740 Tm (Heading) Tj ET BT /F 1 Tf 12 0 0 12 72 700 Tm (body of the page) Tj ET"
    )
    assert [block.kind for block in pdf.parse(made(scaled)).blocks] == [BlockKind.HEADING, BlockKind.PARAGRAPH]


def test_white_tiny_and_outside_text_is_left_out_and_white_on_a_colour_is_kept() -> None:
    page = "\n".join(
        [
            line("seen", 700),
            line("white", 650, paint="1 g"),
            line("tiny", 600, size=1),
            line("outside", 900),
            "0 0 0.4 rg 60 540 300 30 re f",
            line("on blue", 550, paint="1 g"),
        ]
    )
    assert [block.text for block in pdf.parse(made(page)).blocks] == ["seen", "on blue"]


def test_an_item_whose_mark_stands_apart_keeps_its_line() -> None:
    page = "BT 0 g /F 12 Tf 72 700 Td (\\227) Tj 20 0 Td (Administration: the State) Tj -20 -14 Td (and towns.) Tj ET"
    assert [block.text for block in pdf.parse(made(page)).blocks] == ["— Administration: the State and towns."]


def test_a_running_header_is_dropped() -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon"]
    pages = [
        "\n".join([line("Company handbook", 780), line(word, 700), line(f"{word} again", 600), line(f"{number}", 20)])
        for number, word in enumerate(words, 1)
    ]
    text = [block.text for block in pdf.parse(made(*pages)).blocks]
    assert text == [part for word in words for part in (word, f"{word} again")]


def test_title_and_date_come_from_the_file_unless_a_program_made_the_title_up() -> None:
    document = pdf.parse(made(line("x y", 700), info="/Title (Handbook) /ModDate (D:20240131120000+01'00')"))
    assert document.title == "Handbook"
    assert document.modified_at is not None
    assert document.modified_at.astimezone(UTC) == datetime(2024, 1, 31, 11, tzinfo=UTC)
    other = pdf.parse(made(line("Real", 740, 20), line("body text here", 700), info="/Title (Microsoft Word - x.doc)"))
    assert other.title == "Real"
    assert pdf.parse(made(line("x y", 700), info="/ModDate (yesterday)")).modified_at is None


def test_a_page_of_a_few_shapes_is_empty() -> None:
    with pytest.raises(DocumentEmpty, match="no readable text"):
        pdf.parse(made("0 g 10 10 100 100 re f"))


@pytest.mark.parametrize(
    "content", [line("!#%&/=*+$!#%&", 700), "0 g 10 10 5 5 re f " * 50], ids=["letters without names", "drawn letters"]
)
def test_what_may_be_text_but_has_no_letters_is_to_be_read_from_its_picture(content: str) -> None:
    with pytest.raises(PagesScanned) as raised:
        pdf.parse(made(line("A page that can be read.", 700), content))
    assert raised.value.pages == (2,)


def test_heights_that_scatter_from_page_to_page_make_no_headings() -> None:
    pages = {
        page: [ReadLine(f"A line of page {page}", (0, 700, 90, 710), size, 0.9)] for page, size in ((1, 9), (2, 11))
    }
    document = pdf.parse(made("", ""), pages)
    assert [block.level for block in document.blocks] == [0, 0]


def test_lines_that_were_read_of_a_picture_stand_among_those_of_the_file() -> None:
    read = [ReadLine("1. Leave of absence", (40, 700, 300, 730), 30, 0.9)]
    read += [
        ReadLine(f"Line {number} of the page.", (40, at, 300, at + 10), 10, 0.5) for number, at in ((1, 600), (2, 588))
    ]
    document = pdf.parse(made("", line("Set in type.", 700)), {1: read})
    assert [(block.page, block.text, block.confidence) for block in document.blocks] == [
        (1, "1. Leave of absence", 0.9),
        (1, "Line 1 of the page. Line 2 of the page.", 0.5),
        (2, "Set in type.", None),
    ]
    assert document.blocks[0].level > 0
    assert document.blocks[1].boxes == ((40, 600, 300, 610), (40, 588, 300, 598))


def test_more_pages_than_the_limit_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "PAGES_MAX", 1)
    with pytest.raises(DocumentRejected, match="has 2 pages; the limit is 1"):
        pdf.parse(made("", ""))


def test_a_real_document_keeps_its_accents_and_words_apart() -> None:
    document = pdf.parse((DOCUMENTS / "faq-telephonie.pdf").read_bytes())
    text = " ".join(block.text for block in document.blocks)
    assert document.title == "Questions fréquentes : Téléphonie"
    assert max(len(word) for word in re.findall(r"\w+", text)) < 25


def test_a_page_is_drawn_small_however_large_it_is() -> None:
    tall = made(line("x", 10)).replace(b"[0 0 600 800]", b"[0 0 10 90000]")
    assert len(pdf.render(tall, 1, 900)) < 5_000_000
    with pytest.raises(DocumentRejected, match="page 2 of 1"):
        pdf.render(tall, 2, 900)


def test_a_title_of_half_a_letter_costs_no_document() -> None:
    document = pdf.parse(made(line("words", 700), info="/Title<FEFFD800>/ModDate(D:20240131120000Z)"))
    assert (document.title, [block.text for block in document.blocks]) == ("", ["words"])
    assert document.modified_at is not None
