"""What runs inside the sandbox: one file in on standard input, one JSON value or PNG out on standard output."""

import base64
import importlib
import json
import sys
from dataclasses import asdict, replace
from typing import Any

from rag.confinement import Limits, confine
from rag.documents import ParsedDocument
from rag.errors import DocumentEmpty, DocumentRejected
from rag.parsing.encoding import clean
from rag.parsing.filetypes import MediaType, detect

TITLE_CHARACTERS_MAX = 300
_PARSERS = {
    MediaType.PDF: ("rag.parsing.pdf", "parse"),
    MediaType.DOCX: ("rag.parsing.office", "parse"),
    MediaType.HTML: ("rag.parsing.html", "parse"),
    MediaType.MARKDOWN: ("rag.parsing.markdown", "parse"),
    MediaType.TEXT: ("rag.parsing.text", "parse_text"),
    MediaType.CSV: ("rag.parsing.text", "parse_csv"),
}


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
    document = _cleaned(getattr(importlib.import_module(module), function)(data))
    if not document.blocks:
        raise DocumentEmpty("the file holds no text")
    modified = document.modified_at.isoformat() if document.modified_at else None
    return {"media_type": media_type, "document": asdict(document) | {"modified_at": modified}}


def _cleaned(document: ParsedDocument) -> ParsedDocument:
    blocks = (replace(block, text=clean(block.text)) for block in document.blocks)
    kept = tuple(block for block in blocks if block.text)
    return replace(document, title=clean(document.title)[:TITLE_CHARACTERS_MAX], blocks=kept)


def _render(data: bytes, task: dict[str, Any]) -> dict[str, Any]:
    from rag.parsing.pdf import render

    return {"png": base64.b64encode(render(data, task["page"], task["width_px"])).decode()}


if __name__ == "__main__":
    main()
