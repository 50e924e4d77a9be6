"""What a server says of a file that changes whenever the file does, and when that was."""

from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

UNSETTLED_SECONDS = 120.0
"""A date in whole seconds tells nothing of a file that changed so shortly before, by a clock that is not ours."""


def version_of(etag: str, modified: str, size: int) -> str:
    """A strong ETag, or a date that is past, with the size; empty where neither is there."""
    if etag and not etag.startswith("W/"):
        return f"{etag} {modified} {size}"
    date = http_date(modified)
    return f"{modified} {size}" if date is not None and is_settled(date, UNSETTLED_SECONDS) else ""


def is_settled(date: datetime, seconds: float) -> bool:
    """Whether a date is so long ago that no further change can have it."""
    return (datetime.now(UTC) - date).total_seconds() >= seconds


def http_date(text: str) -> datetime | None:
    """A date as HTTP and mail write it; None for what is none."""
    with suppress(ValueError, TypeError, OverflowError):
        found = parsedate_to_datetime(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
