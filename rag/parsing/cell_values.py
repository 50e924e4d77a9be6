"""The value of a cell as its reader sees it, with percent signs, currencies and dates as its format says."""

import re
from datetime import date, datetime, time, timedelta

from openpyxl.styles.numbers import is_date_format

_CURRENCIES = "€$£¥"
_DIGITS = 15
"""What Excel keeps of a number; a float's further digits are those of the machine, not of the table."""
_QUOTED = re.compile(r'"[^"]*"|\\.')
_LOCALE = re.compile(r"\[\$([^]-]*)[^]]*\]")
"""`[$CHF-100C]` is francs as the Swiss write them, `[$-409]` no currency at all. ECMA-376 part 1, 18.8.31."""


def shown(value: object, form: str) -> str:
    """A value as a sheet shows it in this format, but for the grouping of digits; nothing for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        has_time = value.time() != time() or not is_date_format(form)
        return value.isoformat(" ", "minutes") if has_time else value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, int | float):
        return _number(value, form)
    return " ".join(str(value).split())


def _duration(value: timedelta) -> str:
    """Hours, minutes and seconds; a day is 24 hours, as in `[h]:mm:ss`."""
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _number(value: float, form: str) -> str:
    if "%" in _QUOTED.sub("", form):
        return f"{value * 100:.{_DIGITS}g} %"
    digits = f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)
    return f"{digits} {_unit(form)}".rstrip()


def _unit(form: str) -> str:
    """A currency, or a percent sign that is only written."""
    named = next((name.strip() for name in _LOCALE.findall(form) if name.strip()), "")
    return named or next((sign for sign in f"{_CURRENCIES}%" if sign in _LOCALE.sub("", form)), "")
