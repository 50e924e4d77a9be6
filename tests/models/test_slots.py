"""The number of answers at once follows what doubling them adds on this machine."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from models.generator import open_generator
from models.llama import Model
from models.slots import SLOTS_MAX, SLOTS_MIN, slots_that_pay
from tests.models.generator_contract import Asker, asked, done_of, run, text_of

pytestmark = pytest.mark.model


@pytest.mark.parametrize(
    ("seconds", "slots"),
    [
        (lambda n: 0.06 * n, SLOTS_MIN),  # nothing gained, as on two cores
        (lambda n: 0.06, SLOTS_MAX),  # all for the price of one
        (lambda n: 0.06 + max(0, n - 4) * 0.06, 4),
    ],
)
def test_answers_at_once_are_doubled_as_long_as_it_pays(
    small_generator: Path, monkeypatch: pytest.MonkeyPatch, seconds: object, slots: int
) -> None:
    monkeypatch.setattr("models.slots._step_seconds", lambda _context, count, _position: seconds(count))  # type: ignore[operator]
    model = Model(small_generator)
    assert slots_that_pay(model, 1, "f16") == slots
    model.close()


def test_real_steps_are_measured(small_generator: Path) -> None:
    model = Model(small_generator)
    assert SLOTS_MIN <= slots_that_pay(model, 1, "f16") <= SLOTS_MAX
    model.close()


def test_a_quiet_engine_comes_to_have_as_many_slots_as_pay(
    small_generator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.generator.QUIET_SECONDS", 0.05)
    monkeypatch.setattr("models.generator.slots_that_pay", lambda *_: 4)
    engine = open_generator(small_generator, threads=1, context_tokens=1024, slots=0)
    turn = replace(asked("Count from 1 to 90.", 30), person="ada", conversation="one")
    before = text_of(run(engine, turn))
    end = time.monotonic() + 20
    while engine._scheduler.slots < 4 and time.monotonic() < end:
        time.sleep(0.05)
    assert text_of(run(engine, turn)) == before, "what was remembered before is taken in by the larger context"
    askers = [Asker(engine, asked("Count from 1 to 90.", 30)) for _ in range(4)]
    for asker in askers:
        asker.join()
    assert [asker.places for asker in askers] == [[]] * 4
    assert len({text_of(asker.events) for asker in askers}) == 1
    engine.close()


def test_an_engine_without_memory_for_more_stays_as_it_is(
    small_generator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_generator(small_generator, threads=1, context_tokens=1024, slots=2)
    measured = threading.Event()

    def pays() -> int:
        measured.set()
        return 64

    monkeypatch.setattr("models.generator.QUIET_SECONDS", 0.05)
    monkeypatch.setattr(engine, "_pays", pays)
    monkeypatch.setattr("models.llama.llama_cpp.llama_init_from_model", lambda *_: None)
    run(engine, asked("Say yes.", 2))
    assert measured.wait(10)
    assert engine._scheduler.slots == 2
    assert done_of(run(engine, asked("Say yes.", 2))).answer_tokens > 0
    engine.close()
