"""What runs inside the sandbox: one file in on standard input, one JSON value or PNG out on standard output.

Files inside the file are left in the child's own folder, numbered.
"""

import base64
import importlib
import json
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.confinement import Limits, confine
from rag.documents import ParsedDocument
from rag.errors import DocumentEmpty, DocumentRejected
from rag.parsing.encoding import clean
from rag.parsing.filetypes import MediaType, detect

TITLE_CHARACTERS_MAX = 300
MEMBER_FILE = "member-{number}"
"""Where a file inside the file is left for the parent, in the child's folder: never under its own name."""
_PARSERS = {
    MediaType.PDF: ("pdf", "parse"),
    MediaType.DOCX: ("word", "parse"),
    MediaType.XLSX: ("workbook", "parse"),
    MediaType.PPTX: ("extractor", "parse_pptx"),
    MediaType.DOC: ("extractor", "parse_doc"),
    MediaType.PPT: ("extractor", "parse_ppt"),
    MediaType.XLS: ("extractor", "parse_xls"),
    MediaType.RTF: ("extractor", "parse_rtf"),
    MediaType.ODT: ("opendocument", "parse"),
    MediaType.ODS: ("opendocument", "parse"),
    MediaType.ODP: ("opendocument", "parse"),
    MediaType.EPUB: ("epub", "parse"),
    MediaType.EML: ("mail", "parse_eml"),
    MediaType.MSG: ("mail", "parse_msg"),
    MediaType.ZIP: ("archive", "parse"),
    MediaType.HTML: ("html", "parse"),
    MediaType.MARKDOWN: ("markdown", "parse"),
    MediaType.TEXT: ("text", "parse_text"),
    MediaType.CSV: ("text", "parse_csv"),
}
"""Module and function of `rag.parsing` that read a format."""
_TEMPLATE_DATE = datetime(2013, 12, 23, 23, 15, tzinfo=UTC)
"""Of python-docx's own template: programs that write with it seldom change it, so it says nothing of the document."""


def main() -> None:
    """Read the task named in the arguments and write its outcome; a refusal is an outcome, not a crash."""
    task = json.loads(sys.argv[1])
    confine(Limits(**task["limits"]), task["parent"])
    data = sys.stdin.buffer.read()
    try:
        outcome = _parse(task["suffix"], data) if task["do"] == "parse" else _render(data, task)
    except DocumentEmpty as error:
        outcome = {"empty": str(error)}
    except DocumentRejected as error:
        outcome = {"rejected": str(error)}
    sys.stdout.write(json.dumps(outcome, default=str))


def _parse(suffix: str, data: bytes) -> dict[str, Any]:
    media_type = detect(suffix, data)
    module, function = _PARSERS[media_type]
    document = _cleaned(getattr(importlib.import_module(f"rag.parsing.{module}"), function)(data))
    if not document.blocks and not document.members:
        raise DocumentEmpty("the file holds no text")
    about = {
        "title": document.title,
        "pages": document.pages,
        "modified_at": document.modified_at.isoformat() if document.modified_at else None,
        "blocks": [asdict(block) for block in document.blocks],
        "members": [member.name for member in document.members],
    }
    for number, member in enumerate(document.members):
        Path(MEMBER_FILE.format(number=number)).write_bytes(member.data)
    return {"media_type": media_type, "document": about}


def _cleaned(document: ParsedDocument) -> ParsedDocument:
    blocks = (replace(block, text=clean(block.text)) for block in document.blocks)
    modified = document.modified_at
    if modified is not None and modified.tzinfo is None:
        modified = modified.replace(tzinfo=UTC)
    return replace(
        document,
        title=clean(document.title)[:TITLE_CHARACTERS_MAX],
        blocks=tuple(block for block in blocks if block.text),
        modified_at=None if modified == _TEMPLATE_DATE else modified,
    )


def _render(data: bytes, task: dict[str, Any]) -> dict[str, Any]:
    from rag.parsing.pdf import render

    return {"png": base64.b64encode(render(data, task["page"], task["width_px"])).decode()}


if __name__ == "__main__":
    main()
