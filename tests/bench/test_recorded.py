"""Drafts are written once, kept, and given again; none is written where none may be."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.recorded import NotRecordedError, Recorded
from models.chat_format import Message
from models.generation import Done, GenerationEvent, GenerationRequest, Started, Token

REQUEST = GenerationRequest((Message("user", "Why?"),), 10)


class Counting:
    """Writes the same answer each time, and counts how often it was asked."""

    model_name, context_tokens = "counting", 100

    def __init__(self) -> None:
        self.asked = 0

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        self.asked += 1
        yield Started(3)
        yield Token("Be")
        yield Token("cause.")
        yield Done("stop", 3, 2, 5.0, (-0.5, -0.25) if request.logprobs else ())


def written(recorded: Recorded, request: GenerationRequest = REQUEST) -> tuple[str, Done]:
    *events, done = recorded.generate(request, threading.Event())
    assert isinstance(done, Done)
    return "".join(event.text for event in events if isinstance(event, Token)), done


def test_a_draft_is_written_once_and_given_again_by_another_run(tmp_path: Path) -> None:
    generator, path = Counting(), tmp_path / "records"
    first = written(Recorded(generator, path))
    again = written(Recorded(generator, path, fill=False))
    assert generator.asked == 1
    assert again == first == ("Because.", Done("stop", 3, 2, 5.0, (-0.5, -0.25)))


def test_another_request_is_another_draft_and_a_line_cut_short_is_none(tmp_path: Path) -> None:
    generator, path = Counting(), tmp_path / "records"
    written(Recorded(generator, path))
    other = GenerationRequest((Message("user", "When?"),), 10)
    with pytest.raises(NotRecordedError):
        written(Recorded(generator, path, fill=False), other)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(NotRecordedError):
        written(Recorded(generator, path, fill=False))
