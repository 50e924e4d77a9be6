"""Where a quote is not found by its letters, the lines that it stands on are told by their widths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.documents import Box
from rag.parsing.marks import Marks, quoted_lines

LONG, SHORT, LAST = (0, 80, 400, 90), (0, 60, 100, 70), (0, 40, 400, 50)
LINES = (LONG, SHORT, LAST)
TEXT = f"{'a' * 40}{'b' * 10}{'c' * 40}"


@pytest.mark.parametrize(
    ("start", "end", "lines"),
    [
        (0, 40, (LONG,)),
        (41, 49, (SHORT,)),
        (50, 90, (LAST,)),
        (45, 70, (SHORT, LAST)),
        (0, 90, LINES),
        (38, 52, (SHORT,)),  # of the lines around it no tenth
        (10, 11, (LONG,)),
        (5, 5, ()),
        (50, 91, ()),
        (-3, 4, ()),
    ],
)
def test_a_quote_takes_the_lines_that_its_letters_fill(start: int, end: int, lines: tuple[Box, ...]) -> None:
    assert quoted_lines(Marks(LINES, text=TEXT, start=start, end=end)) == lines


def test_what_is_no_box_is_no_line() -> None:
    assert quoted_lines(Marks([(1, 1, 1, 1), LONG], text=TEXT, start=0, end=90)) == (LONG,)
    assert quoted_lines(Marks([(9, 9, 1, 1)], text=TEXT, start=0, end=90)) == ()


@given(st.integers(0, 89), st.integers(1, 90))
def test_a_quote_stands_on_lines_that_follow_each_other(start: int, length: int) -> None:
    found = quoted_lines(Marks(LINES, text=TEXT, start=start, end=min(start + length, 90)))
    assert found
    first = LINES.index(found[0])
    assert found == LINES[first : first + len(found)]
