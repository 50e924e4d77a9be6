"""The number of answers at once follows what doubling them adds on this machine."""

from pathlib import Path

import pytest

from models.llama import Model
from models.slots import DEPTH, SLOTS_MAX, SLOTS_MIN, slots_that_pay

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
    assert DEPTH > 0
    model.close()
