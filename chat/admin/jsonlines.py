"""Files of JSON lines that people give: one object a line, in UTF-8."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chat.admin.outcomes import InputWrong


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
