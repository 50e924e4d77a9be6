"""What is read from the picture of a page, and how pictures are made for that."""

from dataclasses import dataclass

DOTS_PER_INCH = 200
POINTS_PER_INCH = 72


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line as it was read: box (left, bottom, right, top) and size in points, confidence 0 to 1.

    The box is all 0 on a page that lay on its side.
    """

    text: str
    box: tuple[float, float, float, float]
    size: float
    confidence: float
