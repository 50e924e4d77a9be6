"""PDF to blocks with pages, through PDFium; pages that are pictures are read by OCR."""

import io
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pypdfium2

from rag.documents import ParsedDocument
from rag.errors import DocumentEmpty, DocumentRejected, PagesScanned
from rag.parsing.highlighting import from_corner, highlight, strip
from rag.parsing.layout import Line, arranged, first_heading, scanned_lines
from rag.parsing.marks import UNMARKED, Marks, quoted_lines
from rag.parsing.pdf_lines import is_picture, lines_of
from rag.parsing.pdf_quotes import quoted_boxes
from rag.parsing.scanned import DOTS_PER_INCH, POINTS_PER_INCH, ReadLine, unread

PAGES_MAX = 3000
RENDER_PIXELS_MAX = 40_000_000
SCAN_PIXELS_MAX = 25_000_000
_DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-]\d\d)'?(\d\d)?'?)?")
_PROGRAM_TITLE = re.compile(
    r"^microsoft \w+ - |\.(?:docx?|pptx?|xlsx?|odt|indd|tex|dvi|qxd)$|^untitled$|^sans titre$|^adobe photoshop pdf$",
    re.I,
)


def parse(data: bytes, scanned: Mapping[int, Sequence[ReadLine]] | None = None) -> ParsedDocument:
    """Blocks in reading order. `scanned` gives the lines of pages (from 1) that were read from their picture.

    Raises DocumentRejected on a broken or locked file, PagesScanned where pages must be read from their picture first,
    DocumentEmpty where there is nothing to read.
    """
    document = _open(data)
    if len(document) > PAGES_MAX:
        raise DocumentRejected(f"the PDF has {len(document)} pages; the limit is {PAGES_MAX}: split it")
    hidden: list[str] = []
    broken: list[int] = []
    pages = [_page_lines(document, number, hidden, broken) for number in range(len(document))]
    pictures = [number for number, lines in enumerate(pages, 1) if not lines and _may_be_scan(document, number - 1)]
    if scanned is None and pictures:
        raise PagesScanned(tuple(pictures))
    for number, found in scanned_lines(scanned or {}).items():
        pages[number - 1] = found
    lines = [line for page in pages for line in page]
    if not lines:
        raise DocumentEmpty("the PDF holds no readable text")
    blocks = arranged(lines, len(document))
    title = _said(document, "Title").strip()
    title = "" if _PROGRAM_TITLE.search(title) else title
    modified = _date(_said(document, "ModDate") or _said(document, "CreationDate"))
    left = tuple(sorted({*broken, *unread(pictures, scanned or {})}))
    return ParsedDocument(
        title or first_heading(blocks), len(document), blocks, modified, hidden=tuple(hidden), unread=left
    )


def _said(document: pypdfium2.PdfDocument, name: str) -> str:
    """What the PDF says of itself; nothing where that is half a letter or no text."""
    try:
        return str(document.get_metadata_value(name))
    except ValueError:
        return ""


def read_scan(data: bytes, page: int, tessdata: Path) -> list[ReadLine] | None:
    """The lines of a page (from 1), read from its picture; None where it is not blank and nothing is read."""
    from rag.parsing.ocr import read_page  # 30 MB of libraries that most files do without

    sheet = _open(data)[page - 1]
    scale = DOTS_PER_INCH / POINTS_PER_INCH
    pixels = scale * scale * sheet.get_width() * sheet.get_height()
    scale *= min(1.0, (SCAN_PIXELS_MAX / pixels) ** 0.5)
    picture = sheet.render(scale=scale, grayscale=True).to_pil()
    return read_page(picture, tessdata, scale * POINTS_PER_INCH)


def _may_be_scan(document: pypdfium2.PdfDocument, number: int) -> bool:
    try:
        return is_picture(document, number)
    except pypdfium2.PdfiumError:
        return False


def render(data: bytes, page: int, width_px: int, marks: Marks = UNMARKED, *, is_strip: bool = False) -> bytes:
    """A page (from 1) as PNG, `width_px` wide, with a passage and its quote marked; a very tall page is drawn smaller.

    `is_strip`: only what is around the quote is given, or the passage where nothing is quoted.
    """
    document = _open(data)
    if not 1 <= page <= len(document):
        raise DocumentRejected(f"page {page} of {len(document)}: there is no such page")
    sheet = document[page - 1]
    scale = width_px / sheet.get_width()
    pixels = scale * scale * sheet.get_width() * sheet.get_height()
    scale *= min(1.0, (RENDER_PIXELS_MAX / pixels) ** 0.5)
    bitmap = sheet.render(scale=scale)
    picture = bitmap.to_pil()
    if marks.boxes or marks.quote:
        is_seen = marks.is_read  # else in the page's own points, which it may turn, cut and count from elsewhere
        place = from_corner(scale, picture.height) if is_seen else bitmap.get_posconv(sheet).to_bitmap
        quoted = quoted_lines(marks) if is_seen else quoted_boxes(sheet, marks)
        area = highlight(picture, marks.boxes, place, quoted)
        picture = strip(picture, area) if is_strip and area else picture
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _open(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise DocumentRejected("the PDF is locked with a password; save it without one") from error
        raise DocumentRejected("the PDF is cut or broken; open it and save it again") from error


def _page_lines(document: pypdfium2.PdfDocument, number: int, hidden: list[str], broken: list[int]) -> list[Line]:
    """A page's lines; a broken page among others is left out and noted, a broken first page rejects the file."""
    try:
        return lines_of(document, number, hidden)
    except pypdfium2.PdfiumError as error:
        if number == 0:
            raise DocumentRejected("the PDF's pages are broken; open it and save it again") from error
        broken.append(number + 1)
        return []


def _date(text: str) -> datetime | None:
    """A date of ISO 32000-1, 7.9.4: `D:20240131120000+01'00'`; None for anything else."""
    found = _DATE.match(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part) if part else 0 for part in found.groups()[:6])
    zone = f"{found[7] or '+00'}{found[8] or '00'}"
    try:
        moment = f"{year:04}-{month or 1:02}-{day or 1:02}T{hour:02}:{minute:02}:{second:02}{zone}"
        return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return None
