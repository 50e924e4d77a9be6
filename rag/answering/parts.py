"""The parts of a sentence that say something by themselves: what a list or two joined statements can be checked by."""

import re

from rag.retrieval.words import content_words

WORDS_MIN = 3
"""Content words of a part: fewer are found anywhere, and stay with what stands beside them."""
PARTS_MAX = 8
_JOINT = re.compile(r"[;:](?=\s)|,(?=\s)|\s(?=(?:et|and|mais|but|ainsi que|as well as)\s(?!\d))")


def parts(text: str) -> tuple[str, ...]:
    """The sentence cut where it joins statements, each long enough; empty where it is one."""
    found: list[str] = []
    start = 0
    for end in (*(match.end() for match in _JOINT.finditer(text)), len(text)):
        piece = text[start:end]
        if _says_enough(piece) and (end == len(text) or _says_enough(text[end:])):
            found.append(piece.strip())
            start = end
    return tuple(found) if 1 < len(found) <= PARTS_MAX and not text[start:].strip() else ()


def _says_enough(piece: str) -> bool:
    return len(set(content_words(piece))) >= WORDS_MIN
