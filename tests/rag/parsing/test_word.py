"""A Word file gives what its reader sees, with its structure."""

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime

import docx
import pytest
from docx.document import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor
from hypothesis import given
from hypothesis import strategies as st

from rag.documents import BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing import word
from tests.rag.parsing.damage import SOME, damaged, damaged_inside, ends_well


def parsed(write: Callable[[Document], object]) -> ParsedDocument:
    document = docx.Document()
    write(document)
    out = io.BytesIO()
    document.save(out)
    return word.parse(out.getvalue())


def test_headings_items_and_tables_come_in_order_with_title_and_date() -> None:
    def write(document: Document) -> None:
        document.core_properties.title = "Travel"
        document.core_properties.modified = datetime(2024, 5, 1, 10, tzinfo=UTC)
        document.add_heading("Hotels", 2)
        document.add_paragraph("One night.")
        document.add_paragraph("first", style="List Bullet")
        table = document.add_table(3, 3)
        table.cell(0, 1).merge(table.cell(0, 2)).text = "Price"
        for column, text in enumerate(("", "low", "high")):
            table.cell(1, column).text = text
        for column, text in enumerate(("Paris", "90", "160")):
            table.cell(2, column).text = text

    document = parsed(write)
    assert document.title == "Travel"
    assert document.modified_at is not None
    assert document.modified_at.replace(tzinfo=UTC) == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert [(block.kind, block.text) for block in document.blocks] == [
        (BlockKind.HEADING, "Hotels"),
        (BlockKind.PARAGRAPH, "One night."),
        (BlockKind.LIST_ITEM, "first"),
        (BlockKind.TABLE_ROW, "Paris; Price low: 90; Price high: 160"),
    ]
    assert document.blocks[0].level == 2


def test_a_title_that_a_program_wrote_gives_way_to_the_first_heading() -> None:
    assert parsed(lambda document: document.add_heading("Leave", 1)).title == "Leave"


def test_hidden_white_and_tiny_runs_are_left_out_and_white_on_a_colour_is_kept() -> None:
    def write(document: Document) -> None:
        paragraph = document.add_paragraph("seen ")
        paragraph.add_run("hidden").font.hidden = True
        paragraph.add_run("white").font.color.rgb = RGBColor(255, 255, 255)
        paragraph.add_run("tiny").font.size = Pt(1)
        shaded = paragraph.add_run("label")
        shaded.font.color.rgb = RGBColor(255, 255, 255)
        mark = OxmlElement("w:shd")
        mark.set(qn("w:fill"), "000066")
        shaded._r.get_or_add_rPr().append(mark)
        document.add_table(1, 1).cell(0, 0).paragraphs[0].add_run("cell").font.color.rgb = RGBColor(255, 255, 255)

    assert [block.text for block in parsed(write).blocks] == ["seen label", "cell"]


def test_insertions_are_read_deletions_are_not_and_content_controls_are_opened() -> None:
    def write(document: Document) -> None:
        paragraph = document.add_paragraph("kept ")
        for tag, text in (("w:ins", "added "), ("w:del", "removed ")):
            mark = OxmlElement(tag)
            mark.append(paragraph.add_run(text)._r)
            paragraph._p.append(mark)
        control, content = OxmlElement("w:sdt"), OxmlElement("w:sdtContent")
        inside = document.add_paragraph("inside")._p
        inside.addprevious(control)
        control.append(content)
        content.append(inside)

    assert [block.text for block in parsed(write).blocks] == ["kept added", "inside"]


def test_what_unpacks_beyond_the_limits_is_rejected_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"\0" * 20_000_000)
    with pytest.raises(DocumentRejected, match="unpacks to"):
        word.parse(out.getvalue())


def whole() -> bytes:
    document = docx.Document()
    document.add_heading("Hotels", 2)
    document.add_table(2, 2).cell(0, 0).text = "Price"
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


WHOLE = whole()


@SOME
@given(st.binary(max_size=300) | damaged(WHOLE) | damaged_inside(WHOLE))
def test_any_bytes_are_a_word_file_or_a_refusal(data: bytes) -> None:
    assert ends_well(word.parse, data)
