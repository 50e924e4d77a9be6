"""The lines of a quoted passage marked on the picture of its page, as with a highlighter. Runs in the sandbox alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw

from rag.documents import Box

YELLOW = (255, 236, 120)
"""What white paper becomes. It is laid on as ink is, by multiplying: black letters stay black."""
POINTS_MAX = 1_000_000.0
Place = Callable[[float, float], tuple[float, float]]
"""From points on the page (origin bottom left) to pixels on its picture (origin top left)."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Boxes in points. `is_read`: they were read from a picture of the page, and turn and begin as that does."""

    boxes: Sequence[Box] = ()
    is_read: bool = False


UNMARKED = Marks()


def highlight(picture: Image.Image, boxes: Sequence[Box], place: Place) -> None:
    """Lay translucent yellow over boxes, once where they overlap; what is no box or beside the page is left out."""
    mask = Image.new("L", picture.size, 0)
    draw = ImageDraw.Draw(mask)
    for box in filter(_is_box, boxes):
        (left, right), (top, bottom) = (sorted(pair) for pair in zip(place(*box[:2]), place(*box[2:]), strict=True))
        first = (max(0, math.floor(left)), max(0, math.floor(top)))
        last = (min(picture.width, math.ceil(right)) - 1, min(picture.height, math.ceil(bottom)) - 1)
        if first[0] <= last[0] and first[1] <= last[1]:
            draw.rectangle((*first, *last), fill=255)
    picture.paste(ImageChops.multiply(picture, Image.new("RGB", picture.size, YELLOW)), mask=mask)


def from_corner(pixels_per_point: float, height_px: int) -> Place:
    """Where points counted from the lower left corner of the picture lie on it."""
    return lambda x, y: (x * pixels_per_point, height_px - y * pixels_per_point)


def _is_box(box: Sequence[object]) -> bool:
    sides = [side for side in box if isinstance(side, int | float) and abs(side) <= POINTS_MAX]
    return len(box) == len(sides) == 4 and sides[0] < sides[2] and sides[1] < sides[3]  # noqa: PLR2004 - sides of a box
