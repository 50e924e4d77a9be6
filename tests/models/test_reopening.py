"""A generator over weights that come and go: it never stops who asks, and answers once they are there."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import models.reopening
from models.chat_format import Message
from models.errors import EngineAway, EngineBusy, EngineFailed, ModelError, WeightsCorrupt, WeightsMissing
from models.figures import Figures
from models.generation import Done, GenerationEvent, GenerationRequest, Token
from models.generator import LlamaGenerator, open_generator
from models.reopening import ReopeningGenerator

ASKED = GenerationRequest((Message("user", "Say yes."),), 2)


class Weights:
    """Weights that are there or not, and what opens them, as a whole engine over them does."""

    model_name, context_tokens = "weights", 512
    figures = Figures(0, 0, 1)

    def __init__(self) -> None:
        self.error: ModelError | OSError | None = WeightsMissing(
            "weights x.gguf are not here; run `huisclos models pull`"
        )
        self.failing: ModelError | None = None
        self.tries = self.closed = 0
        self.forgotten: list[tuple[str, str]] = []

    def open(self) -> "Weights":
        self.tries += 1
        if self.error:
            raise self.error
        return self

    def remembers(self, person: str, conversation: str) -> bool:
        return (person, conversation) == ("anna", "talk") and not self.forgotten

    def forget(self, person: str, conversation: str = "") -> None:
        self.forgotten.append((person, conversation))

    def count_tokens(self, text: str) -> int:
        if self.failing:
            raise self.failing
        return len(text.split())

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        if self.failing:
            raise self.failing
        yield Token("yes")
        yield Done("cancelled" if cancelled.is_set() else "stop", 3, 1, 1.0)

    def close(self) -> None:
        self.closed += 1


class Log(list[tuple[str, dict[str, object]]]):
    """What was told, in order."""

    def tell(self, event: str, **fields: object) -> None:
        self.append((event, fields))


@pytest.fixture
def weights() -> Weights:
    return Weights()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def generator(weights: Weights, log: Log) -> ReopeningGenerator:
    return ReopeningGenerator(weights.open, log.tell)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    clock = Clock()
    monkeypatch.setattr(models.reopening, "time", clock)
    return clock


class Clock:
    """The time as a test has it."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def answer(generator: ReopeningGenerator) -> list[GenerationEvent]:
    return list(generator.generate(ASKED, threading.Event()))


def test_while_the_weights_are_away_the_reason_is_raised_and_told_with_what_to_do(
    generator: ReopeningGenerator, log: Log
) -> None:
    with pytest.raises(EngineAway, match="are not here; run `huisclos models pull`"):
        answer(generator)
    assert generator.look() == "weights x.gguf are not here; run `huisclos models pull`"
    assert generator.is_away
    assert log == [("model_away", {"error": "WeightsMissing"})]


def test_once_they_are_there_the_next_request_after_the_pause_is_answered(
    generator: ReopeningGenerator, weights: Weights, log: Log, clock: Clock
) -> None:
    assert generator.look()
    weights.error = None
    clock.now += models.reopening.REOPEN_SECONDS - 0.01
    with pytest.raises(EngineAway):
        answer(generator)
    assert weights.tries == 1
    clock.now += 0.02
    assert answer(generator)[0] == Token("yes")
    assert (generator.look(), generator.is_away, generator.model_name) == ("", False, "weights")
    assert log[-1] == ("model_back", {"model": "weights"})


def test_a_try_that_took_long_is_repeated_less_often(
    generator: ReopeningGenerator, weights: Weights, clock: Clock
) -> None:
    def slowly() -> Weights:
        clock.now += 14
        return weights.open()

    generator._open_engine = slowly
    generator.look()
    for seconds, tries in ((14 * models.reopening.REOPEN_SHARE - 1, 1), (2, 2)):
        clock.now += seconds
        generator.look()
        assert weights.tries == tries


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (WeightsCorrupt("x: sha256"), "x: sha256"),
        (EngineFailed("cannot load this file"), "cannot load this file"),
        (PermissionError(13, "Permission denied", "x.gguf"), "x.gguf: Permission denied; make them readable"),
    ],
)
def test_whatever_keeps_them_from_opening_is_one_sentence(
    generator: ReopeningGenerator, weights: Weights, error: Any, said: str
) -> None:
    weights.error = error
    assert generator.look() == said
    with pytest.raises(EngineAway, match=said):
        answer(generator)


def test_tokens_are_counted_about_without_an_engine_and_by_it_with_one(
    generator: ReopeningGenerator, weights: Weights
) -> None:
    assert (generator.count_tokens("four words of text"), generator.count_tokens("")) == (6, 0)
    weights.error = None
    generator.look()
    assert generator.count_tokens("four words of text") == 4
    weights.failing = EngineFailed("it restarts")
    assert generator.count_tokens("four words of text") == 6


def test_an_engine_that_failed_says_so_until_it_answers_again(
    generator: ReopeningGenerator, weights: Weights, log: Log
) -> None:
    weights.error = None
    generator.look()
    weights.failing = EngineFailed("llama_decode returned -3")
    with pytest.raises(EngineFailed):
        answer(generator)
    assert (generator.look(), generator.is_away, log[-1][0]) == ("llama_decode returned -3", False, "model_failed")
    weights.failing = None
    answer(generator)
    assert generator.look() == ""


def test_a_full_line_is_no_failure(generator: ReopeningGenerator, weights: Weights) -> None:
    weights.error = None
    generator.look()
    weights.failing = EngineBusy("16 requests are waiting already")
    with pytest.raises(EngineBusy):
        answer(generator)
    assert generator.look() == ""


def test_who_waits_for_an_opening_may_leave_and_it_is_opened_once(
    generator: ReopeningGenerator, weights: Weights
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> Weights:
        begun.set()
        assert go_on.wait(10)
        weights.error = None
        return weights.open()

    generator._open_engine = slowly
    first = threading.Thread(target=answer, args=(generator,))
    first.start()
    assert begun.wait(10)
    left = threading.Event()
    left.set()
    assert list(generator.generate(ASKED, left)) == [Done("cancelled", 0, 0, None)]
    assert generator.look() == ""
    go_on.set()
    assert answer(generator)[0] == Token("yes")
    first.join(10)
    assert weights.tries == 1


def test_what_was_closed_opens_no_more(generator: ReopeningGenerator, weights: Weights) -> None:
    weights.error = None
    generator.close()
    with pytest.raises(EngineAway, match="being closed"):
        answer(generator)
    assert (weights.tries, weights.closed) == (0, 0)


def test_what_was_open_is_freed(generator: ReopeningGenerator, weights: Weights) -> None:
    weights.error = None
    generator.look()
    generator.close()
    assert weights.closed == 1


@pytest.mark.model
def test_real_weights_cut_short_are_told_and_answer_once_they_are_whole(
    tmp_path: Path, small_generator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.reopening, "REOPEN_SECONDS", 0)
    monkeypatch.setattr(models.reopening, "REOPEN_SHARE", 0)
    path = tmp_path / "weights.gguf"
    with small_generator.open("rb") as source:
        path.write_bytes(source.read(5_000_000))

    def opened() -> LlamaGenerator:
        return open_generator(path, threads=1, context_tokens=512)

    generator = ReopeningGenerator(opened, Log().tell)
    with pytest.raises(EngineAway, match="no whole GGUF file"):
        answer(generator)
    path.unlink()
    path.symlink_to(small_generator)
    assert isinstance(answer(generator)[-1], Done)
    assert generator.context_tokens == 512
    generator.close()


def test_what_is_remembered_is_the_engines(generator: ReopeningGenerator, weights: Weights) -> None:
    assert not generator.remembers("anna", "talk")
    generator.forget("anna")
    assert weights.forgotten == []
    weights.error = None
    generator.look()
    assert generator.remembers("anna", "talk")
    generator.forget("anna", "talk")
    assert weights.forgotten == [("anna", "talk")]
    assert not generator.remembers("anna", "talk")
