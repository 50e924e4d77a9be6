"""Yellow lies over the lines of the passage and nowhere else, however the page is turned or cut."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rag.documents import Box
from rag.parsing import pdf, picture, sandbox
from rag.parsing.highlighting import PALE, YELLOW, from_corner, highlight
from rag.parsing.marks import Marks
from rag.parsing.sandbox import render_page
from tests.rag.parsing.test_pdf import line, made

WORDS = "The allowance is 40 euros."
BOX: Box = (70, 697, 230, 712)
WIDTH = 900
PAGE = made(line(WORDS, 700) + line("Another line.", 400))
NONE = ((0, 0, 0, 0), (230, 697, 70, 712), (-900, -900, -800, -800), (math.nan, 1, math.inf, 2), (1e9, 1e9, 2e9, 2e9))


def pixels(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(np.int16)


def changed(before: bytes, after: bytes) -> tuple[int, int, int, int]:
    """Left, top, right and bottom (in pixels, the last outside) of what is not as it was: all that is not black."""
    is_other = (pixels(before) != pixels(after)).any(axis=2)
    rows, columns = np.nonzero(is_other)
    assert len(rows)
    found = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    is_black = pixels(before).max(axis=2) == 0
    assert (is_other | is_black)[found[1] : found[3], found[0] : found[2]].all()
    return found


def letters(png: bytes) -> tuple[int, int, int, int]:
    """Where the dark pixels of the first line lie."""
    rows, columns = np.nonzero(pixels(png).max(axis=2) < 100)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def marked(data: bytes, boxes: Sequence[Box], *, is_read: bool = False) -> tuple[bytes, bytes]:
    return pdf.render(data, 1, WIDTH), pdf.render(data, 1, WIDTH, Marks(boxes, is_read))


def test_pixels_change_inside_the_boxes_and_nowhere_else() -> None:
    plain, shown = marked(PAGE, [BOX])
    scale = WIDTH / 600
    expected = (70 * scale, (800 - 712) * scale, 230 * scale, (800 - 697) * scale)
    assert changed(plain, shown) == pytest.approx(expected, abs=1)
    inside = pixels(shown)[int(expected[1]) + 2, int(expected[0]) + 2]
    assert tuple(inside) == YELLOW


def test_letters_stay_as_dark_and_two_boxes_over_each_other_are_not_darker() -> None:
    plain, once = marked(PAGE, [BOX])
    _, twice = marked(PAGE, [BOX, BOX])
    assert once == twice
    assert letters(once) == letters(plain)
    assert (pixels(once).min(axis=(0, 1)) == pixels(plain).min(axis=(0, 1))).all()


@pytest.mark.parametrize("box", NONE, ids=str)
def test_a_box_that_is_none_marks_nothing(box: Box) -> None:
    plain, shown = marked(PAGE, [box])
    assert plain == shown
    plain, shown = marked(PAGE, [box, BOX])
    assert plain != shown


def test_a_box_over_the_edge_is_cut_there() -> None:
    plain, shown = marked(PAGE, [(-50, 790, 9000, 9000)])
    assert changed(plain, shown) == pytest.approx((0, 0, WIDTH, 15), abs=1)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("edges", ["0 0 600 800", "50 100 600 800"])
def test_a_page_that_is_turned_or_cut_is_marked_where_its_words_are(turn: int, edges: str) -> None:
    data = made(line(WORDS, 700)).replace(b"/MediaBox[0 0 600 800]", f"/MediaBox[{edges}]/Rotate {turn}".encode())
    (block,) = pdf.parse(data).blocks
    plain, shown = marked(data, block.boxes)
    found, words = changed(plain, shown), letters(plain)
    assert found == pytest.approx(words, abs=6)


def test_what_was_read_from_a_picture_of_the_page_is_marked_as_that_lay() -> None:
    """OCR sees the page turned and cut; its boxes count from the corner of what it saw."""
    data = PAGE.replace(b"/MediaBox[0 0 600 800]", b"/MediaBox[50 100 600 800]/Rotate 90")
    plain, shown = marked(data, [(10, 20, 110, 40)], is_read=True)
    scale, height = WIDTH / 700, pixels(plain).shape[0]
    expected = (10 * scale, height - 40 * scale, 110 * scale, height - 20 * scale)
    assert changed(plain, shown) == pytest.approx(expected, abs=1)


def test_a_picture_is_marked_by_its_resolution() -> None:
    out = io.BytesIO()
    Image.new("RGB", (1200, 1600), "white").save(out, "PNG", dpi=(144, 144))
    plain, shown = (picture.render(out.getvalue(), 1, 600, marks) for marks in (Marks(), Marks([(10, 20, 110, 40)])))
    assert changed(plain, shown) == pytest.approx((10, 760, 110, 780), abs=1)


@pytest.mark.parametrize("form", ["PNG", "PDF"])
def test_of_a_scan_the_lines_are_marked_that_the_quote_likely_stands_on(form: str) -> None:
    boxes: list[Box] = [(10, 60, 110, 70), (10, 40, 110, 50), (10, 20, 60, 30)]
    marks = Marks(boxes, True, "x" * 250, 120, 180)
    out = io.BytesIO()
    Image.new("RGB", (300, 400), "white").save(out, form, dpi=(72, 72), resolution=72)
    reader = {"PNG": picture, "PDF": pdf}[form]
    whole, strip = (reader.render(out.getvalue(), 1, 300, marks, is_strip=is_strip) for is_strip in (False, True))
    tints = [pixels(whole)[400 - at, 50] for at in (65, 45, 25)]
    assert [tuple(map(int, tint)) for tint in tints] == [PALE, YELLOW, PALE]
    assert pixels(strip).shape[0] < 60
    assert (pixels(strip) == YELLOW).all(axis=2).sum() == (pixels(whole) == YELLOW).all(axis=2).sum()


def test_a_passage_too_long_for_one_has_no_quote_and_is_marked(tmp_path: Path) -> None:
    boxes, length = [BOX], sandbox.PASSAGE_CHARACTERS_MAX
    long, longer, plain = (
        render_page([PAGE], 1, tmp_path, 300, marks)
        for marks in (
            Marks(boxes, False, WORDS.ljust(length), 4, 13),
            Marks(boxes, False, WORDS.ljust(length + 1), 4, 13),
            Marks(boxes),
        )
    )
    assert long != longer == plain


def test_more_boxes_than_a_passage_has_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(render_page([PAGE], 1, tmp_path, 300, Marks([BOX] * 100_000))) > 100
    monkeypatch.setattr(sandbox, "BOXES_MAX", 1)
    one, two = (render_page([PAGE], 1, tmp_path, 300, Marks(boxes)) for boxes in ([BOX], [BOX, (70, 397, 230, 412)]))
    assert one == two != render_page([PAGE], 1, tmp_path, 300)


def test_yellow_is_translucent() -> None:
    """White becomes yellow, black stays, white letters on black become yellow, and the edge is exact."""
    sheet = Image.new("RGB", (10, 10), "white")
    sheet.putpixel((2, 7), (0, 0, 0))
    sheet.putpixel((3, 7), (100, 100, 100))
    highlight(sheet, [(0, 0, 5, 5)], from_corner(1, 10))
    seen = [sheet.getpixel(at) for at in ((9, 9), (0, 4), (5, 9), (0, 9), (4, 5), (2, 7), (3, 7))]
    assert seen == [(255, 255, 255)] * 3 + [YELLOW, YELLOW, (0, 0, 0), (100, 90, 36)]
