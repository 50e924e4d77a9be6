"""PDF to blocks with pages, through PDFium: lines become paragraphs, large or bold numbered lines headings."""

import collections
import io
import re
import statistics
from datetime import datetime
from itertools import pairwise

import pypdfium2

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentEmpty, DocumentRejected
from rag.parsing.pdf_lines import Line, lines_of
from rag.parsing.text import BULLET

PAGES_MAX = 3000
RENDER_PIXELS_MAX = 40_000_000
_HEADING_CHARACTERS_MAX, _HEADING_WORDS_MAX = 120, 14
_HEADING_SCALE = 1.08
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
_DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-]\d\d)'?(\d\d)?'?)?")
_PROGRAM_TITLE = re.compile(
    r"^microsoft \w+ - |\.(?:docx?|pptx?|xlsx?|odt|indd|tex|dvi|qxd)$|^untitled$|^sans titre$", re.I
)


def parse(data: bytes) -> ParsedDocument:
    """Blocks in reading order; raises DocumentRejected on a broken or locked file, DocumentEmpty on a scan."""
    document = _open(data)
    if len(document) > PAGES_MAX:
        raise DocumentRejected(f"the PDF has {len(document)} pages; the limit is {PAGES_MAX}: split it")
    lines = [line for number in range(len(document)) for line in _page_lines(document, number)]
    if not lines:
        raise DocumentEmpty("the PDF holds no readable text, only images or unknown letters; scans are not read yet")
    _drop_running(lines, len(document))
    _mark_headings(lines)
    about = document.get_metadata_dict()
    title = str(about.get("Title") or "").strip()
    title = "" if _PROGRAM_TITLE.search(title) else title
    modified = _date(str(about.get("ModDate") or about.get("CreationDate") or ""))
    return ParsedDocument(title or _first_heading(lines), len(document), tuple(_blocks(lines)), modified)


def render(data: bytes, page: int, width_px: int) -> bytes:
    """A page (from 1) as PNG, `width_px` wide; a very tall page is drawn smaller."""
    document = _open(data)
    if not 1 <= page <= len(document):
        raise DocumentRejected(f"page {page} of {len(document)}: there is no such page")
    sheet = document[page - 1]
    scale = width_px / sheet.get_width()
    pixels = scale * scale * sheet.get_width() * sheet.get_height()
    picture = sheet.render(scale=scale * min(1.0, (RENDER_PIXELS_MAX / pixels) ** 0.5)).to_pil()
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _open(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise DocumentRejected("the PDF is locked with a password; save it without one") from error
        raise DocumentRejected("the PDF is cut or broken; open it and save it again") from error


def _page_lines(document: pypdfium2.PdfDocument, number: int) -> list[Line]:
    """A page's lines; a broken page among others is left out, a broken first page rejects the file."""
    try:
        return lines_of(document, number)
    except pypdfium2.PdfiumError as error:
        if number == 0:
            raise DocumentRejected("the PDF's pages are broken; open it and save it again") from error
        return []


def _date(text: str) -> datetime | None:
    """A date of ISO 32000-1, 7.9.4: `D:20240131120000+01'00'`; None for anything else."""
    found = _DATE.match(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part) if part else 0 for part in found.groups()[:6])
    zone = f"{found[7] or '+00'}{found[8] or '00'}"
    try:
        moment = f"{year:04}-{month or 1:02}-{day or 1:02}T{hour:02}:{minute:02}:{second:02}{zone}"
        return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return None


def _drop_running(lines: list[Line], pages: int) -> None:
    """Remove headers and footers: what stands first or last on at least 8 % of the pages, digits aside."""
    by_page = collections.defaultdict(list)
    for line in lines:
        by_page[line.page].append(line)
    edges = [(line, _pattern(line.text)) for group in by_page.values() for line in (*group[:2], *group[-2:])]
    seen = collections.Counter({pattern: 0 for _, pattern in edges})
    for group in by_page.values():
        seen.update({_pattern(line.text) for line in (*group[:2], *group[-2:])})
    often = max(4, 0.08 * pages)
    running = {id(line) for line, pattern in edges if seen[pattern] >= often}
    lines[:] = [line for line in lines if id(line) not in running]


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


def _first_heading(lines: list[Line]) -> str:
    return next((line.text for line in lines if line.level), "")


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
    return Block(kind, text, group[0].page, group[0].level, tuple(line.box for line in group))
