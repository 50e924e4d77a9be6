"""Logs for operators: events with fields, past tense, one JSON object a line, never content.

A field is a number, a truth, an id or a word of ours; anything else is withheld. What libraries log is reduced to who
logged, how grave it was, and which error at which line: their messages may quote what was asked or answered.
"""

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_WORD = re.compile(r"[\w.:/@+=,-]{0,120}", re.ASCII)
_FIELDS_OF_OURS = frozenset({"event", "level", "timestamp"})


def configure_logs(stream: TextIO | None = None) -> None:
    """Send our events, and what is left of the libraries' warnings, to `stream` (standard error by default)."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _withhold,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_LibraryHandler(logging.WARNING)]
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


def record(event: str, **fields: object) -> None:
    """Log an event, such as `record("question_answered", total_ms=5300)`."""
    structlog.get_logger().info(event, **fields)


def record_failure(event: str, error: BaseException, **fields: object) -> None:
    """Log an error by its type and the place that raised it; its message may hold content."""
    structlog.get_logger().error(event, error=type(error).__name__, at=_place(error), **fields)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""


def _withhold(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in fields.items():
        is_plain = value is None or isinstance(value, bool | int | float)
        if name not in _FIELDS_OF_OURS and not is_plain and not (isinstance(value, str) and _WORD.fullmatch(value)):
            fields[name] = "<withheld>"
    return fields


class _LibraryHandler(logging.Handler):
    """Turns a library's log record into an event without its message."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().warning(
            "library_warned",
            library=record.name,
            gravity=record.levelname.lower(),
            line=f"{record.module}:{record.lineno}",
            error=type(error).__name__ if error else None,
        )
