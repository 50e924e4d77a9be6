"""What is marked on the picture of a page: the lines of a passage, and the quote in it. Needs nothing that draws."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rag.documents import Box

POINTS_MAX = 1_000_000.0
LINE_SHARE_MIN = 0.1
"""Of a line that holds less of the quote nothing is marked: lengths are guessed from widths."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Boxes of a passage's lines in points, in reading order.

    `is_read`: they were read from a picture of the page, and turn and begin as that does. `text` is the passage's;
    `start` and `end` are where in it the quote begins and ends, equal where nothing is quoted.
    """

    boxes: Sequence[Box] = ()
    is_read: bool = False
    text: str = ""
    start: int = 0
    end: int = 0

    @property
    def quote(self) -> str:
        """The words that are quoted; none where the place is not in the text."""
        return self.text[self.start : self.end] if 0 <= self.start < self.end <= len(self.text) else ""


UNMARKED = Marks()


def quoted_lines(marks: Marks) -> tuple[Box, ...]:
    """The passage's lines that the quote stands on, as widths tell: a line holds letters as it is wide and low."""
    lines = [box for box in marks.boxes if is_box(box)]
    if not marks.quote or not lines:
        return ()
    lengths = [(right - left) / (top - bottom) for left, bottom, right, top in lines]
    scale = sum(lengths) / len(marks.text)
    first, last, place = marks.start * scale, marks.end * scale, 0.0
    shares = []
    for length in lengths:
        shares.append((min(last, place + length) - max(first, place)) / length)
        place += length
    bound = min(LINE_SHARE_MIN, max(shares))
    return tuple(box for box, share in zip(lines, shares, strict=True) if share >= bound)


def is_box(box: Sequence[object]) -> bool:
    """Four numbers of which the first two are the lower left corner; what came from a file may be anything."""
    sides = [side for side in box if isinstance(side, int | float) and abs(side) <= POINTS_MAX]
    return len(box) == len(sides) == 4 and sides[0] < sides[2] and sides[1] < sides[3]  # noqa: PLR2004 - sides of a box


def holds(box: Box, x: float, y: float) -> bool:
    """Whether a point lies in a box, or a point's width beside it: boxes are kept in whole points."""
    left, bottom, right, top = box
    return left - 1 <= x <= right + 1 and bottom - 1 <= y <= top + 1


def distance(box: Box, x: float, y: float) -> float:
    """How far a point lies from a box, in points; 0 inside."""
    left, bottom, right, top = box
    return math.hypot(max(left - x, 0.0, x - right), max(bottom - y, 0.0, y - top))
