"""Where on a PDF's page a quote stands: found on the page's own letters, in the lines of its passage first."""

import ctypes
from collections.abc import Iterator, Sequence

import pypdfium2
import pypdfium2.raw as pdfium

from rag.documents import Box
from rag.parsing.marks import Marks, distance, holds, is_box, quoted_lines
from rag.parsing.quoting import Letter, find, folded

LETTERS_MAX = 50_000
"""A full page of a newspaper has 20,000."""
_GAP_MAX = 3
"""Places that may be missing in a run: spaces and ends of lines that PDFium adds stand nowhere."""


def quoted_boxes(page: pypdfium2.PdfPage, marks: Marks) -> Sequence[Box]:
    """The boxes of a quote's words, a box a line and font; where they are not found, the lines that they likely are on.

    Raises PdfiumError for a broken page.
    """
    if not marks.quote:
        return ()
    text = page.get_textpage()
    letters = list(_letters(text))
    lines = [box for box in marks.boxes if is_box(box)]
    inside = [letter for letter in letters if any(holds(box, letter.x, letter.y) for box in lines)]
    expected = len(folded(marks.text[: marks.start])[0]) / max(len(folded(marks.text)[0]), 1)
    found = find(marks.quote, inside, lambda share, _: abs(share - expected))
    found = found or find(marks.quote, letters, lambda share, first: _far(first, lines) if lines else share)
    return [box for run in _runs(found) for box in _boxes(text, run)] or quoted_lines(marks)


def _far(letter: Letter, lines: Sequence[Box]) -> float:
    return min(distance(box, letter.x, letter.y) for box in lines)


def _letters(text: pypdfium2.PdfTextPage) -> Iterator[Letter]:
    edges = [ctypes.c_double() for _ in range(4)]
    left, right, bottom, top = edges
    for place in range(min(text.count_chars(), LETTERS_MAX)):
        code = pdfium.FPDFText_GetUnicode(text.raw, place)
        if pdfium.FPDFText_GetCharBox(text.raw, place, *edges) and 0 < code <= 0x10FFFF:  # noqa: PLR2004 - of Unicode
            yield Letter(place, chr(code), (left.value + right.value) / 2, (bottom.value + top.value) / 2)


def _runs(letters: Sequence[Letter]) -> Iterator[range]:
    """The places of letters as ranges, parted where others stand between: those of the next column."""
    first = last = None
    for letter in letters:
        if first is None or last is None:
            first = letter.place
        elif letter.place - last > _GAP_MAX:
            yield range(first, last + 1)
            first = letter.place
        last = letter.place
    if first is not None and last is not None:
        yield range(first, last + 1)


def _boxes(text: pypdfium2.PdfTextPage, run: range) -> Iterator[Box]:
    edges = [ctypes.c_double() for _ in range(4)]
    for index in range(pdfium.FPDFText_CountRects(text.raw, run.start, len(run))):
        pdfium.FPDFText_GetRect(text.raw, index, *edges)
        left, top, right, bottom = (edge.value for edge in edges)
        yield (left, bottom, right, top)
