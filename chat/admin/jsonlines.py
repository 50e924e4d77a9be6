"""JSON lines in UTF-8, one object a line: those that people give, that commands print, that the socket carries."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chat.admin.outcomes import InputWrong

_ENDS_A_LINE = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}
"""Characters that JSON allows in a text and that many readers take for the end of a line."""


def json_line(row: Mapping[str, Any]) -> str:
    """The object on one line, whatever its texts hold, with its line feed."""
    return json.dumps(row, ensure_ascii=False, default=str).translate(_ENDS_A_LINE) + "\n"


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object with the words that name its place; blank lines are skipped. Raises InputWrong."""
    with path.open("rb") as source:
        for number, line in enumerate(source, 1):
            if line.strip():
                where = f"{path} line {number}"
                yield where, _row(line, where)


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except ValueError as error:
        raise InputWrong(f"{where} is not JSON in UTF-8; write one object a line, or take the line out") from error
    if not isinstance(row, dict):
        raise InputWrong(f"{where} is a JSON {type(row).__name__}, expected an object; write one object a line")
    return row
