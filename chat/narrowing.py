"""A filter as a person writes it in the settings of a conversation, and as the page says it again."""

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from typing import Any

from rag.errors import FilterWrong
from rag.facets import DocumentType
from rag.retrieval.filters import Filter, read_filter

AFTER, BEFORE, TYPES, FOLDERS = FIELDS = ("after", "before", "types", "folders")
FOLDER_SHOWN = 60
_DECEMBER = 12
_NUMBERS = re.compile(r"\d+")
_WRITTEN = re.compile(r"\d{4}(?:-\d{1,2}){0,2}|(?:\d{1,2}[/. ]){0,2}\d{4}")


def read_written(settings: Mapping[str, Any]) -> Filter:
    """What the fields of the settings narrow to; those that are missing or empty, nothing. Raises FilterWrong."""
    return read_filter(
        {
            AFTER: day_written(settings.get(AFTER) or "", is_last=False),
            BEFORE: day_written(settings.get(BEFORE) or "", is_last=True),
            TYPES: settings.get(TYPES) or (),
            FOLDERS: [part for part in (settings.get(FOLDERS) or "").split(";") if part.strip()],
        }
    )


def day_written(written: str, *, is_last: bool) -> str:
    """A day in ISO form: `31/12/2024`, `12/2024`, `2024`, or the parts from the year on; "" for none.

    Of a year or a month alone it is the first day, or the last. Raises FilterWrong.
    """
    written = written.strip()
    if not written:
        return ""
    numbers = [int(number) for number in _NUMBERS.findall(written)] if _WRITTEN.fullmatch(written) else []
    if written[-4:].isdecimal():
        numbers.reverse()
    try:
        year, *rest = numbers
        month = rest[0] if rest else (_DECEMBER if is_last else 1)
        day = rest[1] if rest[1:] else (monthrange(year, month)[1] if is_last else 1)
        return date(year, month, day).isoformat()
    except ValueError as error:
        raise FilterWrong(f"{written!r} is no day; write it as 31/12/2024, 12/2024 or 2024") from error


def filter_told(within: Filter, words: Mapping[str, Any]) -> str:
    """What passes, in the person's language: not Markdown, folders as they wrote them."""
    days = [words[f"filter_{name}"].format(day=day.strftime(words["date"])) for name, day in _days(within)]
    types = [words["types"][kind.value] for kind in DocumentType if kind in within.types]
    folders = [words["filter_folder"].format(folder=folder[:FOLDER_SHOWN]) for folder in within.folders]
    return ", ".join((*days, *types, *folders))


def _days(within: Filter) -> list[tuple[str, date]]:
    return [(name, day) for name, day in ((AFTER, within.after), (BEFORE, within.before)) if day]
