"""Lines of pages to blocks: lines become paragraphs, large or bold numbered lines headings, running heads go."""

import collections
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.documents import Block, BlockKind, Box
from rag.parsing.scanned import ReadLine
from rag.parsing.text import BULLET

_HEADING_CHARACTERS_MAX, _HEADING_WORDS_MAX = 120, 14
_HEADING_SCALE = 1.08
_SAME_SIZE = 1.3
"""Heights of scanned letters scatter: only a line this much higher than the usual one is set in larger type."""
_BOLD = 600
_GAP = 0.6
"""A line further below the last one than this many font sizes begins a paragraph, unless the page is set wider."""
_GAP_OVER_USUAL = 0.35
_NUMBERED = re.compile(
    r"^(?:(?:chapitre|chapter|section|partie|part|annexe|appendix|article|titre|item)\s+[\dIVXLA-Z]+"
    r"|(?:\d+\.){1,4}\d*|\d+(?:\.\d+)+|[IVX]{1,5}\.|[A-Z]\.)\s*",
    re.I,
)
_LEADERS = re.compile(r"\.{4,}|(?:\. ?){4,}")
_CUT_WORD = re.compile(r"(\w+)(?:\u00ad(?:\n )?|([-‐‑])\n )([a-zà-ÿœ]\w*)")
"""A word cut at a line's end: made whole unless the document shows it to be two words with a hyphen."""
_WORDS = re.compile(r"(?=\b(\w+(?:[-‐‑]\w+)?))\w+")
_HYPHEN_END = re.compile(r"[-‐‑\u00ad]$")


@dataclass(slots=True)
class Line:
    """A line as it is set: its box (left, bottom, right, top) in points, the size of its letters on the page.

    `confidence` is how sure a scanned one was read, 0 to 1.
    """

    page: int
    text: str
    box: Box
    size: float
    weight: int
    level: int = 0
    confidence: float | None = None


def scanned_lines(scanned: Mapping[int, Sequence[ReadLine]]) -> dict[int, list[Line]]:
    """The lines of pages (from 1) that were read from their pictures; lines of about the usual height have one size."""
    sizes = [line.size for lines in scanned.values() for line in lines]
    usual = statistics.median(sizes) if sizes else 0.0
    return {page: [_scanned_line(page, each, usual) for each in scanned[page]] for page in sorted(scanned)}


def _scanned_line(page: int, found: ReadLine, usual: float) -> Line:
    size = usual if found.size < usual * _SAME_SIZE else found.size
    return Line(page, found.text, found.box, size, 0, 0, found.confidence)


def arranged(lines: Sequence[Line], pages: int) -> tuple[Block, ...]:
    """The blocks of a document's lines, in their order."""
    kept = _without_running(lines, pages)
    _mark_headings(kept)
    return tuple(_blocks(kept))


def first_heading(blocks: Sequence[Block]) -> str:
    """The first heading, for a document without a title."""
    return next((block.text for block in blocks if block.kind is BlockKind.HEADING), "")


def _without_running(lines: Sequence[Line], pages: int) -> list[Line]:
    """Lines without headers and footers: what stands first or last on at least 8 % of the pages, digits aside."""
    by_page = collections.defaultdict(list)
    for line in lines:
        by_page[line.page].append(line)
    edges = [(line, _pattern(line.text)) for group in by_page.values() for line in (*group[:2], *group[-2:])]
    seen = collections.Counter({pattern: 0 for _, pattern in edges})
    for group in by_page.values():
        seen.update({_pattern(line.text) for line in (*group[:2], *group[-2:])})
    often = max(4, 0.08 * pages)
    running = {id(line) for line, pattern in edges if seen[pattern] >= often}
    kept = [line for line in lines if id(line) not in running]
    return kept or list(lines)  # pages of one line each have no headers


def _pattern(text: str) -> str:
    return re.sub(r"\d+", "#", text)


def _mark_headings(lines: list[Line]) -> None:
    weights: collections.Counter[float] = collections.Counter()
    for line in lines:
        weights[line.size] += len(line.text)
    body = weights.most_common(1)[0][0] if weights else 10.0
    sizes = sorted((size for size in weights if size > body * _HEADING_SCALE), reverse=True)
    for line in lines:
        if not _may_head(line.text):
            continue
        if line.size in sizes:
            line.level = min(1 + sizes.index(line.size), 6)
        elif line.weight >= _BOLD and (_NUMBERED.match(line.text) or line.text.isupper()):
            line.level = min(len(sizes) + 1, 6)


def _may_head(text: str) -> bool:
    is_short = len(text) <= _HEADING_CHARACTERS_MAX and len(text.split()) <= _HEADING_WORDS_MAX
    letters = sum(character.isalpha() for character in text)
    return is_short and letters >= 3 and not text.endswith((",", ";", ".")) and not _LEADERS.search(text)  # noqa: PLR2004


def _blocks(lines: list[Line]) -> list[Block]:
    words = collections.Counter(word for line in lines for word in _WORDS.findall(line.text.lower()))
    gaps = _usual_gaps(lines)
    groups: list[list[Line]] = []
    for line in lines:
        if not groups or _begins(groups[-1][-1], line, gaps.get(line.page, 0.0)):
            groups.append([])
        groups[-1].append(line)
    return [_block(group, words) for group in groups]


def _usual_gaps(lines: list[Line]) -> dict[int, float]:
    """The median distance between neighbouring lines of one size, by page, in font sizes."""
    found: dict[int, list[float]] = collections.defaultdict(list)
    for last, line in pairwise(lines):
        if last.page == line.page and last.size == line.size and 0 < _gap(last, line) < 2:  # noqa: PLR2004
            found[line.page].append(_gap(last, line))
    return {page: statistics.median(gaps) for page, gaps in found.items()}


def _gap(last: Line, line: Line) -> float:
    return (last.box[1] - line.box[3]) / max(last.size, 1.0)


def _begins(last: Line, line: Line, usual: float) -> bool:
    """Whether a line begins a new block after `last`."""
    if line.page != last.page or line.level != last.level or BULLET.match(line.text):
        return True
    is_below = line.box[1] <= last.box[3]
    is_far = _gap(last, line) > max(_GAP, usual + _GAP_OVER_USUAL)
    return is_far or not is_below


def _block(group: list[Line], words: collections.Counter[str]) -> Block:
    def whole(cut: re.Match[str]) -> str:
        first, hyphen, last = cut[1], cut[2] or "-", cut[3]
        is_word = bool(words[f"{first}{last}".lower()])
        are_words = min(words[first.lower()], words[last.lower()]) > 1  # once they stand here themselves
        is_compound = bool(words[f"{first}{hyphen}{last}".lower()]) or (are_words and not is_word)
        return f"{first}{hyphen if is_compound else ''}{last}"

    text = " ".join(line.text + ("\n" if _HYPHEN_END.search(line.text) else "") for line in group)
    text = _LEADERS.sub(
        " … ", _CUT_WORD.sub(whole, text).replace("\u00ad\n ", "-").replace("\u00ad", "-").replace("\n", "")
    )
    kind = BlockKind.HEADING if group[0].level else BlockKind.PARAGRAPH
    kind = BlockKind.LIST_ITEM if not group[0].level and BULLET.match(text) else kind
    boxes = tuple(line.box for line in group if any(line.box))
    return Block(kind, text, group[0].page, group[0].level, boxes, confidence=_confidence(group))


def _confidence(group: list[Line]) -> float | None:
    """How sure scanned lines were read, each by its length."""
    read = [(line.confidence, len(line.text)) for line in group if line.confidence is not None]
    length = sum(size for _, size in read)
    return sum(sure * size for sure, size in read) / length if length else None
