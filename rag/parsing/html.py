"""HTML to blocks: headings, paragraphs, list items, tables; scripts, styles and navigation dropped."""

import re

from lxml import etree
from lxml import html as lxml_html

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing.text import decode, table_rows

DEPTH_MAX = 250
_DROPPED = frozenset(
    {"script", "style", "noscript", "template", "nav", "svg", "iframe", "object", "form", "button", "head", "footer"}
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BREAKS = frozenset(
    {"p", "div", "section", "article", "main", "header", "aside", "li", "dt", "dd", "blockquote", "pre", "ul", "ol"}
    | {"dl", "figure", "figcaption", "td", "th", "tr", "address", "body", "br", "details", "summary"}
)


def parse(name: str, data: bytes) -> ParsedDocument:
    """Blocks in reading order; a page nested beyond DEPTH_MAX is rejected, because its text is lost silently."""
    try:
        root = lxml_html.document_fromstring(decode(data).encode(), parser=lxml_html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, ValueError) as error:
        raise DocumentRejected("the page is empty or broken; save it again from a browser") from error
    walker = _Walker()
    walker.walk(root, 0)
    walker.flush()
    title = (root.findtext(".//title") or "").strip()
    heading = next((block.text for block in walker.blocks if block.kind is BlockKind.HEADING), name)
    return ParsedDocument(title or heading, None, tuple(walker.blocks))


class _Walker:
    """Collects text until an element that a reader sees as a break."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._text: list[str] = []
        self._item = False

    def walk(self, element: lxml_html.HtmlElement, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise DocumentRejected(f"the page nests more than {DEPTH_MAX} elements; save it as text")
        tag = element.tag
        if not isinstance(tag, str) or tag in _DROPPED or _is_hidden(element):
            return
        if tag in _HEADINGS:
            self.flush()
            self._add(BlockKind.HEADING, element.text_content(), int(tag[1]))
        elif tag == "table" and not element.xpath(".//table"):
            self.flush()
            self.blocks += table_rows(
                [[cell.text_content() for cell in row.xpath("./td|./th")] for row in element.xpath(".//tr")] or [[]]
            )
        else:
            self._descend(element, depth, is_break=tag in _BREAKS)

    def _descend(self, element: lxml_html.HtmlElement, depth: int, *, is_break: bool) -> None:
        if is_break:
            self.flush()
            self._item = element.tag in {"li", "dt", "dd"} or (self._item and element.tag != "ul")
        self._text.append(element.text or "")
        for child in element:
            self.walk(child, depth + 1)
            self._text.append(child.tail or "")
        if is_break:
            self.flush()
            self._item = False

    def flush(self) -> None:
        self._add(BlockKind.LIST_ITEM if self._item else BlockKind.PARAGRAPH, "".join(self._text), 0)
        self._text = []

    def _add(self, kind: BlockKind, text: str, level: int) -> None:
        cleaned = re.sub(r"\s+", " ", text).strip()
        if cleaned:
            self.blocks.append(Block(kind, cleaned, level=level))


def _is_hidden(element: lxml_html.HtmlElement) -> bool:
    style = (element.get("style") or "").replace(" ", "").lower()
    return element.get("hidden") is not None or "display:none" in style or "visibility:hidden" in style
