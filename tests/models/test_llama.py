"""The door to llama.cpp: what it does with what it is handed."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from models.llama import GenerationContext, Model, Part

pytestmark = pytest.mark.model

SEQUENCES = 4


@pytest.fixture(scope="module")
def model(small_generator: Path) -> Iterator[Model]:
    model = Model(small_generator)
    yield model
    model.close()


def test_sequences_are_read_in_one_pass_in_whatever_order_they_come(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp asks about each operation of each pass before it computes it."""
    asked: list[int] = []

    @llama_cpp.ggml_backend_sched_eval_callback  # type: ignore[untyped-decorator]
    def note(tensor: int, is_before: bool, _data: object) -> bool:
        asked.append(tensor)
        return False

    defaults = llama_cpp.llama_context_default_params

    def watched() -> Any:
        parameters = defaults()
        parameters.cb_eval = note
        return parameters

    monkeypatch.setattr(llama_cpp, "llama_context_default_params", watched)
    counts, likeliest = [], []
    with closing(GenerationContext(model, context_tokens=256, threads=1, sequences=SEQUENCES)) as context:
        for order in ((0,), (0, 1, 2, 3), (3, 1, 0, 2)):
            asked.clear()
            rows = context.decode([Part(each, [1000 + each], 0, has_logits=True) for each in order])
            counts.append(len(asked))
            likeliest.append({each: context.logits(row).argmax() for each, row in zip(order, rows, strict=True)})
            for sequence in range(SEQUENCES):
                context.forget_from(sequence, 0)
    assert counts[0] > 0
    assert counts == [counts[0]] * 3
    assert likeliest[1] == likeliest[2]
    assert len(set(likeliest[1].values())) > 1
