"""A quote's words are marked where they stand on the page: all of them, and nothing else."""

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pypdfium2
import pytest

from rag.chunking import chunk_document
from rag.documents import Box, Chunk
from rag.errors import DocumentEmpty, DocumentRejected, ReaderFailed
from rag.parsing import pdf, pdf_quotes
from rag.parsing.highlighting import PALE, YELLOW
from rag.parsing.marks import Marks, quoted_lines
from rag.parsing.pdf_quotes import quoted_boxes
from rag.parsing.quoting import folded
from rag.parsing.sandbox import render_page
from tests.rag.parsing.test_highlighting import WIDTH, pixels
from tests.rag.parsing.test_pdf import DOCUMENTS, line, made

FIRST, SECOND = "The allowance is 40 euros a day.", "The allowance is paid on Mondays."
PAGE = made("\n".join((line(FIRST, 700), line(SECOND, 686), line("The allowance is a gift.", 400))))


def chunks_of(data: bytes) -> Sequence[Chunk]:
    return chunk_document(pdf.parse(data), lambda text: len(text) // 4)


def marks_of(chunk: Chunk, quote: str, last: bool = False) -> Marks:
    start = (chunk.text.rindex if last else chunk.text.index)(quote)
    return Marks(chunk.boxes, False, chunk.text, start, start + len(quote))


def words_in(data: bytes, page: int, boxes: Sequence[Box]) -> str:
    text = pypdfium2.PdfDocument(data)[page - 1].get_textpage()
    return "".join(text.get_text_bounded(left - 1, bottom, right + 1, top) for left, bottom, right, top in boxes)


def found(data: bytes, chunk: Chunk, quote: str, last: bool = False) -> Sequence[Box]:
    page = pypdfium2.PdfDocument(data)[(chunk.page or 1) - 1]
    return quoted_boxes(page, marks_of(chunk, quote, last))


@pytest.mark.parametrize("quote", ["allowance is 40", "40 euros a day. The allowance is paid", "Mondays."])
def test_the_boxes_hold_the_words_of_the_quote_and_no_other(quote: str) -> None:
    boxes = found(PAGE, chunks_of(PAGE)[0], quote)
    assert folded(words_in(PAGE, 1, boxes))[0] == folded(quote)[0]


@pytest.mark.parametrize(("last", "top"), [(False, 700), (True, 400)])
def test_of_words_that_stand_twice_in_a_passage_those_are_marked_that_are_quoted(last: bool, top: int) -> None:
    (box,) = found(PAGE, chunks_of(PAGE)[0], "The allowance is", last)
    assert box[1] == pytest.approx(top, abs=5)


def test_words_that_stand_in_the_passage_are_not_looked_for_on_the_rest_of_the_page() -> None:
    text = "The allowance is a gift."
    marks = Marks(((72, 397, 230, 412),), False, text, 0, 16)
    (box,) = quoted_boxes(pypdfium2.PdfDocument(PAGE)[0], marks)
    assert box[1] == pytest.approx(400, abs=5)


def test_words_outside_the_lines_of_the_passage_are_found_next_to_them() -> None:
    quote = "The allowance is"
    marks = Marks(((72, 500, 300, 510),), False, quote, 0, len(quote))
    (box,) = quoted_boxes(pypdfium2.PdfDocument(PAGE)[0], marks)
    assert box[1] == pytest.approx(400, abs=5)


def test_words_that_the_page_does_not_have_leave_the_lines_that_they_likely_stand_on() -> None:
    text = f"{'a' * 30} {'b' * 30}"
    marks = Marks(((72, 697, 230, 712), (72, 683, 230, 695)), False, text, 31, 61)
    boxes = quoted_boxes(pypdfium2.PdfDocument(PAGE)[0], marks)
    assert boxes == quoted_lines(marks) == ((72, 683, 230, 695),)


def test_every_sentence_of_a_real_document_is_found_on_its_page() -> None:
    data = (DOCUMENTS / "faq-telephonie.pdf").read_bytes()
    quotes = [(chunk, words) for chunk in chunks_of(data) for words in chunk.text.split(". ") if len(words) > 20]
    assert len(quotes) > 5
    for chunk, words in quotes:
        boxes = found(data, chunk, words)
        assert folded(words)[0] in folded(words_in(data, chunk.page or 1, boxes))[0], words


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_the_quote_is_yellow_and_its_passage_paler_however_the_page_is_turned(turn: int) -> None:
    data = PAGE.replace(b"/MediaBox[0 0 600 800]", f"/MediaBox[50 100 600 800]/Rotate {turn}".encode())
    chunk = chunks_of(data)[0]
    marks = marks_of(chunk, "40 euros")
    passage, shown = (pdf.render(data, 1, WIDTH, each) for each in (Marks(chunk.boxes), marks))
    assert {YELLOW, PALE} <= {tuple(map(int, each)) for each in np.unique(pixels(shown).reshape(-1, 3), axis=0)}
    strong = (pixels(shown) == YELLOW).all(axis=2)
    assert 0 < strong.sum() < (pixels(passage) == YELLOW).all(axis=2).sum() / 3
    plain = pixels(pdf.render(data, 1, WIDTH))
    assert ((pixels(shown) != plain).any(axis=2) == (pixels(passage) != plain).any(axis=2)).all()


@pytest.mark.parametrize("turn", [0, 90])
def test_a_strip_holds_the_quote_and_little_else(turn: int) -> None:
    data = PAGE.replace(b"/MediaBox[0 0 600 800]", f"/MediaBox[0 0 600 800]/Rotate {turn}".encode())
    marks = marks_of(chunks_of(data)[0], "40 euros")
    whole, strip = (pixels(pdf.render(data, 1, WIDTH, marks, is_strip=is_strip)) for is_strip in (False, True))
    yellow = [int((each == YELLOW).all(axis=2).sum()) for each in (whole, strip)]
    assert yellow[0] == yellow[1] > 0
    assert strip.shape[0] < whole.shape[0] * 0.4
    unmarked = pixels(pdf.render(data, 1, WIDTH, Marks(), is_strip=True))
    assert unmarked.shape == whole.shape


def test_a_page_full_of_letters_takes_no_long_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_quotes, "LETTERS_MAX", 500)
    crowded = made(
        " ".join(line("a" * 100, 790 - 7 * row, 6, left=5 + column * 60) for row in range(100) for column in range(3))
    )
    begin = time.process_time()
    marks = Marks([(0, 0, 600, 800)] * 300, False, "a" * 3000, 0, 1500)
    assert len(quoted_boxes(pypdfium2.PdfDocument(crowded)[0], marks)) >= 0
    assert time.process_time() - begin < 5


@pytest.mark.parametrize("path", sorted((DOCUMENTS.parent / "hostile").glob("*.pdf")), ids=lambda path: path.name)
def test_a_hostile_file_is_drawn_with_a_quote_or_refused(path: Path, tmp_path: Path) -> None:
    marks = Marks([(0, 0, 600, 800), (-1e300, 0, 1e300, 5)], False, "the invoice is due today", 4, 11)
    for is_strip in (False, True):
        with suppress(DocumentEmpty, DocumentRejected, ReaderFailed):
            shown = render_page([path.read_bytes()], 1, tmp_path, 300, marks, is_strip=is_strip)
            assert shown.startswith(b"\x89PNG")


def test_a_quote_that_is_no_place_in_the_text_marks_the_passage_alone() -> None:
    chunk = chunks_of(PAGE)[0]
    plain = pdf.render(PAGE, 1, WIDTH, Marks(chunk.boxes))
    for start, end in ((5, 5), (9, 4), (0, 10_000), (-5, 5)):
        assert pdf.render(PAGE, 1, WIDTH, Marks(chunk.boxes, False, chunk.text, start, end)) == plain
