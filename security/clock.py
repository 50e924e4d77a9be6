"""The one seam through which time enters."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present moment, with its time zone."""


def utc_now() -> datetime:
    """Give the present moment in UTC."""
    return datetime.now(UTC)
