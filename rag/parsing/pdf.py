"""PDF to blocks with pages, through PDFium: lines become paragraphs, large or bold numbered lines headings."""

import collections
import ctypes
import io
import re
from dataclasses import dataclass

import pypdfium2
import pypdfium2.raw as pdfium

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentEmpty, DocumentRejected

PAGES_MAX = 3000
_HEADING_CHARACTERS_MAX, _HEADING_WORDS_MAX = 120, 14
_HEADING_SCALE = 1.08
_BOLD = 600
_GAP = 1.6
"""A line further below the last one than this many font sizes begins a paragraph."""
_NUMBERED = re.compile(
    r"^(?:(?:chapitre|chapter|section|partie|part|annexe|appendix|article|titre|item)\s+[\dIVXLA-Z]+"
    r"|(?:\d+\.){1,4}\d*|\d+(?:\.\d+)+|[IVX]{1,5}\.|[A-Z]\.)\s*",
    re.I,
)
_LEADERS = re.compile(r"\.{4,}|(?:\. ){4,}")
_BULLET = re.compile(r"^\s*(?:[•▪‣◦–*]|-\s)")
Box = tuple[float, float, float, float]


@dataclass(slots=True)
class _Line:
    page: int
    text: str
    box: Box
    size: float
    weight: int
    level: int = 0


def parse(name: str, data: bytes) -> ParsedDocument:
    """Blocks in reading order; raises DocumentRejected on a broken or locked file, DocumentEmpty on a scan."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise DocumentRejected("the PDF is broken or needs a password; open it and save it again") from error
    if len(document) > PAGES_MAX:
        raise DocumentRejected(f"the PDF has {len(document)} pages; the limit is {PAGES_MAX}: split it")
    lines = [line for number in range(len(document)) for line in _lines(document, number)]
    if not lines:
        raise DocumentEmpty("the PDF holds no text, only images; scanned pages are not read yet")
    _drop_running(lines, len(document))
    _mark_headings(lines)
    title = str(document.get_metadata_dict().get("Title") or "").strip()
    return ParsedDocument(title or _first_heading(lines) or name, len(document), tuple(_blocks(lines)))


def render(data: bytes, page: int, width_px: int) -> bytes:
    """A page (from 1) as PNG, `width_px` wide."""
    document = pypdfium2.PdfDocument(data)
    if not 1 <= page <= len(document):
        raise DocumentRejected(f"page {page} of {len(document)}: there is no such page")
    sheet = document[page - 1]
    picture = sheet.render(scale=width_px / sheet.get_width()).to_pil()
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _lines(document: pypdfium2.PdfDocument, number: int) -> list[_Line]:
    page = document[number].get_textpage()
    count = page.count_chars()
    if count <= 0:
        return []
    found, place = [], 0
    for part in re.split(r"(\r\n|\n|\r)", page.get_text_range()):
        start = place + len(part) - len(part.lstrip())
        place += len(part)
        text = part.strip().replace("\ufffe", "-").replace("\x02", "-").replace("\x00", "")
        if text and start < count:
            middle = min(start + 1, count - 1)
            size = round(float(pdfium.FPDFText_GetFontSize(page.raw, middle)), 1)
            weight = int(pdfium.FPDFText_GetFontWeight(page.raw, middle))
            found.append(_Line(number + 1, text, _box(page, start, len(part.strip())), size, weight))
    return found


def _box(page: pypdfium2.PdfTextPage, start: int, length: int) -> Box:
    left, bottom, right, top = 1e9, 1e9, -1e9, -1e9
    for index in range(pdfium.FPDFText_CountRects(page.raw, start, length)):
        edges = [ctypes.c_double() for _ in range(4)]
        pdfium.FPDFText_GetRect(page.raw, index, *edges)
        left, top = min(left, edges[0].value), max(top, edges[1].value)
        right, bottom = max(right, edges[2].value), min(bottom, edges[3].value)
    return (left, bottom, right, top)


def _drop_running(lines: list[_Line], pages: int) -> None:
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


def _mark_headings(lines: list[_Line]) -> None:
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


def _first_heading(lines: list[_Line]) -> str:
    return next((line.text for line in lines if line.level), "")


def _blocks(lines: list[_Line]) -> list[Block]:
    blocks: list[Block] = []
    group: list[_Line] = []
    for line in lines:
        if group and _begins(group[-1], line):
            blocks.append(_block(group))
            group = []
        group.append(line)
    return [*blocks, _block(group)] if group else blocks


def _begins(last: _Line, line: _Line) -> bool:
    """Whether a line begins a new block after `last`."""
    if line.page != last.page or line.level != last.level or _BULLET.match(line.text):
        return True
    return last.box[1] - line.box[3] > (_GAP - 1) * max(last.size, 1.0) or line.box[1] > last.box[3]


def _block(group: list[_Line]) -> Block:
    text = " ".join(line.text for line in group)
    text = re.sub(r"(\w)- (?=[a-zà-ÿ])", r"\1", text) if len(group) > 1 else text
    kind = BlockKind.HEADING if group[0].level else BlockKind.PARAGRAPH
    kind = BlockKind.LIST_ITEM if _BULLET.match(text) else kind
    return Block(kind, text, group[0].page, group[0].level, tuple(line.box for line in group))
