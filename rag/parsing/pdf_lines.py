"""Lines of a PDF page with their boxes and font sizes, without what a reader cannot see or PDFium cannot spell."""

import contextlib
import ctypes
import math
import re
from collections.abc import Iterator, Sequence

import pypdfium2
import pypdfium2.raw as pdfium

from rag.documents import Box
from rag.parsing.layout import Line

TINY_POINTS = 2.5
WHITE = 250
UNKNOWN_SHARE_MAX = 0.3
"""A page whose letters PDFium cannot name is garbage, not text."""
NAMED_SHARE_MIN = 0.4
DRAWN_MIN = 50
"""Shapes that may be letters drawn as curves; a form has fewer, or text beside them."""
_SAMPLES = 3


def lines_of(document: pypdfium2.PdfDocument, number: int, hidden: list[str]) -> list[Line]:
    """The readable lines of page `number` (from 0), in the order of the file; others are added to `hidden`.

    Raises PdfiumError for a broken page.
    """
    page = document[number]
    text = page.get_textpage()
    count = text.count_chars()
    if count <= 0 or _is_garbage(text, count):
        return []
    edges = page.get_bbox()
    darks: list[Box] | None = None
    lines = []
    for start, words in _runs(text, count):
        letters = [min(place, count - 1) for place in _letters(start, words)]
        weight = int(pdfium.FPDFText_GetFontWeight(text.raw, letters[0]))
        line = Line(number + 1, words, _box(text, start, len(words)), _size(text, letters), weight)
        if not _is_legible(line, edges):
            hidden.append(words)
            continue
        if all(_is_white(text, place) for place in letters):
            darks = _painted(page) if darks is None else darks
            if not any(_overlap(line.box, dark) for dark in darks):
                hidden.append(words)
                continue
        lines.append(line)
    return lines


def is_picture(document: pypdfium2.PdfDocument, number: int) -> bool:
    """Whether text may be seen on page `number` (from 0): a picture, letters without names, or drawn letters."""
    kinds = [thing.type for thing in document[number].get_objects(max_depth=4)]
    is_drawn = kinds.count(pdfium.FPDF_PAGEOBJ_PATH) >= DRAWN_MIN
    return is_drawn or bool({pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_TEXT} & {*kinds})


def _runs(text: pypdfium2.PdfTextPage, count: int) -> Iterator[tuple[int, str]]:
    """(index of the first character, words) of each line.

    PDFium writes U+FFFE or 2 for a hyphen at a line's end, and may join the next line to it: a soft hyphen here.
    """
    place = 0
    for part in re.split(r"(\r\n|\n|\r)", text.get_text_range()):
        start = place + len(part) - len(part.lstrip())
        place += len(part)
        words = part.strip().replace("\ufffe", "\u00ad").replace("\x02", "\u00ad").replace("\x00", "")
        if words and start < count:
            yield start, words


def _is_garbage(text: pypdfium2.PdfTextPage, count: int) -> bool:
    """Whether the letters have no names (PDFium says so), or hardly any are letters: fonts without a map."""
    places = range(0, count, max(1, count // 500))
    unknown = sum(pdfium.FPDFText_HasUnicodeMapError(text.raw, place) == 1 for place in places)
    marks = re.sub(r"[\s._-]", "", text.get_text_range())
    named = sum(character.isalnum() for character in marks)
    return bool(unknown > UNKNOWN_SHARE_MAX * len(places) or named < NAMED_SHARE_MIN * len(marks))


def _letters(start: int, words: str) -> list[int]:
    """Places of a few letters at the beginning, middle and end of a line; spaces that PDFium adds have no size."""
    places = [start + place for place, character in enumerate(words) if character.isalnum()] or [start]
    return [places[(len(places) - 1) * sample // (_SAMPLES - 1)] for sample in range(_SAMPLES)]


def _size(text: pypdfium2.PdfTextPage, places: Sequence[int]) -> float:
    """The largest font size times the scale of its matrix: many programs write size 1 and scale by the matrix."""
    return round(max(_letter_size(text, place) for place in places), 1)


def _letter_size(text: pypdfium2.PdfTextPage, place: int) -> float:
    matrix = pdfium.FS_MATRIX()
    scale = 1.0
    if pdfium.FPDFText_GetMatrix(text.raw, place, matrix):
        scale = math.hypot(matrix.c, matrix.d) or 1.0
    return float(pdfium.FPDFText_GetFontSize(text.raw, place)) * scale


def _box(text: pypdfium2.PdfTextPage, start: int, length: int) -> Box:
    left, bottom, right, top = 1e9, 1e9, -1e9, -1e9
    for index in range(pdfium.FPDFText_CountRects(text.raw, start, length)):
        edges = [ctypes.c_double() for _ in range(4)]
        pdfium.FPDFText_GetRect(text.raw, index, *edges)
        left, top = min(left, edges[0].value), max(top, edges[1].value)
        right, bottom = max(right, edges[2].value), min(bottom, edges[3].value)
    return (left, bottom, right, top)


def _is_legible(line: Line, edges: Box) -> bool:
    """Large enough, and on the page."""
    return line.size >= TINY_POINTS and _overlap(line.box, edges)


def _overlap(box: Box, other: Box) -> bool:
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]


def _is_white(text: pypdfium2.PdfTextPage, place: int) -> bool:
    channels = [ctypes.c_uint() for _ in range(4)]
    if not pdfium.FPDFText_GetFillColor(text.raw, place, *channels):
        return False
    return all(channel.value >= WHITE for channel in channels[:3])


def _painted(page: pypdfium2.PdfPage) -> list[Box]:
    """Where images, shadings and filled shapes stand: white letters may be read on them."""
    found: list[Box] = []
    for thing in page.get_objects(max_depth=4):
        if thing.type != pdfium.FPDF_PAGEOBJ_TEXT and not _is_white_shape(thing):
            with contextlib.suppress(pypdfium2.PdfiumError):
                found.append(thing.get_bounds())
    return found


def _is_white_shape(thing: pypdfium2.PdfObject) -> bool:
    channels = [ctypes.c_uint() for _ in range(4)]
    if thing.type != pdfium.FPDF_PAGEOBJ_PATH or not pdfium.FPDFPageObj_GetFillColor(thing.raw, *channels):
        return False
    return all(channel.value >= WHITE for channel in channels[:3])
