"""Pictures (PNG, JPEG, TIFF, GIF, BMP, WebP) as scanned pages."""

import io
import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from rag.documents import ParsedDocument
from rag.errors import DocumentEmpty, DocumentRejected, PagesScanned
from rag.parsing.highlighting import from_corner, highlight, strip
from rag.parsing.layout import arranged, first_heading, scanned_lines
from rag.parsing.marks import UNMARKED, Marks, quoted_lines
from rag.parsing.ocr import check_size, read_page
from rag.parsing.scanned import DOTS_PER_INCH, POINTS_PER_INCH, ReadLine, unread

FRAMES_MAX = 500
_FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP")
_WRONG = (
    *(
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        RuntimeError,
    ),
    *(struct.error, Image.DecompressionBombError),
)
"""What Pillow raises on parts that do not fit together: each format has its own ways."""
_RESOLUTIONS = (70.0, 1200.0)


def parse(data: bytes, scanned: Mapping[int, Sequence[ReadLine]] | None = None) -> ParsedDocument:
    """Blocks of a picture's pages; `scanned` gives the lines that were read of them.

    Raises DocumentRejected, PagesScanned where they are still to be read, DocumentEmpty where they hold no text.
    """
    pages = count_frames(data)
    if scanned is None:
        raise PagesScanned(tuple(range(1, pages + 1)))
    lines = [line for page in scanned_lines(scanned).values() for line in page]
    if not lines:
        raise DocumentEmpty("the picture holds no readable text, or too many speckles to find any: scan it again")
    blocks = arranged(lines, pages)
    return ParsedDocument(first_heading(blocks), pages, blocks, unread=unread(range(1, pages + 1), scanned))


def count_frames(data: bytes) -> int:
    """How many pages the picture has: one, but for TIFF. An animation counts as one."""
    with _opened(data) as picture:
        check_size(picture)
        frames = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
    if frames > FRAMES_MAX:
        raise DocumentRejected(f"the picture has {frames} pages; the limit is {FRAMES_MAX}: split it")
    return frames


def read_scan(data: bytes, page: int, tessdata: Path) -> list[ReadLine] | None:
    """The lines of a page (from 1), read from its picture; None where it is not blank and nothing is read."""
    with _opened(data) as picture:
        if page > 1:
            picture.seek(page - 1)
        check_size(picture)
        return read_page(_on_white(picture), tessdata, _resolution(picture))


def render(data: bytes, page: int, width_px: int, marks: Marks = UNMARKED, *, is_strip: bool = False) -> bytes:
    """A page (from 1) as PNG, at most `width_px` wide, with a passage and its quote marked, or a strip of it."""
    with _opened(data) as picture:
        picture.seek(page - 1)
        check_size(picture)
        shown = _on_white(picture)
        shown.thumbnail((width_px, width_px * 3))
        if marks.boxes:
            scale = _resolution(picture) / POINTS_PER_INCH * shown.width / picture.width
            area = highlight(shown, marks.boxes, from_corner(scale, shown.height), quoted_lines(marks))
            shown = strip(shown, area) if is_strip and area else shown
        out = io.BytesIO()
        shown.save(out, "PNG")
        return out.getvalue()


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            warnings.simplefilter("ignore")
            yield picture
    except _WRONG as error:
        raise DocumentRejected("the picture is cut, broken or too large; save it again") from error


def _on_white(picture: Image.Image) -> Image.Image:
    """In colour, what is transparent on white."""
    whole = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")


def _resolution(picture: Image.Image) -> float:
    """Dots per inch as the file says, where that can be believed."""
    said = float((picture.info.get("dpi") or (0.0,))[0])
    return said if _RESOLUTIONS[0] <= said <= _RESOLUTIONS[1] else float(DOTS_PER_INCH)
