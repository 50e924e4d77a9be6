"""How each request went is told at its end, whatever the end is."""

import threading
from collections.abc import Iterator

import pytest

from models.errors import EngineAway, EngineBusy, ModelError, RequestTooLong
from models.generation import Done, GenerationEvent, GenerationRequest, Started, Token, Waiting
from models.watched import Course, Watched


class Scribe:
    """A generator that gives these events, or fails."""

    model_name, context_tokens = "scribe", 100

    def __init__(self, *events: GenerationEvent | ModelError) -> None:
        self._events = events

    def count_tokens(self, text: str) -> int:
        return len(text)

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        for event in self._events:
            if isinstance(event, ModelError):
                raise event
            yield event


def _courses(*events: GenerationEvent | ModelError, stop_after: int | None = None) -> list[Course]:
    told: list[Course] = []
    watched = Watched(Scribe(*events), told.append)
    assert (watched.model_name, watched.context_tokens, watched.count_tokens("ab")) == ("scribe", 100, 2)
    given = watched.generate(GenerationRequest((), 5), threading.Event())
    try:
        for count, _ in enumerate(given, 1):
            if count == stop_after:
                given.close()  # type: ignore[attr-defined]  # a generator
                break
    except ModelError:
        pass
    return told


def test_an_answer_is_told_with_its_times_and_tokens() -> None:
    (course,) = _courses(Waiting(1), Started(30, 20), Token("a"), Token("b"), Done("stop", 30, 2, 1.0))
    assert (course.outcome, course.prompt_tokens, course.kept_tokens, course.answer_tokens) == ("stop", 30, 20, 2)
    assert course.waited is not None
    assert course.first_token is not None
    assert course.waited <= course.first_token
    assert course.token is not None
    assert course.token >= 0


@pytest.mark.parametrize(
    ("error", "outcome"), [(EngineBusy("x"), "busy"), (RequestTooLong("x"), "too_long"), (EngineAway("x"), "failed")]
)
def test_a_failure_is_told_by_its_kind(error: ModelError, outcome: str) -> None:
    (course,) = _courses(error)
    assert (course.outcome, course.waited, course.token) == (outcome, None, None)


def test_one_who_goes_away_is_told_as_cancelled_once() -> None:
    (course,) = _courses(Started(30), Token("a"), Token("b"), stop_after=2)
    assert course.outcome == "cancelled"
