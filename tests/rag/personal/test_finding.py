"""All kinds together: none over another, in order, and in a time that grows with the text alone."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.personal.finding import apart, find
from rag.personal.kinds import Kind, Span

MEGABYTE = 1_000_000
SECONDS_MAX = 20
"""The slowest takes 2 s alone on a core; something quadratic would take hours."""
PIECES = st.sampled_from(
    [
        "FR76 3000 6000 0112 3456 7890 189",
        "06 12 34 56 78",
        "x@example.com",
        "73282932000074",
        " ",
        "\n",
        "é",
        "+33 ",
        "4",
    ]
)
SPANS = st.builds(
    lambda start, length, kind: Span(start, start + length, kind),
    st.integers(0, 40),
    st.integers(1, 12),
    st.sampled_from(Kind),
)


def test_the_longest_that_checks_wins() -> None:
    text = "TVA FR40303265045, SIREN 303265045, SIRET 732 829 320 00074"
    assert [span.kind for span in find(text)] == [Kind.VAT, Kind.SIREN, Kind.SIRET]


@given(st.lists(SPANS, max_size=20))
def test_what_stays_lies_apart_in_order_and_nothing_that_would_fit_is_left_out(spans: list[Span]) -> None:
    kept = apart(spans)
    assert all(one.end <= other.start for one, other in pairwise(kept))
    for span in set(spans) - set(kept):
        over = [other for other in kept if other.start < span.end and span.start < other.end]
        assert max(other.length for other in over) >= span.length


@given(st.lists(PIECES, max_size=12))
def test_places_are_those_of_the_text_as_it_came(pieces: list[str]) -> None:
    text = "".join(pieces)
    for span in find(text):
        assert 0 <= span.start < span.end <= len(text)
        assert text[span.start : span.end].strip() == text[span.start : span.end]


@pytest.mark.parametrize(
    "unit",
    [
        "1234567890",
        "@",
        "+",
        "1 ",
        "+1 ",
        "a@a.",
        "a.",
        "@a.b",
        "FR76 ",
        "FR76",
        "06 12 34 56 78 ",
        "4111111111111111 ",
        "\u00a0",
    ],
    ids=repr,
)
def test_a_megabyte_of_it_is_read_in_seconds(unit: str) -> None:
    started = time.monotonic()
    find(unit * (MEGABYTE // len(unit)))
    assert time.monotonic() - started < SECONDS_MAX
