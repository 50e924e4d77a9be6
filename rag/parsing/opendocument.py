"""ODT, ODS and ODP to blocks: headings, lists, tables, slides and sheets, without what their reader does not see."""

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from lxml.etree import _Element as Element

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.opendocument_flow import KIND, UNSEEN, Flow
from rag.parsing.opendocument_sheets import SheetReader
from rag.parsing.opendocument_styles import Styles, read_styles
from rag.parsing.opendocument_styles import qualified as _q
from rag.parsing.packages import open_package, read_xml
from rag.parsing.sheets import sheet_blocks, title_of

_SLIDE, _SHEET = _q("draw:page"), _q("table:table")


def parse(data: bytes) -> ParsedDocument:
    """Blocks in reading order; a slide or sheet is a page. Raises DocumentRejected on a broken or hostile file."""
    with open_package(data, KIND) as package:
        root = read_xml(package, "content.xml", KIND)
        named_styles = [read_xml(package, "styles.xml", KIND)] if "styles.xml" in package.namelist() else []
        title, modified = _about(package)
    body = next(iter(root.iterfind(f"{_q('office:body')}/*")), None)
    if body is None:
        raise DocumentRejected(f"the {KIND} has no body; open it and save it again")
    styles = read_styles(*named_styles, root)
    hidden = tuple(_hidden(body, Flow(styles, None)))
    if body.tag == _q("office:spreadsheet"):
        pages, blocks, unseen = _sheets(body, styles)
        named = title_of([block.text for block in blocks if block.kind is BlockKind.HEADING])
        return ParsedDocument(title or named, pages, tuple(blocks), modified, hidden=hidden + unseen)
    slides = body.findall(_SLIDE)
    if slides:
        blocks = [block for number, slide in enumerate(slides, 1) for block in _slide(slide, number, styles)]
    else:
        blocks = list(Flow(styles, None).read(body))
    heading = next((block.text for block in blocks if block.kind is BlockKind.HEADING), "")
    return ParsedDocument(title or heading, len(slides) or None, tuple(blocks), modified, hidden=hidden)


def _about(package: zipfile.ZipFile) -> tuple[str, datetime | None]:
    """Title and date of the last change, where the file says them."""
    if "meta.xml" not in package.namelist():
        return "", None
    meta = read_xml(package, "meta.xml", KIND)
    title, changed = (meta.findtext(f".//{_q(name)}") or "" for name in ("dc:title", "dc:date"))
    with suppress(ValueError):
        return title.strip(), datetime.fromisoformat(changed.strip())
    return title.strip(), None


def _hidden(body: Element, flow: Flow) -> Iterator[str]:
    """The words of what a style or a field hides. Comments, notes and deletions are seen elsewhere."""
    for element in body.iter():
        if isinstance(element.tag, str) and element.tag not in UNSEEN and flow.is_unseen(element):
            yield " ".join(map(str, element.itertext()))


def _sheets(body: Element, styles: Styles) -> tuple[int, list[Block], tuple[str, ...]]:
    """How many sheets there are, the blocks of those that are shown, and what is hidden on them."""
    sheets = body.findall(_SHEET)
    blocks: list[Block] = []
    hidden: tuple[str, ...] = ()
    for number, sheet in enumerate(sheets, 1):
        flow = Flow(styles, number)
        if not flow.is_unseen(sheet):
            rows, unseen = SheetReader(sheet, flow).read()
            blocks += sheet_blocks(sheet.get(_q("table:name"), ""), rows, number)
            hidden += unseen
    return len(sheets), blocks, hidden


def _slide(slide: Element, number: int, styles: Styles) -> Iterator[Block]:
    """A slide's title as a heading, then what stands on it; nothing of a slide that is not shown."""
    flow = Flow(styles, number)
    if flow.is_unseen(slide):
        return
    frames = [frame for frame in slide if not flow.is_unseen(frame)]
    titles = [frame for frame in frames if frame.get(_q("presentation:class")) == "title"]
    for frame in titles:
        text = " ".join(block.text for block in flow.read(frame))
        if text:
            yield Block(BlockKind.HEADING, text, number, 2)
    for frame in frames:
        if frame not in titles:
            yield from flow.read(frame)
