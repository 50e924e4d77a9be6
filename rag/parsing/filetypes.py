"""What a file is, by its content; the name only tells kinds of text apart."""

import io
import lzma
import re
import struct
import zipfile
import zlib
from enum import StrEnum

from rag.errors import DocumentEmpty, DocumentRejected

ACCEPTED = (
    "PDF, Word, PowerPoint, Excel, OpenDocument, RTF, HTML, Markdown, plain text, CSV, mail, EPUB, pictures and ZIP "
    "archives of these"
)
HEAD_BYTES = 4096
CONTROL_SHARE_MAX = 0.02
"""Text has next to no control characters; what has more is not text."""
_PART_BYTES_MAX = 1024 * 1024
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, RuntimeError, ValueError)
"""What zipfile raises on a package that is cut, changed or packed in a way that is not read."""


class MediaType(StrEnum):
    """The formats that are read."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    DOC = "application/msword"
    PPT = "application/vnd.ms-powerpoint"
    XLS = "application/vnd.ms-excel"
    ODT = "application/vnd.oasis.opendocument.text"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    ODP = "application/vnd.oasis.opendocument.presentation"
    RTF = "application/rtf"
    EPUB = "application/epub+zip"
    EML = "message/rfc822"
    MSG = "application/vnd.ms-outlook"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    TEXT = "text/plain"
    CSV = "text/csv"
    PNG = "image/png"
    JPEG = "image/jpeg"
    TIFF = "image/tiff"
    GIF = "image/gif"
    BMP = "image/bmp"
    WEBP = "image/webp"
    ZIP = "application/zip"


IMAGES = frozenset(
    {MediaType.PNG, MediaType.JPEG, MediaType.TIFF, MediaType.GIF, MediaType.BMP, MediaType.WEBP},
)
SCANNABLE = IMAGES | {MediaType.PDF}
"""Formats whose pages may be pictures of text."""
_PICTURES = {
    b"\x89PNG\r\n\x1a\n": MediaType.PNG,
    b"\xff\xd8\xff": MediaType.JPEG,
    b"II*\x00": MediaType.TIFF,
    b"MM\x00*": MediaType.TIFF,
    b"GIF87a": MediaType.GIF,
    b"GIF89a": MediaType.GIF,
}
_BINARY = {
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!\x1a": "a RAR archive",
    b"\x7fELF": "a program",
}
_OLE = b"\xd0\xcf\x11\xe0"
_OLE_STREAMS = {
    "WordDocument": MediaType.DOC,
    "PowerPoint Document": MediaType.PPT,
    "Workbook": MediaType.XLS,
    "Book": MediaType.XLS,
    "__properties_version1.0": MediaType.MSG,
}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OFFICE_PARTS = {
    b"wordprocessingml.document.main+xml": MediaType.DOCX,
    b"presentationml.presentation.main+xml": MediaType.PPTX,
    b"presentationml.slideshow.main+xml": MediaType.PPTX,
    b"spreadsheetml.sheet.main+xml": MediaType.XLSX,
    b"ms-excel.sheet.macroEnabled.main+xml": MediaType.XLSX,
    b"ms-powerpoint.presentation.macroEnabled.main+xml": MediaType.PPTX,
}
_OPEN_KINDS = frozenset({MediaType.ODT, MediaType.ODS, MediaType.ODP, MediaType.EPUB})
_OFFICE_FOLDERS = {
    "ppt/": "a PowerPoint template",
    "xl/": "a binary Excel workbook",
    "word/": "a Word file with macros",
}
_BY_NAME = {".md": MediaType.MARKDOWN, ".markdown": MediaType.MARKDOWN, ".csv": MediaType.CSV, ".tsv": MediaType.CSV}
_HTML_NAMES = frozenset({".html", ".htm", ".xhtml"})
_OTHER_NAMES = {
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
_MAIL = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9-]{0,60}:[^\n]*\n(?:[ \t][^\n]*\n)*){0,40}?"
    r"(?:Received|Return-Path|Message-ID|MIME-Version):",
    re.I,
)
"""A head of lines `Name: value` among which stands one that only programs write. RFC 5322, 2.2."""


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
        return _zip_kind(suffix, content)
    if head.startswith(_OLE):
        return _ole_kind(content)
    if head.startswith(b"{\\rtf"):
        return MediaType.RTF
    return _picture(head) or _text_kind(suffix, head)


def _is_pdf(suffix: str, head: bytes, content: bytes) -> bool:
    """A PDF may stand behind junk; a text that speaks of `%PDF-` is not one."""
    return head.startswith(b"%PDF-") or (b"%PDF-" in head[:1024] and (suffix == ".pdf" or b"endobj" in content))


def _picture(head: bytes) -> MediaType | None:
    if head.startswith(b"BM") and head[6:10] == b"\x00" * 4:
        return MediaType.BMP
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return MediaType.WEBP
    return next((kind for mark, kind in _PICTURES.items() if head.startswith(mark)), None)


def _zip_kind(suffix: str, content: bytes) -> MediaType:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            declared = _part(archive, "mimetype") if "mimetype" in names else b""
            types = _part(archive, "[Content_Types].xml") if "[Content_Types].xml" in names else b""
    except (KeyError, *ZIP_ERRORS) as error:
        raise _rejected("an archive, or an Office file, that is cut or broken") from error
    found = [kind for mark, kind in _OFFICE_PARTS.items() if mark in types]
    found += [kind for kind in _OPEN_KINDS if declared.strip() == kind.value.encode()]
    if found:
        return found[0]
    if types or declared:
        raise _rejected(_other_office(names))
    if suffix not in {".zip", ""}:
        raise _rejected(f"an archive under the name of a {suffix} file, or an Office file that is broken")
    return MediaType.ZIP


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        return part.read(_PART_BYTES_MAX)


def _other_office(names: list[str]) -> str:
    kinds = (kind for folder, kind in _OFFICE_FOLDERS.items() if any(name.startswith(folder) for name in names))
    return next(kinds, "a document of another program")


def _ole_kind(content: bytes) -> MediaType:
    """An old Office file by the streams at its root: what is embedded in it has streams of its own below."""
    from rag.parsing.compound import present  # with olefile, which most files do without

    try:
        is_locked, *found = present(content, "EncryptedPackage", *_OLE_STREAMS)
    except OSError as error:
        raise _rejected("a file of an old Office program that is cut or broken") from error
    if is_locked:
        raise DocumentRejected("the Office file is locked with a password; save it without one")
    for kind, is_present in zip(_OLE_STREAMS.values(), found, strict=True):
        if is_present:
            return kind
    raise _rejected("a file of an old Office program")


def _text_kind(suffix: str, head: bytes) -> MediaType:
    for mark, kind in _BINARY.items():
        if head.startswith(mark):
            raise _rejected(kind)
    text = _readable(head)
    if suffix in _OTHER_NAMES:
        raise _rejected(_OTHER_NAMES[suffix])
    if suffix == ".eml" or (suffix not in _BY_NAME and _MAIL.match(text)):
        return MediaType.EML
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
    return DocumentRejected(f"this is {kind}; {ACCEPTED} are read: convert it to one of these")
