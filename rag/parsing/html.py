"""HTML to blocks: headings, paragraphs, list items, tables; scripts, navigation and what a browser hides dropped."""

import re
from collections.abc import Iterator
from datetime import datetime

from lxml import etree
from lxml import html as lxml_html
from lxml.html import HtmlElement

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.encoding import decode
from rag.parsing.tables import table_rows
from rag.parsing.text import BULLET

DEPTH_MAX = 250
SPAN_MAX = 50
_DROPPED = frozenset(
    {"script", "style", "noscript", "template", "nav", "svg", "iframe", "object", "button", "select", "textarea"}
    | {"head", "footer", "audio", "video", "canvas", "datalist"}
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_ITEMS = frozenset({"li", "dt", "dd"})
_BREAKS = _ITEMS | frozenset(
    {"p", "div", "section", "article", "main", "header", "aside", "blockquote", "pre", "ul", "ol", "dl", "form"}
    | {"figure", "figcaption", "td", "th", "tr", "address", "body", "details", "summary", "hr", "fieldset", "table"}
)
_HIDING = re.compile(
    r"display:none|visibility:hidden|opacity:0(?:\.0+)?(?:;|$)|font-size:0(?:\.0+)?(?:px|pt|em|rem|%)?(?:;|$)"
    r"|font-size:1p[xt](?:;|$)|(?:left|top|text-indent):-\d{3,}"
)
_WHITE = re.compile(r"(?:^|;)color:(?:white|#fff(?:fff)?|rgb\(255,255,255\))(?:;|$)")
_DATES = "//meta[@property='article:modified_time' or @name='last-modified' or @name='dcterms.modified']/@content"


def parse(data: bytes) -> ParsedDocument:
    """Blocks in reading order; a page nested beyond DEPTH_MAX is rejected, because its text is lost silently."""
    root = _root(decode(data))
    walker = _Walker(has_styles=bool(root.xpath("//style | //link[@rel='stylesheet']")))
    blocks = walker.read(root)
    title = re.sub(r"\s+", " ", root.findtext(".//title") or "").strip()
    heading = next((block.text for block in blocks if block.kind is BlockKind.HEADING), "")
    return ParsedDocument(title or heading, None, tuple(blocks), _modified(root), hidden=tuple(walker.hidden))


def blocks_of(fragment: str) -> list[Block]:
    """The blocks of a piece of HTML that stands in another text; none for tags alone."""
    return _Walker(has_styles=False).read(_root(f"<body>{fragment}</body>"))


def _root(text: str) -> HtmlElement:
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return lxml_html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, ValueError) as error:
        raise DocumentRejected("the page is empty or broken; save it again from a browser") from error


def _modified(root: HtmlElement) -> datetime | None:
    try:
        return datetime.fromisoformat(root.xpath(_DATES)[0].strip())
    except (IndexError, ValueError):
        return None


class _Walker:
    """Collects text until an element that a reader sees as a break. `has_styles`: colours may come from elsewhere."""

    def __init__(self, *, has_styles: bool) -> None:
        self._blocks: list[Block] = []
        self._text: list[str] = []
        self._has_styles = has_styles
        self.hidden: list[str] = []

    def read(self, root: HtmlElement) -> list[Block]:
        """The blocks below an element."""
        self._walk(root, 0, BlockKind.PARAGRAPH)
        self._flush(BlockKind.PARAGRAPH)
        return self._blocks

    def _walk(self, element: HtmlElement, depth: int, kind: BlockKind) -> None:
        if depth > DEPTH_MAX:
            raise DocumentRejected(f"the page nests more than {DEPTH_MAX} elements; save it as text")
        if self._is_unseen(element):
            self._hide(element)
            return
        if element.tag in _HEADINGS:
            self._flush(kind)
            self._add(BlockKind.HEADING, " ".join(self._words(element)), int(element.tag[1]))
        elif element.tag == "table" and not element.xpath(".//table"):
            self._flush(kind)
            self._blocks += table_rows([self._cells(row) for row in element.iter("tr")])
        elif element.tag == "br":
            self._text.append("\n")
        else:
            self._descend(element, depth, kind)

    def _descend(self, element: HtmlElement, depth: int, kind: BlockKind) -> None:
        is_break = element.tag in _BREAKS
        inner = BlockKind.LIST_ITEM if element.tag in _ITEMS else kind
        if is_break:
            self._flush(kind)
        self._text.append(_flat(element.text))
        for child in element:
            self._walk(child, depth + 1, inner)
            self._text.append(_flat(child.tail))
        if is_break:
            self._flush(inner)

    def _cells(self, row: HtmlElement) -> list[str]:
        """A row's cells; one that spans columns is followed by empty ones."""
        cells: list[str] = []
        for cell in row.iterchildren("td", "th"):
            span = cell.get("colspan", "1")
            cells.append(" ".join(self._words(cell)))
            cells += [""] * (min(int(span), SPAN_MAX) - 1 if span.isdecimal() and span.isascii() else 0)
        return cells

    def _words(self, element: HtmlElement) -> Iterator[str]:
        """The visible words below an element, as runs between elements that break; nothing below what is hidden."""
        run: list[str] = []
        skipped: HtmlElement | None = None
        for event, node in etree.iterwalk(element, events=("start", "end")):
            if skipped is None and event == "start" and self._is_unseen(node):
                skipped = node
                self._hide(node)
            if skipped is None:
                if node.tag in _BREAKS or node.tag == "br":
                    yield "".join(run)
                    run = []
                run.append((node.text if event == "start" else node.tail if node is not element else "") or "")
            elif event == "end" and node is skipped:
                skipped = None
                run.append(node.tail or "")
        yield "".join(run)

    def _flush(self, kind: BlockKind) -> None:
        for part in _parts("".join(self._text)):
            self._add(kind, part, 0)
        self._text = []

    def _add(self, kind: BlockKind, text: str, level: int) -> None:
        cleaned = re.sub(r"\s+", " ", text).strip()
        if cleaned:
            is_item = kind is BlockKind.PARAGRAPH and BULLET.match(cleaned)
            self._blocks.append(Block(BlockKind.LIST_ITEM if is_item else kind, cleaned, level=level))

    def _hide(self, element: HtmlElement) -> None:
        """Keep the words of what a style hides; scripts and the like are not words."""
        if isinstance(element.tag, str) and element.tag not in _DROPPED:
            self.hidden.append(" ".join(element.itertext()))

    def _is_unseen(self, element: HtmlElement) -> bool:
        if not isinstance(element.tag, str) or element.tag in _DROPPED or element.get("hidden") is not None:
            return True
        style = re.sub(r"\s", "", element.get("style") or "").lower()
        if not style:
            return False
        return bool(_HIDING.search(style)) or bool(
            _WHITE.search(style) and not self._has_styles and not _has_background(element)
        )


def _has_background(element: HtmlElement) -> bool:
    around = (element, *element.iterancestors())
    return any("background" in (each.get("style") or "") or each.get("bgcolor") for each in around)


def _flat(text: str | None) -> str:
    """Source text with its own line ends as spaces, so that only `br` gives a line end."""
    return re.sub(r"\s+", " ", text or "")


def _parts(text: str) -> list[str]:
    """Lines joined again, except before a list item and at an empty line."""
    parts: list[str] = [""]
    for line in text.split("\n"):
        if not line.strip() or BULLET.match(line):
            parts.append(line)
        else:
            parts[-1] += " " + line
    return parts
