"""What a file is, by its content; the name only tells kinds of text apart."""

from enum import StrEnum
from pathlib import PurePath

from rag.errors import DocumentRejected

ACCEPTED = "PDF, DOCX, HTML, Markdown, plain text and CSV"


class MediaType(StrEnum):
    """The formats read so far."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    TEXT = "text/plain"
    CSV = "text/csv"


_BINARY = {
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"{\\rtf": "an RTF file",
}
_BY_NAME = {".md": MediaType.MARKDOWN, ".markdown": MediaType.MARKDOWN, ".csv": MediaType.CSV, ".tsv": MediaType.CSV}
_TEXT_NAMES = frozenset({".txt", ".text", ".log", ""})
_HTML_MARKS = (b"<!doctype html", b"<html", b"<head", b"<body")
_HTML_NAMES = frozenset({".html", ".htm", ".xhtml"})
HEAD_BYTES = 4096


def detect(name: str, content: bytes) -> MediaType:
    """The format of a file; raises DocumentRejected with a sentence that says what is accepted."""
    head = content[:HEAD_BYTES]
    suffix = PurePath(name).suffix.lower()
    if b"%PDF-" in head[:1024]:
        return MediaType.PDF
    if head.startswith(b"PK"):
        return _zip_kind(content)
    for mark, kind in _BINARY.items():
        if head.startswith(mark):
            raise _rejected(kind)
    return _text_kind(suffix, head)


def _zip_kind(content: bytes) -> MediaType:
    if b"word/document.xml" in content:
        return MediaType.DOCX
    raise _rejected("an archive or another Office format")


def _text_kind(suffix: str, head: bytes) -> MediaType:
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _rejected("a binary file")
    if suffix in _BY_NAME:
        return _BY_NAME[suffix]
    is_marked = any(mark in head.lower() for mark in _HTML_MARKS)
    if suffix in _HTML_NAMES or (suffix in _TEXT_NAMES and is_marked):
        return MediaType.HTML
    if suffix in _TEXT_NAMES:
        return MediaType.TEXT
    raise _rejected(f"a {suffix} file")


def _rejected(kind: str) -> DocumentRejected:
    return DocumentRejected(f"this is {kind}; {ACCEPTED} are read so far: convert it to one of these")
