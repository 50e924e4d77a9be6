"""Scans and pictures are read by OCR, in the sandbox, with real data for French and English."""

import io
import random
import time
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageFilter

from chat.settings import load_settings
from models.store import ModelStore
from rag.errors import DocumentEmpty, DocumentRejected
from rag.parsing import ocr, picture, sandbox
from rag.parsing.filetypes import MediaType
from rag.parsing.ocr import read_lines
from rag.parsing.sandbox import read_document, render_page
from tests.rag.parsing.test_pdf import line, made

FRENCH = ("Le congé annuel est de vingt-cinq jours ouvrés.", "La demande se fait à l'avance, par écrit.")


@pytest.fixture(scope="module")
def tessdata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = ModelStore(load_settings(tmp_path_factory.mktemp("state")).models.folder).tessdata()
    assert found, "no data for OCR: run `huisclos models pull --for-tests`"
    return found


def page(*lines: str) -> Image.Image:
    """The picture of a printed page, 200 dots an inch."""
    printed = made(" ".join(line(text, 700 - 30 * number) for number, text in enumerate(lines)))
    picture: Image.Image = pypdfium2.PdfDocument(printed)[0].render(scale=200 / 72).to_pil()
    return picture


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def test_a_picture_is_read_in_lines_with_boxes_and_confidence(tessdata: Path) -> None:
    lines = read_lines(page(*FRENCH), tessdata)
    assert [line.text for line in lines] == list(FRENCH)
    assert all(line.confidence > 0.8 for line in lines)
    assert lines[0].box[0] == pytest.approx(72, abs=3)
    assert lines[0].box[1] == pytest.approx(700, abs=5)
    assert lines[0].box[1] > lines[1].box[3]
    assert lines[0].size == pytest.approx(lines[1].size, rel=0.3)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_that_lies_on_its_side_is_read_upright(tessdata: Path, turn: int) -> None:
    lines = read_lines(page(*FRENCH).rotate(turn, expand=True), tessdata)
    assert [line.text for line in lines] == list(FRENCH)
    assert turn == 270 or not any(any(line.box) for line in lines)  # Tesseract finds its way from there by itself


def test_nothing_is_read_where_nothing_is_written(tessdata: Path) -> None:
    assert read_lines(page(), tessdata) == []
    assert read_lines(Image.new("L", (5, 5)), tessdata) == []


def speckled(image: Image.Image, share: float) -> Image.Image:
    """A page with black in one of so many pixels."""
    noise = Image.frombytes("L", image.size, random.Random(1).randbytes(image.width * image.height))
    return ImageChops.darker(
        image.convert("L"), noise.point([0] * round(share * 256) + [255] * (256 - round(share * 256)))
    )


def test_a_page_is_read_through_its_speckles_and_one_of_nothing_else_is_left_early(tessdata: Path) -> None:
    lines = read_lines(speckled(page(*FRENCH), 0.1), tessdata)
    assert [line.text.lstrip(". ") for line in lines] == list(FRENCH)
    begin = time.process_time()
    assert read_lines(speckled(page(), 0.5), tessdata) == []
    assert time.process_time() - begin < 5


def test_a_page_for_which_there_is_no_time_gives_what_was_read_and_is_not_turned(
    tessdata: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ocr, "READING_MILLISECONDS_MAX", 1)
    assert read_lines(page(*FRENCH), tessdata) == []


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("PNG", MediaType.PNG),
        ("JPEG", MediaType.JPEG),
        ("TIFF", MediaType.TIFF),
        ("GIF", MediaType.GIF),
        ("BMP", MediaType.BMP),
        ("WEBP", MediaType.WEBP),
    ],
)
def test_pictures_of_every_format_come_in_as_scanned_pages(
    tmp_path: Path, tessdata: Path, form: str, kind: MediaType
) -> None:
    read = read_document("x", saved(page(*FRENCH), form), tmp_path, tessdata=tessdata)
    assert (read.media_type, read.document.pages) == (kind, 1)
    assert " ".join(block.text for block in read.document.blocks) == " ".join(FRENCH)
    assert all(block.page == 1 and (block.confidence or 0) > 0.8 for block in read.document.blocks)


def test_pages_of_a_tiff_and_of_a_scanned_pdf_keep_their_numbers(
    tmp_path: Path, tessdata: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "OCR_BATCH", 1)
    others = [page("The second page.")]
    for form in ("TIFF", "PDF"):
        data = saved(page(FRENCH[0]), form, save_all=True, append_images=others, resolution=200)
        blocks = read_document("x", data, tmp_path, tessdata=tessdata).document.blocks
        assert [(block.page, block.text) for block in blocks] == [(1, FRENCH[0]), (2, "The second page.")]


def test_without_data_a_scan_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match="huisclos models pull"):
        read_document("scan.pdf", saved(page(*FRENCH), "PDF"), tmp_path)


def test_a_picture_without_text_is_empty(tmp_path: Path, tessdata: Path) -> None:
    with pytest.raises(DocumentEmpty):
        read_document("x.png", saved(page(), "PNG"), tmp_path, tessdata=tessdata)


def test_a_picture_that_claims_too_many_pixels_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    data = bytearray(saved(Image.new("1", (10, 10)), "BMP"))
    data[18:26] = (60_000).to_bytes(4, "little") * 2
    with pytest.raises(DocumentRejected, match=r"megapixels|too large"):
        read_document("x.bmp", bytes(data), tmp_path)


def test_a_scan_of_too_many_pages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SCANNED_PAGES_MAX", 1)
    data = saved(page(), "TIFF", save_all=True, append_images=[page()])
    with pytest.raises(DocumentRejected, match="2 of its pages are pictures; the limit is 1"):
        read_document("x.tiff", data, tmp_path)
    monkeypatch.setattr(picture, "FRAMES_MAX", 1)
    with pytest.raises(DocumentRejected, match="has 2 pages; the limit is 1"):
        picture.count_frames(data)


def test_what_is_transparent_is_white_paper(tmp_path: Path, tessdata: Path) -> None:
    sheet = page(*FRENCH).convert("L").point(lambda grey: 255 - grey)
    ink = Image.new("RGBA", sheet.size, (0, 0, 0, 0))
    ink.putalpha(sheet)
    blocks = read_document("x.png", saved(ink, "PNG"), tmp_path, tessdata=tessdata).document.blocks
    assert blocks[0].text.startswith("Le congé annuel")


def test_a_picture_is_shown_as_a_page(tmp_path: Path) -> None:
    shown = Image.open(io.BytesIO(render_page([saved(page(*FRENCH), "JPEG")], 1, tmp_path, 400)))
    assert shown.size == (400, 533)


def test_pages_that_cannot_be_read_are_named_and_blank_ones_are_not(tmp_path: Path, tessdata: Path) -> None:
    dust = page()
    dust.paste("black", (100, 100, 110, 110))
    pages = [speckled(page(*FRENCH), 0.5), dust, page(FRENCH[1])]
    for form in ("PDF", "TIFF"):
        first, *others = (each.convert("L") for each in (page(FRENCH[0]), *pages))
        data = saved(first, form, save_all=True, append_images=others, resolution=200)
        document = read_document("x", data, tmp_path, tessdata=tessdata).document
        assert [(block.page, block.text) for block in document.blocks] == [(1, FRENCH[0]), (4, FRENCH[1])]
        assert (document.pages, document.unread) == (4, (2,))


def test_pages_that_are_read_badly_come_in_and_are_named(tmp_path: Path, tessdata: Path) -> None:
    sheet = page(*FRENCH * 3)
    blurred = sheet.filter(ImageFilter.GaussianBlur(4))
    data = saved(sheet, "PDF", save_all=True, append_images=[blurred], resolution=200)
    document = read_document("x", data, tmp_path, tessdata=tessdata).document
    assert {block.page for block in document.blocks} == {1, 2}
    assert document.unread == (2,)


def test_without_data_the_pages_of_a_text_that_are_pictures_are_named(tmp_path: Path) -> None:
    written = pypdfium2.PdfDocument(made(line("written words", 700), line("more words", 700)))
    written.import_pages(pypdfium2.PdfDocument(saved(page(*FRENCH), "PDF", resolution=200)), index=1)
    out = io.BytesIO()
    written.save(out)
    document = read_document("x.pdf", out.getvalue(), tmp_path).document
    assert [(block.page, block.text) for block in document.blocks] == [(1, "written words"), (3, "more words")]
    assert document.unread == (2,)
