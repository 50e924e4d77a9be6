"""What a reader does once it was forked: one file in on standard input, one JSON value or PNG out on standard output.

Files inside the file are left in the child's own folder, numbered.
"""

import base64
import importlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, astuple, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from rag.confinement import Limits, confine
from rag.documents import ParsedDocument
from rag.errors import DocumentEmpty, DocumentRejected, PagesScanned
from rag.parsing.encoding import clean, tagged
from rag.parsing.filetypes import IMAGES, SCANNABLE, MediaType, detect
from rag.parsing.marks import Marks
from rag.parsing.scanned import ReadLine
from rag.parsing.suspicion import signs

TITLE_CHARACTERS_MAX = 300
SCANNED_FILE = "scanned.json"
"""Where the parent leaves the lines that were read of pages."""
MEMBER_FILE = "member-{number}"
"""Where a file inside the file is left for the parent, in the child's folder: never under its own name."""
_PARSERS = {
    MediaType.PDF: ("pdf", "parse"),
    MediaType.DOCX: ("word", "parse"),
    MediaType.XLSX: ("workbook", "parse"),
    MediaType.PPTX: ("extractor", "parse_pptx"),
    MediaType.DOC: ("old_word", "parse"),
    MediaType.PPT: ("old_slides", "parse"),
    MediaType.XLS: ("old_workbook", "parse"),
    MediaType.RTF: ("extractor", "parse_rtf"),
    MediaType.ODT: ("opendocument", "parse"),
    MediaType.ODS: ("opendocument", "parse"),
    MediaType.ODP: ("opendocument", "parse"),
    MediaType.EPUB: ("epub", "parse"),
    MediaType.EML: ("mail", "parse"),
    MediaType.MSG: ("outlook", "parse"),
    MediaType.ZIP: ("archive", "parse"),
    MediaType.HTML: ("html", "parse"),
    MediaType.MARKDOWN: ("markdown", "parse"),
    MediaType.TEXT: ("text", "parse_text"),
    MediaType.CSV: ("text", "parse_csv"),
    **dict.fromkeys(IMAGES, ("picture", "parse")),
}
"""Module and function of `rag.parsing` that read a format."""
_OTHER_NAMES = {
    "MD": MediaType.MARKDOWN,
    "HTM": MediaType.HTML,
    "TSV": MediaType.CSV,
    "JPG": MediaType.JPEG,
    "TIF": MediaType.TIFF,
}
"""Endings of names that are not called as their format is here."""
_IMPORTED_LATE = (
    "_strptime",
    "encodings.cp1252",
    "encodings.cp437",
    "encodings.utf_16_le",
    "encodings.utf_8_sig",
    "heapq",
)
"""What Python imports when it is first used: 5 to 20 ms a file."""
_TEMPLATE_DATE = datetime(2013, 12, 23, 23, 15, tzinfo=UTC)
"""Of python-docx's own template: programs that write with it seldom change it, so it says nothing of the document."""


def warm(task: Mapping[str, Any]) -> None:
    """Import what a file of that name is read with: whoever is forked after this need not."""
    name = task["suffix"].removeprefix(".").upper()
    media_type = _OTHER_NAMES.get(name) or MediaType.__members__.get(name, MediaType.TEXT)
    for module in (f"rag.parsing.{_PARSERS[media_type][0]}", *_IMPORTED_LATE):
        importlib.import_module(module)


def read(task: Mapping[str, Any], parent: int) -> NoReturn:
    """Do a task and write its outcome; a refusal is an outcome, not a crash."""
    readable = [Path(task["tessdata"])] if "tessdata" in task else []
    confined = confine(Limits(**task["limits"]), parent, Path.cwd(), readable)
    data = sys.stdin.buffer.read()
    try:
        outcome = asdict(confined) if task["do"] == "probe" else _TASKS[task["do"]](data, task)
    except PagesScanned as error:
        outcome = {"scanned": error.pages}
    except DocumentEmpty as error:
        outcome = {"empty": str(error)}
    except DocumentRejected as error:
        outcome = {"rejected": str(error)}
    sys.stdout.write(json.dumps(outcome, default=str))
    sys.stdout.flush()
    os._exit(0)  # what libraries left running must not meet an interpreter that is being taken down: 2 in 100 crashed


def _parse(data: bytes, task: Mapping[str, Any]) -> dict[str, Any]:
    media_type = detect(task["suffix"], data)
    module, function = _PARSERS[media_type]
    parse = getattr(importlib.import_module(f"rag.parsing.{module}"), function)
    document = _cleaned(parse(data, _scanned()) if media_type in SCANNABLE else parse(data))
    if not document.blocks and not document.members:
        raise DocumentEmpty("the file holds no text")
    about = {
        "signs": sorted(signs((document.title, *(block.text for block in document.blocks)))),
        "hidden_signs": sorted(signs(document.hidden)),
        "title": document.title,
        "pages": document.pages,
        "modified_at": document.modified_at.isoformat() if document.modified_at else None,
        "blocks": [asdict(block) for block in document.blocks],
        "members": [member.name for member in document.members],
        "unread": document.unread,
    }
    for number, member in enumerate(document.members):
        Path(MEMBER_FILE.format(number=number)).write_bytes(member.data)
    return {"media_type": media_type, "document": about}


def _scanned() -> dict[int, list[ReadLine]] | None:
    """The lines that were read of pages, where the parent has left some."""
    path = Path(SCANNED_FILE)
    if not path.exists():
        return None
    return {int(page): [ReadLine(*line) for line in lines] for page, lines in json.loads(path.read_text()).items()}


def _read_scans(data: bytes, task: Mapping[str, Any]) -> dict[str, Any]:
    """Lines of pages, each as the fields of a ReadLine; pages that could not be read are left out."""
    reader = _pages_of(detect(task["suffix"], data))
    tessdata = Path(task["tessdata"])
    found = {page: reader.read_scan(data, page, tessdata) for page in task["pages"]}
    return {"lines": {page: [astuple(line) for line in lines] for page, lines in found.items() if lines is not None}}


def _render(data: bytes, task: Mapping[str, Any]) -> dict[str, Any]:
    reader = _pages_of(detect(task["suffix"], data))
    marks, is_strip = Marks(**task["marks"]), task["is_strip"]
    picture = reader.render(data, task["page"], task["width_px"], marks, is_strip=is_strip)
    return {"png": base64.b64encode(picture).decode()}


def _pages_of(media_type: MediaType) -> Any:
    """The module that knows a format's pages as pictures."""
    return importlib.import_module(f"rag.parsing.{_PARSERS[media_type][0]}")


def _cleaned(document: ParsedDocument) -> ParsedDocument:
    tags = tuple(filter(None, (tagged(block.text) for block in document.blocks)))
    blocks = (replace(block, text=clean(block.text)) for block in document.blocks)
    modified = document.modified_at
    if modified is not None and modified.tzinfo is None:
        modified = modified.replace(tzinfo=UTC)
    return replace(
        document,
        title=clean(document.title)[:TITLE_CHARACTERS_MAX],
        blocks=tuple(block for block in blocks if block.text),
        modified_at=None if modified == _TEMPLATE_DATE else modified,
        hidden=document.hidden + tags,
    )


_TASKS = {"parse": _parse, "ocr": _read_scans, "render": _render}
