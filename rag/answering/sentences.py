"""Text to sentences, French and English, with offsets."""

import re
from functools import lru_cache

from rag.retrieval.words import fold

_BOUNDARY = re.compile(r"(?<=[.!?…])((?:[ \u00a0\u202f]?[»”\")\]])*)\s+(?=[«“\"(\[]?[A-ZÀ-ÖØ-Þ0-9])|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:M|MM|Mme|Mlle|Dr|Pr|art|al|etc|cf|ex|p|pp|n°|no|vol|fig|env|Mr|Mrs|Ms|St|Jr|Sr|vs|e\.g|i\.e|Inc|Ltd|Co|[A-Z]))\.$"
)
_ITEM_NUMBER = re.compile(r"\s*\d{1,3}\.$")


def boundaries(text: str, start: int = 0) -> list[tuple[int, int]]:
    """(end, next start) of each sentence that another follows; abbreviations and item numbers end none."""
    found: list[tuple[int, int]] = []
    for match in _BOUNDARY.finditer(text, start):
        before = text[start : match.start()]
        if "\n" not in match.group() and (ends_abbreviated(before) or _ITEM_NUMBER.fullmatch(before)):
            continue
        found.append((match.end(1) if match.group(1) else match.start(), match.end()))
        start = match.end()
    return found


def split_sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence, in order, without surrounding space."""
    ends = boundaries(text)
    starts = [0, *(after for _, after in ends)]
    spans = zip(starts, [*(end for end, _ in ends), len(text)], strict=True)
    return [trimmed for begin, end in spans if (trimmed := _trim(text, begin, end))[0] < trimmed[1]]


def ends_abbreviated(text: str) -> bool:
    """Whether the point at the end of a text is that of an abbreviation."""
    return _ABBREVIATION.search(text) is not None


def level(text: str) -> str:
    """Letters without case and accents, one for one, so that offsets hold; raised digits are no digits."""
    return "".join(map(_levelled, text))


@lru_cache(maxsize=4096)
def _levelled(letter: str) -> str:
    if letter in "’‘`´":
        return "'"
    if letter in "\u2010\u2011":
        return "-"
    if letter.isdigit() and not letter.isdecimal():
        return " "
    folded = fold(letter)
    return folded if len(folded) == 1 else letter


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())
