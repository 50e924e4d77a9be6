"""EPUB to blocks: the chapters of its spine in order, each read as the HTML that it is."""

import posixpath
import zipfile
from urllib.parse import unquote

from lxml.etree import _Element as Element

from rag.documents import BlockKind, ParsedDocument
from rag.errors import DocumentRejected
from rag.parsing import html
from rag.parsing.packages import open_package, read_part, read_xml

KIND = "EPUB"
CHAPTERS_MAX = 2000
_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}rootfile"
_OPF = "{http://www.idpf.org/2007/opf}"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_LOCKS = "META-INF/encryption.xml"
_LOCKED = "{http://www.w3.org/2001/04/xmlenc#}CipherReference"
_CHAPTER_TYPES = frozenset({"application/xhtml+xml", "text/html"})


def parse(data: bytes) -> ParsedDocument:
    """Blocks in reading order; raises DocumentRejected on a broken file."""
    with open_package(data, KIND) as package:
        container = read_xml(package, "META-INF/container.xml", KIND)
        root = next((each.get("full-path", "") for each in container.iter(_CONTAINER)), "")
        book = read_xml(package, root, KIND)
        chapters = list(dict.fromkeys(posixpath.normpath(name) for name in _spine(book, root)))
        if len(chapters) > CHAPTERS_MAX:
            raise DocumentRejected(f"the {KIND} has {len(chapters)} chapters; the limit is {CHAPTERS_MAX}: split it")
        if not _locked(package).isdisjoint(chapters):
            raise DocumentRejected(f"the {KIND} is under copy protection; load a copy without it")
        pages = (read_part(package, name, KIND) for name in chapters)
        blocks = [block for page in pages if page.strip() for block in html.parse(page).blocks]
    heading = next((block.text for block in blocks if block.kind is BlockKind.HEADING), "")
    return ParsedDocument((book.findtext(f".//{_TITLE}") or "").strip() or heading, None, tuple(blocks))


def _spine(book: Element, root: str) -> list[str]:
    """The names of the chapters' files in reading order."""
    folder = posixpath.dirname(root)
    items = {item.get("id"): item for item in book.iter(f"{_OPF}item")}
    chosen = (items.get(each.get("idref")) for each in book.iter(f"{_OPF}itemref"))
    return [
        posixpath.join(folder, unquote(item.get("href", "")))
        for item in chosen
        if item is not None and item.get("media-type") in _CHAPTER_TYPES
    ]


def _locked(package: zipfile.ZipFile) -> frozenset[str]:
    """The names of encrypted parts; fonts often are, in books that anybody may read. EPUB 3.3, 4.2.6.3.2."""
    if _LOCKS not in package.namelist():
        return frozenset()
    return frozenset(unquote(each.get("URI", "")) for each in read_xml(package, _LOCKS, KIND).iter(_LOCKED))
