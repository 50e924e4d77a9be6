"""Files are read in a child that has little to lose."""

import io
import threading
import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

import docx
import pytest

from rag.confinement import Limits
from rag.errors import DocumentEmpty, DocumentRejected, ReadingCancelled
from rag.parsing.readers import Readers
from rag.parsing.sandbox import read_document, render_page
from security.errors import SealBroken
from tests.rag.parsing.forked import read_with

DOCUMENTS = Path(__file__).parents[2] / "data" / "documents"
SPOILING = """
host.child.confine(host.child.Limits(), parent, Path.cwd())
told = []
for opened in (lambda: 0, lambda: os.open("/proc/self/fd/0", os.O_RDWR)):
    try:
        os.write(opened(), b"spoilt")
        told.append("written")
    except OSError:
        told.append("refused")
print(json.dumps({"empty": ", ".join(told)}))
"""


def test_a_pdf_keeps_its_words_on_their_pages(tmp_path: Path) -> None:
    read = read_document("faq.pdf", (DOCUMENTS / "faq-telephonie.pdf").read_bytes(), tmp_path)
    assert read.document.pages == 2
    assert {block.page for block in read.document.blocks} == {1, 2}


def test_a_page_is_rendered_as_png(tmp_path: Path) -> None:
    data = (DOCUMENTS / "faq-telephonie.pdf").read_bytes()
    assert render_page([data], 1, tmp_path, 300).startswith(b"\x89PNG")


def test_a_page_is_drawn_of_blocks_held_one_at_a_time(tmp_path: Path) -> None:
    block = b"% nothing to see\n" * 65_536
    head, tail = b"%PDF-1.7\n", (DOCUMENTS / "faq-telephonie.pdf").read_bytes()
    tracemalloc.start()
    try:
        assert render_page(chain([head], repeat(block, 40), [tail]), 1, tmp_path, 300).startswith(b"\x89PNG")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(block)


def test_nothing_is_drawn_of_a_stream_whose_end_does_not_open(tmp_path: Path) -> None:
    def blocks() -> Iterator[bytes]:
        yield (DOCUMENTS / "faq-telephonie.pdf").read_bytes()
        raise SealBroken("the last block")

    with Readers(tmp_path) as readers:
        with pytest.raises(SealBroken):
            render_page(blocks(), 1, tmp_path, readers=readers)
        assert readers._host is None, "no reader saw the blocks that came before"


def test_no_reader_writes_into_its_file_which_the_next_reads_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_with(monkeypatch, SPOILING)
    with pytest.raises(DocumentEmpty, match="refused, refused"):
        read_document("a.txt", b"text", tmp_path)


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


def test_the_date_of_a_template_is_none(tmp_path: Path) -> None:
    document, out = docx.Document(), io.BytesIO()
    document.add_paragraph("x")
    document.save(out)
    assert read_document("a.docx", out.getvalue(), tmp_path).document.modified_at is None


def test_an_empty_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DocumentEmpty):
        read_document("a.txt", b"  \n ", tmp_path)


def test_a_file_over_the_limit_is_rejected_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match="limit"):
        read_document("a.txt", b"x" * 2_000_000, tmp_path, Limits(file_bytes=1_000_000))


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    read_document("t.csv", b"name,price\nbolt,12\n", tmp_path)
    assert list(tmp_path.iterdir()) == []


def hostile(name: str, memory: Path) -> str:
    data = (DOCUMENTS.parent / "hostile" / name).read_bytes()
    return " ".join(block.text for block in read_document(name, data, memory).document.blocks)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("cut.pdf", "cut or broken"),
        ("deep-table.docx", "broken"),
        ("entity-bomb.docx", "broken"),
        ("half.docx", "cut or broken"),
        ("not-a-docx.docx", "cut or broken"),
        ("nuls.txt", "binary file"),
        ("pages-loop.pdf", "broken"),
        ("program.pdf", "binary file"),
        ("pypdf-libreoffice-writer-password.pdf", "password"),
        ("utf16-no-bom.txt", "unmarked encoding"),
    ],
)
def test_hostile_and_broken_files_are_rejected_with_what_to_do(name: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match=sentence):
        hostile(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["zero.pdf", "meta-injection.pdf", "xxe.docx"])
def test_hostile_files_without_text_are_empty(name: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentEmpty):
        hostile(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hidden-text.docx", "The travel policy allows economy class."),
        ("white-text.docx", "Office hours are 9 to 17."),
        ("white-text.pdf", "Leave policy: 25 days a year."),
        ("tiny-text.pdf", "Plan de charge 2026"),
        ("hidden.html", "Le télétravail est possible deux jours par semaine."),
        ("tags.txt", "Normal note."),
        ("nfd-noms.txt", "L’équipée a été reportée à Noël. fin du œuvre nº 3."),
        ("un-umlauts-non-utf8.md", "können können äöüß"),
        ("pypdf-encryption-r6-empty-password.pdf", "pdf encryption test password: asdfzxcv"),
    ],
)
def test_hidden_instructions_do_not_come_out_and_letters_are_right(name: str, text: str, tmp_path: Path) -> None:
    assert hostile(name, tmp_path) == text


def test_marks_that_turn_the_writing_do_not_come_out(tmp_path: Path) -> None:
    assert not set("\u202a\u202e\u202c\u2066\u2069") & set(hostile("bidi.txt", tmp_path))


def test_a_reader_over_its_time_or_memory_is_ended(tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match="took over 0 s"):
        read_document("a.txt", b"word " * 8_000_000, tmp_path, Limits(wall_seconds=0))
    with pytest.raises(DocumentRejected, match="over its limits"):
        read_document("a.txt", b"word " * 8_000_000, tmp_path, Limits(memory_bytes=100_000_000))
    assert list(tmp_path.iterdir()) == []


def test_a_reader_stops_when_the_load_does(tmp_path: Path) -> None:
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(ReadingCancelled):
        read_document("a.txt", b"text", tmp_path, cancelled=stopped)
