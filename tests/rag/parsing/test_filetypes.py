"""A file is what its content says."""

import io
import zipfile

import pytest

from rag.errors import DocumentEmpty, DocumentRejected
from rag.parsing.filetypes import MediaType, detect
from tests.rag.parsing.old_office import compound

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"

SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
SLIDES = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"


def old_office(stream: str) -> bytes:
    return compound({stream: b"words"})


def packed(**parts: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name.replace("__", "/"), text)
    return out.getvalue()


def office(folder: str, kind: str) -> bytes:
    return packed(**{"[Content_Types].xml": f'<Override ContentType="{kind}"/>', f"{folder}__a.xml": "<a/>"})


@pytest.mark.parametrize(
    ("suffix", "content", "expected"),
    [
        (".txt", b"%PDF-1.7\n", MediaType.PDF),
        (".pdf", b"junk" * 100 + b"%PDF-1.4", MediaType.PDF),
        (".txt", b"A file begins with %PDF- and ends with %%EOF.", MediaType.TEXT),
        (".pdf", office("word", WORD), MediaType.DOCX),
        (".md", b"<!DOCTYPE html><p>x", MediaType.HTML),
        (".csv", b"\xef\xbb\xbf <!-- saved --> <html>", MediaType.HTML),
        (".txt", b"How to write <html> by hand", MediaType.TEXT),
        (".html", b"no tag at all", MediaType.HTML),
        (".md", b"# Title", MediaType.MARKDOWN),
        (".tsv", b"a\tb", MediaType.CSV),
        (".txt", "é".encode("utf-16"), MediaType.TEXT),
        (".rst", b"Title\n=====", MediaType.TEXT),
        (".yaml", b"key: value", MediaType.TEXT),
        (".py", b"MZ = 1", MediaType.TEXT),
        ("", b"plain", MediaType.TEXT),
        (".txt", b"{\\rtf1", MediaType.RTF),
        (".eml", b"Subject: x", MediaType.EML),
        (".txt", b"Received: from a\r\n\tby b\r\nSubject: x\r\n\r\nHello", MediaType.EML),
        (".txt", b"Subject: a text that begins like a mail", MediaType.TEXT),
        (".doc", old_office("WordDocument"), MediaType.DOC),
        (".doc", old_office("Workbook"), MediaType.XLS),
        ("", old_office("PowerPoint Document"), MediaType.PPT),
        (".eml", old_office("__properties_version1.0"), MediaType.MSG),
        (".zip", packed(**{"a.txt": "x"}), MediaType.ZIP),
        (".zip", office("xl", SHEET), MediaType.XLSX),
        (".docx", office("ppt", SLIDES), MediaType.PPTX),
        (".zip", packed(mimetype="application/vnd.oasis.opendocument.text"), MediaType.ODT),
        (".odt", packed(mimetype="application/vnd.oasis.opendocument.spreadsheet"), MediaType.ODS),
        (".odp", packed(mimetype="application/vnd.oasis.opendocument.presentation"), MediaType.ODP),
        (".epub", packed(mimetype="application/epub+zip"), MediaType.EPUB),
        (".txt", b"\x89PNG\r\n\x1a\n", MediaType.PNG),
        (".pdf", b"\xff\xd8\xff\xe0", MediaType.JPEG),
        ("", b"II*\x00", MediaType.TIFF),
        ("", b"BM\x00\x00\x00\x01\x00\x00\x00\x00", MediaType.BMP),
        ("", b"RIFF\x00\x00\x00\x00WEBP", MediaType.WEBP),
    ],
)
def test_the_content_decides_and_the_name_tells_kinds_of_text_apart(
    suffix: str, content: bytes, expected: MediaType
) -> None:
    assert detect(suffix, content) is expected


@pytest.mark.parametrize(
    ("suffix", "content", "kind"),
    [
        (".docx", office("xl", "spreadsheet"), "a binary Excel workbook"),
        (".docx", office("ppt", "slides"), "a PowerPoint template"),
        (".docx", office("word", "macros"), "a Word file with macros"),
        (".docx", packed(**{"word__document.xml": "<a/>"}), "an archive under the name of a .docx file"),
        (".docx", b"PK\x03\x04 word/document.xml", "an archive, or an Office file, that is cut"),
        (".doc", old_office("Contents"), "a file of an old Office program"),
        (".doc", b"\xd0\xcf\x11\xe0" + bytes(600), "a file of an old Office program that is cut"),
        (".txt", b"\x7fELF\x02", "a program"),
        (".pdf", b"MZ\x90\x00\x03", "a binary file"),
        (".txt", bytes(range(1, 32)) * 20, "a binary file"),
        (".txt", "text".encode("utf-16-le"), "a binary file"),
        (".json", b"[[[", "a JSON file"),
        (".txt", b"<?xml version='1.0'?><a/>", "an XML file"),
        (".svg", b"<svg>", "an XML file"),
    ],
)
def test_what_is_not_read_is_named_with_what_is(suffix: str, content: bytes, kind: str) -> None:
    with pytest.raises(DocumentRejected, match=f"this is {kind}.*PDF, Word, .* are read"):
        detect(suffix, content)


def test_a_locked_office_file_is_told_from_an_old_one() -> None:
    with pytest.raises(DocumentRejected, match="locked with a password"):
        detect(".docx", old_office("EncryptedPackage"))


def test_an_old_office_file_is_what_stands_at_its_root_in_whatever_case() -> None:
    embedded = compound({"MBD01": {"WordDocument": b"words"}, "Workbook": b"words"})
    assert detect(".xls", embedded) is MediaType.XLS
    assert detect(".doc", old_office("WORDDOCUMENT")) is MediaType.DOC


def test_an_empty_file_is_empty_whatever_its_name() -> None:
    with pytest.raises(DocumentEmpty):
        detect(".pdf", b"")
