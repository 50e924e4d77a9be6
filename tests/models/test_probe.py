"""A quiet engine looks whether it still writes what it did; where it does not, its context is opened anew."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import EngineFailed
from models.generation import Done
from models.generator import LlamaGenerator, open_generator
from models.llama import GenerationContext, Model, Part
from models.probe import Probe
from tests.models.generator_contract import Asker, asked, run, text_of

pytestmark = pytest.mark.model
QUESTION = asked("What is the capital of France?", 8)


class Told:
    """The events of an engine's log."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def __call__(self, event: str, **fields: object) -> None:
        self.events.append((event, fields))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def quiet(small_generator: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> Iterator[LlamaGenerator]:
    """An engine that checks itself all the time while nobody asks."""
    monkeypatch.setattr("models.generator.CHECK_SECONDS", 0.02)
    engine = open_generator(small_generator, threads=1, context_tokens=512, slots=2, tell=told)
    yield engine
    engine.close()


def test_what_it_writes_is_as_before_after_other_requests_and_in_another_context(small_generator: Path) -> None:
    model = Model(small_generator)
    probe = Probe(model)
    for slots in (1, 2):
        context = GenerationContext(model, context_tokens=256, threads=1, sequences=slots)
        for tokens in ([], [100, 200, 300] * 20):
            if tokens:
                context.decode([Part(slots - 1, tokens, 0, has_logits=True)])
                context.forget_from(slots - 1, 0)
            assert probe.is_as_before(context)
            assert context.cached_tokens() == 0
        context.close()
    model.close()


def test_logits_that_are_no_numbers_are_never_as_before(small_generator: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(small_generator)
    probe, context = Probe(model), GenerationContext(model, context_tokens=256, threads=1)
    with monkeypatch.context() as wrong:
        wrong.setattr(context, "logits", lambda _row: np.full(model.vocabulary_size, np.nan, np.float32))
        assert not probe.is_as_before(context)
    assert probe.is_as_before(context)
    context.close()
    model.close()


def test_a_quiet_engine_that_is_well_goes_on_with_its_context(quiet: LlamaGenerator, told: Told) -> None:
    checks = _counted(quiet)
    _until(lambda: len(checks) >= 3)
    assert (quiet.figures.failed_checks, quiet.figures.restarts, told.events) == (0, 0, [])


def test_a_context_that_writes_something_else_is_opened_anew_and_answers_as_before(
    quiet: LlamaGenerator, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = text_of(run(quiet, replace(QUESTION, person="p", conversation="c")))
    assert quiet.figures.kept == 1
    spoiled = quiet._engine.context
    right = GenerationContext.logits

    def logits(self: GenerationContext, row: int) -> NDArray[np.float32]:
        return np.roll(right(self, row), 1) if self is spoiled else right(self, row)

    monkeypatch.setattr(GenerationContext, "logits", logits)
    _until(lambda: quiet.figures.restarts > 0)
    checks = _counted(quiet)
    _until(lambda: len(checks) >= 2)  # the new context is well
    assert (quiet.figures.failed_checks, quiet.figures.restarts) == (1, 1)
    assert quiet.figures.kept == 0, "what a bad context held is not gone on from"
    assert told.events == [("engine_check_failed", {"failed_checks": 1})]
    assert text_of(run(quiet, QUESTION)) == expected


def test_a_context_that_fails_is_found_while_nobody_asks(
    quiet: LlamaGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = text_of(run(quiet, QUESTION))
    spoiled = quiet._engine.context
    right = GenerationContext.decode

    def decode(self: GenerationContext, parts: Sequence[Part]) -> list[int]:
        if self is spoiled:
            raise EngineFailed("llama_decode returned -3")
        return right(self, parts)

    monkeypatch.setattr(GenerationContext, "decode", decode)
    _until(lambda: quiet.figures.failed_checks > 0)
    assert text_of(run(quiet, QUESTION)) == expected
    assert (quiet.figures.failed_checks, quiet.figures.restarts) == (1, 1)


def test_who_asks_during_a_check_is_served_by_the_next_step(
    quiet: LlamaGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    checking, go_on = threading.Event(), threading.Event()
    right, read = GenerationContext.decode, list[list[int]]()

    def decode(self: GenerationContext, parts: Sequence[Part]) -> list[int]:
        read.append([token for part in parts for token in part.tokens])
        if not checking.is_set():
            checking.set()
            assert go_on.wait(20)
        return right(self, parts)

    monkeypatch.setattr(GenerationContext, "decode", decode)
    assert checking.wait(20)
    asker = Asker(quiet, QUESTION)
    _until(lambda: quiet._scheduler.is_busy)
    go_on.set()
    asker.join()
    prompt, _ = quiet._prompt(QUESTION)
    assert read[1] == prompt[: len(read[1])] != []
    assert isinstance(asker.events[-1], Done)


def _counted(engine: LlamaGenerator) -> list[bool]:
    """Filled with what each check finds from now on."""
    found: list[bool] = []
    check = engine._engine.check

    def counted() -> bool:
        found.append(check())
        return found[-1]

    engine._engine.check = counted  # type: ignore[method-assign]  # it counts, and does what it did
    return found


def _until(truth: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not truth() and time.monotonic() < end:
        time.sleep(0.02)
    assert truth()
