"""What a file is, by its content; the name only tells kinds of text apart."""

import io
import re
import zipfile
from enum import StrEnum

from rag.errors import DocumentEmpty, DocumentRejected

ACCEPTED = "PDF, DOCX, HTML, Markdown, plain text and CSV"
HEAD_BYTES = 4096
CONTROL_SHARE_MAX = 0.02
"""Text has next to no control characters; what has more is not text."""
_CONTENT_TYPES_BYTES_MAX = 1024 * 1024


class MediaType(StrEnum):
    """The formats read so far."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    TEXT = "text/plain"
    CSV = "text/csv"


_BINARY = {
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!\x1a": "a RAR archive",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF87a": "an image",
    b"GIF89a": "an image",
    b"\x7fELF": "a program",
    b"{\\rtf": "an RTF file",
}
_OLE = b"\xd0\xcf\x11\xe0"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_WORD_PART = b"wordprocessingml.document.main+xml"
_OFFICE_FOLDERS = {"ppt/": "a PowerPoint presentation", "xl/": "an Excel workbook", "word/": "a Word file with macros"}
_BY_NAME = {".md": MediaType.MARKDOWN, ".markdown": MediaType.MARKDOWN, ".csv": MediaType.CSV, ".tsv": MediaType.CSV}
_HTML_NAMES = frozenset({".html", ".htm", ".xhtml"})
_NOT_YET = {
    ".eml": "a mail",
    ".mbox": "a mailbox",
    ".mht": "a web archive",
    ".mhtml": "a web archive",
    ".json": "a JSON file",
    ".jsonl": "a JSON file",
    ".ipynb": "a notebook",
    ".ics": "a calendar",
    ".vcf": "an address card",
    ".ps": "a PostScript file",
    ".eps": "a PostScript file",
}
_HTML = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_XML = re.compile(r"\s*<(?:\?xml|!doctype|svg)\b", re.I)


def detect(suffix: str, content: bytes) -> MediaType:
    """The format of a file; raises DocumentRejected with a sentence that says what is accepted, DocumentEmpty for none.

    Readable text under an unknown suffix (`.rst`, `.yaml`, `.py`) is plain text.
    """
    if not content:
        raise DocumentEmpty("the file is empty")
    head = content[:HEAD_BYTES]
    if _is_pdf(suffix, head, content):
        return MediaType.PDF
    if head.startswith(_ZIP):
        return _zip_kind(content)
    if head.startswith(_OLE):
        raise _locked(content)
    for mark, kind in _BINARY.items():
        if head.startswith(mark):
            raise _rejected(kind)
    return _text_kind(suffix, head)


def _is_pdf(suffix: str, head: bytes, content: bytes) -> bool:
    """A PDF may stand behind junk; a text that speaks of `%PDF-` is not one."""
    return head.startswith(b"%PDF-") or (b"%PDF-" in head[:1024] and (suffix == ".pdf" or b"endobj" in content))


def _zip_kind(content: bytes) -> MediaType:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open("[Content_Types].xml") as part:
            is_word = _WORD_PART in part.read(_CONTENT_TYPES_BYTES_MAX)
            names = archive.namelist()
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, NotImplementedError, RuntimeError) as error:
        raise _rejected("an archive, or an Office file that is cut or broken") from error
    if is_word:
        return MediaType.DOCX
    kinds = (kind for folder, kind in _OFFICE_FOLDERS.items() if any(name.startswith(folder) for name in names))
    raise _rejected(next(kinds, "an archive"))


def _locked(content: bytes) -> DocumentRejected:
    if "EncryptedPackage".encode("utf-16-le") in content:
        return DocumentRejected("the Office file is locked with a password; save it without one")
    return _rejected("an old Office file (DOC, XLS, PPT, MSG)")


def _text_kind(suffix: str, head: bytes) -> MediaType:
    text = _readable(head)
    if suffix in _NOT_YET:
        raise _rejected(_NOT_YET[suffix])
    if _HTML.match(text) or suffix in _HTML_NAMES:
        return MediaType.HTML
    if _XML.match(text):
        raise _rejected("an XML file")
    return _BY_NAME.get(suffix, MediaType.TEXT)


def _readable(head: bytes) -> str:
    """The beginning of a text, one character a byte unless a mark says UTF-16; raises DocumentRejected for others."""
    is_wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = head.decode("utf-16", "ignore") if is_wide else head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    controls = sum(character < " " and character not in "\t\n\r\f\v\x1b" for character in text)
    if "\x00" in text or controls > CONTROL_SHARE_MAX * len(text):
        raise _rejected("a binary file, or text in an unmarked encoding (save text as UTF-8)")
    return text


def _rejected(kind: str) -> DocumentRejected:
    return DocumentRejected(f"this is {kind}; {ACCEPTED} are read so far: convert it to one of these")
