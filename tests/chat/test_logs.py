"""What is logged is told to operators: events and numbers, never what was asked, read or answered."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.logs import configure_logs, record, record_failure

SECRET = "the merger closes in May"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the logs go; what the process logged to before is put back."""
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    before = [(logger, logger.handlers[:], logger.propagate) for logger in loggers]
    written = io.StringIO()
    configure_logs(written)
    yield written
    for logger, handlers, propagate in before:
        logger.handlers[:] = handlers
        logger.propagate = propagate
    structlog.reset_defaults()


def fail(error: Exception) -> None:
    raise error


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_numbers_truths_and_words_of_ours_are_told(stream: io.StringIO) -> None:
    record("question_answered", total_ms=5300, refused=False, collection="0a1b", at=None)
    (line,) = lines(stream)
    assert line["event"] == "question_answered"
    assert (line["total_ms"], line["refused"], line["collection"], line["at"]) == (5300, False, "0a1b", None)
    assert line["level"] == "info"


@given(value=st.text(min_size=1).filter(lambda text: " " in text or not text.isascii()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_a_field_that_is_a_text_is_withheld(stream: io.StringIO, value: str) -> None:
    record("asked", question=value, parts=[value], names={"title": value})
    line = lines(stream)[-1]
    assert (line["question"], line["parts"], line["names"]) == ("<withheld>",) * 3


def test_a_failure_tells_its_type_and_place_and_not_its_message(stream: io.StringIO) -> None:
    try:
        fail(ValueError(SECRET))
    except ValueError as error:
        record_failure("question_failed", error, person=SECRET)
    (line,) = lines(stream)
    assert line["error"] == "ValueError"
    assert line["at"].startswith("test_logs.py:")
    assert "merger" not in stream.getvalue()


@pytest.mark.parametrize("name", ["chainlit", "socketio.server", "uvicorn.error", "a.library.of.tomorrow"])
def test_a_librarys_warning_loses_its_message_its_arguments_and_its_trace(stream: io.StringIO, name: str) -> None:
    logger = logging.getLogger(name)
    logger.disabled = False
    logger.setLevel(logging.DEBUG)
    try:
        fail(KeyError(SECRET))
    except KeyError:
        logger.exception("could not answer %s", SECRET, stack_info=True)
    logger.warning(SECRET)
    assert [line["error"] for line in lines(stream)] == ["KeyError", None]
    assert {line["library"] for line in lines(stream)} == {name}
    assert "merger" not in stream.getvalue()


def test_what_libraries_only_inform_of_is_not_told(stream: io.StringIO) -> None:
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    logging.getLogger("httpx").info(SECRET)
    assert stream.getvalue() == ""


@pytest.mark.parametrize("name", ["talkative", None])
def test_a_handler_that_was_there_before_hears_nothing_and_ours_does(stream: io.StringIO, name: str | None) -> None:
    """A library's own handler, and one that somebody hung on the root."""
    own = io.StringIO()
    logger = logging.getLogger(name)
    logger.addHandler(logging.StreamHandler(own))
    logger.propagate = False
    configure_logs(stream)
    logger.warning(SECRET)
    assert own.getvalue() == ""
    assert [line["event"] for line in lines(stream)] == ["library_warned"]


def test_no_event_carries_anything_but_ascii_letters_of_ours(stream: io.StringIO) -> None:
    record("x", reason="a" * 121, path="two words", newline="a\nb", nothing="")
    (line,) = lines(stream)
    assert (line["reason"], line["path"], line["newline"]) == ("<withheld>",) * 3
    assert line["nothing"] == ""
