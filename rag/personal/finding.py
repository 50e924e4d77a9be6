"""A text to the identifiers in it."""

from bisect import bisect
from collections.abc import Iterable
from itertools import chain

from rag.personal.addresses import find_addresses
from rag.personal.kinds import RANKS, Span
from rag.personal.narrowing import narrowed
from rag.personal.numbers import find_numbers
from rag.personal.phones import find_phones


def find(text: str) -> tuple[Span, ...]:
    """Every identifier in the text, in order, none over another. Time grows with the text's length alone."""
    plain = narrowed(text)
    return apart(chain(find_numbers(plain), find_phones(plain), find_addresses(plain)))


def apart(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Those that stay where some overlap: the longest, then the first kind, then the first in the text; in order."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (-span.length, RANKS[span.kind], span.start)):
        place = bisect(kept, span)
        is_after = place == 0 or kept[place - 1].end <= span.start
        is_before = place == len(kept) or span.end <= kept[place].start
        if is_after and is_before:
            kept.insert(place, span)
    return tuple(kept)
