"""A quote and its passage marked on the picture of their page, as with a highlighter. Runs in the sandbox alone."""

import math
from collections.abc import Callable, Sequence

from PIL import Image, ImageChops, ImageDraw

from rag.documents import Box
from rag.parsing.marks import is_box

YELLOW = (255, 230, 92)
"""What white paper becomes under what is cited. It is laid on as ink is, by multiplying: black letters stay black."""
PALE = (255, 247, 209)
"""What it becomes under the passage around a quote."""
STRIP_WIDTH_MIN, STRIP_HEIGHT_MAX = 0.55, 0.75
STRIP_BESIDE, STRIP_ABOVE = 0.025, 0.06
"""Of a strip, and of the paper left around what is marked; all as shares of the page's width."""
Place = Callable[[float, float], tuple[float, float]]
"""From points on the page (origin bottom left) to pixels on its picture (origin top left)."""
Area = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; the last two are outside."""


def highlight(picture: Image.Image, boxes: Sequence[Box], place: Place, quoted: Sequence[Box] = ()) -> Area | None:
    """Lay yellow over what is quoted and a paler one over the passage's boxes; over those, where nothing is quoted.

    Each once where boxes overlap; what is no box or beside the page is left out. Gives what to look at: as wide as all
    that is marked and as high as what is yellow. None where nothing is.
    """
    quote, passage = _mask(picture, quoted, place), _mask(picture, boxes, place)
    strong = quote if quote.getbbox() else passage
    whole = ImageChops.lighter(quote, passage)
    for tint, mask in ((PALE, ImageChops.subtract(whole, strong)), (YELLOW, strong)):
        picture.paste(ImageChops.multiply(picture, Image.new("RGB", picture.size, tint)), mask=mask)
    across, down = whole.getbbox(), strong.getbbox()
    return (across[0], down[1], across[2], down[3]) if across and down else None


def strip(picture: Image.Image, area: Area) -> Image.Image:
    """The part of a page around an area, wide enough to be known as a page's, and no taller than a screen."""
    width, height = picture.size
    left, top, right, bottom = area
    beside, above = round(width * STRIP_BESIDE), round(width * STRIP_ABOVE)
    beside = max(beside, (round(width * STRIP_WIDTH_MIN) - (right - left)) // 2)
    first, last = max(0, top - above), min(height, bottom + above)
    last = min(last, first + round(width * STRIP_HEIGHT_MAX))
    return picture.crop((max(0, left - beside), first, min(width, right + beside), last))


def from_corner(pixels_per_point: float, height_px: int) -> Place:
    """Where points counted from the lower left corner of the picture lie on it."""
    return lambda x, y: (x * pixels_per_point, height_px - y * pixels_per_point)


def _mask(picture: Image.Image, boxes: Sequence[Box], place: Place) -> Image.Image:
    mask = Image.new("L", picture.size, 0)
    draw = ImageDraw.Draw(mask)
    for box in filter(is_box, boxes):
        (left, right), (top, bottom) = (sorted(pair) for pair in zip(place(*box[:2]), place(*box[2:]), strict=True))
        first = (max(0, math.floor(left)), max(0, math.floor(top)))
        last = (min(picture.width, math.ceil(right)) - 1, min(picture.height, math.ceil(bottom)) - 1)
        if first[0] <= last[0] and first[1] <= last[1]:
            draw.rectangle((*first, *last), fill=255)
    return mask
