"""Files are read in a child that has little to lose."""

from pathlib import Path

import pytest

from rag.errors import DocumentEmpty, DocumentRejected
from rag.parsing.sandbox import Limits, read_document, render_page

DOCUMENTS = Path(__file__).parents[2] / "data" / "documents"


def test_a_pdf_keeps_its_words_on_their_pages(tmp_path: Path) -> None:
    read = read_document("faq.pdf", (DOCUMENTS / "faq-telephonie.pdf").read_bytes(), tmp_path)
    assert read.document.pages == 2
    assert {block.page for block in read.document.blocks} == {1, 2}


def test_a_page_is_rendered_as_png(tmp_path: Path) -> None:
    data = (DOCUMENTS / "faq-telephonie.pdf").read_bytes()
    assert render_page(data, 1, tmp_path, 300).startswith(b"\x89PNG")


def test_markdown_gives_headings_and_its_title(tmp_path: Path) -> None:
    read = read_document("leave.md", (DOCUMENTS / "leave.md").read_bytes(), tmp_path)
    assert any(block.level for block in read.document.blocks)


def test_a_table_row_carries_its_header(tmp_path: Path) -> None:
    read = read_document("t.csv", b"name,price\nbolt,12\nnut,3\n", tmp_path)
    assert [block.text for block in read.document.blocks] == ["name: bolt; price: 12", "name: nut; price: 3"]


@pytest.mark.parametrize("data", [b"%PDF-1.7 broken", b"PK\x03\x04 word/document.xml", b"\x7fELF", b"\x00\x01\x02"])
def test_broken_and_foreign_files_are_rejected_with_a_sentence(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match=r"\w+ \w+"):
        read_document("file.pdf", data, tmp_path)


def test_an_empty_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DocumentEmpty):
        read_document("a.txt", b"  \n ", tmp_path)


def test_a_file_over_the_limit_is_rejected_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match="limit"):
        read_document("a.txt", b"x" * 2_000_000, tmp_path, Limits(file_bytes=1_000_000))


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    read_document("t.csv", b"name,price\nbolt,12\n", tmp_path)
    assert list(tmp_path.iterdir()) == []
