"""Pictures of text to lines, through Tesseract. The one door to tesserocr; runs in the sandbox alone.

Recall of words on clean scans .98, on bad ones .75; 2 s a page and 100 MB on one core at 200 dots an inch.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import tesserocr
from PIL import Image, ImageChops, ImageFilter

from rag.errors import DocumentRejected
from rag.parsing.scanned import DOTS_PER_INCH, POINTS_PER_INCH, ReadLine, sure

LANGUAGES = ("fra", "eng")
PIXELS_MAX = 60_000_000
"""Some A2 at 300 dots an inch; a picture that claims more is refused before it is unpacked."""
SIDE_MIN = 20
SURE_MIN = 0.35
"""A line that was read with less is a stain, a stamp or a drawing."""
UPRIGHT_MIN = 0.70
"""A page read with less may lie on its side: the other directions are tried."""
_TURNS = (90, 270, 180)
READING_MILLISECONDS_MAX = 40_000
"""Of the wall clock, for a page that takes 2 s alone; what was read by then counts, and no other direction is tried."""
SPECKLED = 0.08
"""Share of pixels beside which black turns to white: .05 at most on printed pages at 200 dots an inch, .18 where every
tenth pixel is a speckle. To find lines among those takes Tesseract minutes, which no deadline of its own ends."""
INK_CONTRAST, INK_SHARE_MAX = 64, 0.0005
"""Levels of grey, and the share of pixels: dust leaves less on a blank page, a line of print more."""
PAGE_PIXELS_MIN = 2_000_000
"""Smaller pictures may be as dense, such as a screen full of text."""


def read_page(picture: Image.Image, tessdata: Path, dots_per_inch: float = DOTS_PER_INCH) -> list[ReadLine] | None:
    """The lines of a page in reading order, none of a blank one; None where something stands there and is not read."""
    lines = read_lines(picture, tessdata, dots_per_inch)
    return lines if lines or _is_blank(picture.convert("L")) else None


def read_lines(picture: Image.Image, tessdata: Path, dots_per_inch: float = DOTS_PER_INCH) -> list[ReadLine]:
    """The lines of a page in reading order; none where there is no text."""
    check_size(picture)
    grey = picture.convert("L")
    if min(grey.size) < SIDE_MIN:
        return []
    if _is_speckled(grey):
        grey = grey.filter(ImageFilter.MedianFilter(3))
        if _is_speckled(grey):
            return []
    with tesserocr.PyTessBaseAPI(path=str(tessdata), lang="+".join(LANGUAGES), psm=tesserocr.PSM.AUTO) as engine:
        best, is_whole = _read(engine, grey, dots_per_inch)
        if is_whole and sure(best) < UPRIGHT_MIN:
            turned = [_read(engine, grey.rotate(turn, expand=True), dots_per_inch)[0] for turn in _TURNS]
            other = max(turned, key=sure)
            if sure(other) > sure(best):
                best = [replace(line, box=(0.0, 0.0, 0.0, 0.0)) for line in other]
    return [line for line in best if line.confidence >= SURE_MIN and any(map(str.isalnum, line.text))]


def check_size(picture: Image.Image) -> None:
    """Raise DocumentRejected for a picture too large to be unpacked."""
    width, height = picture.size
    if width * height > PIXELS_MAX:
        raise DocumentRejected(
            f"the picture has {width * height / 1e6:.0f} megapixels, over {PIXELS_MAX / 1e6:.0f}; shrink it"
        )


def _is_blank(grey: Image.Image) -> bool:
    """Whether next to nothing stands out from the ground of a page."""
    counts = grey.histogram()
    ground = counts.index(max(counts))
    apart = sum(count for level, count in enumerate(counts) if abs(level - ground) > INK_CONTRAST)
    return apart <= INK_SHARE_MAX * grey.width * grey.height


def _is_speckled(grey: Image.Image) -> bool:
    """Whether a page is full of speckles."""
    if grey.width * grey.height < PAGE_PIXELS_MIN:
        return False
    black = grey.point([255] * 128 + [0] * 128)
    turns = ImageChops.difference(black, ImageChops.offset(black, 1, 0)).histogram()[255]
    return turns > SPECKLED * grey.width * grey.height


def _read(engine: tesserocr.PyTessBaseAPI, picture: Image.Image, dots_per_inch: float) -> tuple[list[ReadLine], bool]:
    """The lines of a picture, and whether there was time for all."""
    engine.SetImage(picture)
    engine.SetSourceResolution(int(dots_per_inch))
    is_whole = bool(engine.Recognize(READING_MILLISECONDS_MAX))
    return list(_lines(engine, picture.height, POINTS_PER_INCH / dots_per_inch)), is_whole


def _lines(engine: tesserocr.PyTessBaseAPI, height: int, scale: float) -> Iterator[ReadLine]:
    level = tesserocr.RIL.TEXTLINE
    found = engine.GetIterator()
    if found is None:
        return
    for line in tesserocr.iterate_level(found, level):
        if line.Empty(level):
            continue
        left, top, right, bottom = line.BoundingBox(level)
        box = (left * scale, (height - bottom) * scale, right * scale, (height - top) * scale)
        text = " ".join(line.GetUTF8Text(level).split())
        if text:
            yield ReadLine(text, box, (bottom - top) * scale, line.Confidence(level) / 100)
