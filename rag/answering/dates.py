"""Dates of a text, in the forms of French and English; a part of a date stands in the whole of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rag.answering.sentences import level

_NAMES = {
    1: "january jan janvier janv",
    2: "february feb fevrier fevr fev",
    3: "march mar mars",
    4: "april apr avril avr",
    5: "may mai",
    6: "june jun juin",
    7: "july jul juillet juil",
    8: "august aug aout",
    9: "september sept sep septembre",
    10: "october oct octobre",
    11: "november nov novembre",
    12: "december dec decembre",
}
_MONTHS = {name: month for month, names in _NAMES.items() for name in names.split()}
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?P<year>1\d{3}|20\d{2}|21\d{2})"
_SPELLED = (
    rf"\b{_DAY}(?:er|st|nd|rd|th)?(?: of)? {_MONTH}(?:,? {_YEAR}\b)?",
    rf"\b{_MONTH} {_DAY}(?:st|nd|rd|th)?\b(?!,\d)(?:,? {_YEAR}\b)?",
    rf"\b{_MONTH},? {_YEAR}\b",
)
_FIGURES = (
    r"\b(?P<year>\d{4})-(?P<second>\d{1,2})-(?P<first>\d{1,2})\b",
    r"\b(?P<first>\d{1,2})(?P<mark>[/.-])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4})\b",
)
_PATTERNS = tuple(re.compile(pattern) for pattern in (*_FIGURES, *_SPELLED))
_DIGIT = re.compile(r"\d")
_WORDS_TOO = ("may", "march", "mar")
"""English months that are other words in small letters."""
_MONTHS_OF_A_YEAR, _DAYS_MAX = 12, 31


@dataclass(frozen=True, slots=True)
class Date:
    """A date at `start` to `end` of a text; `days` are its readings as (month, day), None where it names no day."""

    text: str
    start: int
    end: int
    year: int | None
    days: frozenset[tuple[int, int | None]]

    @property
    def figures(self) -> frozenset[int]:
        """The numbers that the date holds, whatever its form."""
        days = {day for _, day in self.days if day}
        return frozenset(days | ({self.year} if self.year else set()))


def dates(text: str) -> tuple[Date, ...]:
    """Every date of a text that names a month, in order; a year alone is a number."""
    if not _DIGIT.search(text):
        return ()
    levelled = level(text)
    found: list[Date] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(levelled):
            date = _date(text, match)
            if date and not any(date.start < other.end and other.start < date.end for other in found):
                found.append(date)
    return tuple(sorted(found, key=lambda date: date.start))


def is_in(claimed: Date, held: Date, years: Iterable[int] = ()) -> bool:
    """Whether the one date says all that is claimed; a year it leaves out may be one of `years`, written above it."""
    if claimed.year and claimed.year != held.year and (held.year or claimed.year not in years):
        return False
    return any(
        month == other and (day is None or day == its) for month, day in claimed.days for other, its in held.days
    )


def _date(text: str, match: re.Match[str]) -> Date | None:
    parts = match.groupdict()
    if parts.get("month") in _WORDS_TOO and text[match.start("month")].islower():
        return None
    year = int(parts["year"]) if parts.get("year") else None
    days = _spelled(parts) if parts.get("month") else _in_figures(parts)
    return Date(text[match.start() : match.end()], *match.span(), year, days) if days else None


def _spelled(parts: dict[str, str | None]) -> frozenset[tuple[int, int | None]]:
    day = parts.get("day")
    return frozenset({(_MONTHS[str(parts["month"])], int(day) if day else None)})


def _in_figures(parts: dict[str, str | None]) -> frozenset[tuple[int, int | None]]:
    """Day before month, as here; or the other way round where the two can be exchanged, except after the year."""
    first, second = int(str(parts["first"])), int(str(parts["second"]))
    both = {(second, first)} if "mark" not in parts else {(second, first), (first, second)}
    return frozenset((month, day) for month, day in both if 1 <= month <= _MONTHS_OF_A_YEAR and 1 <= day <= _DAYS_MAX)
