"""Text to sentences, French and English, with offsets."""

import re

_BOUNDARY = re.compile(r"(?<=[.!?…])((?:[ \u00a0\u202f]?[»”\")\]])*)\s+(?=[«“\"(\[]?[A-ZÀ-ÖØ-Þ0-9])|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:M|MM|Mme|Mlle|Dr|Pr|art|al|etc|cf|ex|p|pp|n°|no|vol|fig|env|Mr|Mrs|Ms|St|Jr|Sr|vs|e\.g|i\.e|Inc|Ltd|Co|[A-Z]))\.$"
)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence, in order, without surrounding space; abbreviations do not end one."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _BOUNDARY.finditer(text):
        if "\n" not in match.group() and _ABBREVIATION.search(text[start : match.start()]):
            continue
        spans.append((start, match.end(1) if match.group(1) else match.start()))
        start = match.end()
    spans.append((start, len(text)))
    return [trimmed for begin, end in spans if (trimmed := _trim(text, begin, end))[0] < trimmed[1]]


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())
