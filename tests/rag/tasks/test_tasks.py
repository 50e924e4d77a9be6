"""Whatever keeps the model from writing is a result that says so, and what needs no model is done all the same."""

import pytest

from models.errors import EngineAway, EngineBusy, EngineFailed, ModelError, RequestTooLong
from rag.answering.answer import Reason
from rag.tasks.work import Task, Trouble
from tests.rag.answering.test_answerer import GOOD, QUESTION, TEXTS, Failing
from tests.rag.tasks.conftest import Counter

NEEDING = {
    Task.SUMMARISE: "leave",
    Task.TRANSLATE: "leave",
    Task.DRAFT: QUESTION,
    Task.WITHOUT_DOCUMENTS: QUESTION,
}


@pytest.fixture
def leave(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> Counter:
    monkeypatch.setattr("rag.answering.evidence.STRENGTH_MIN", 0.4)  # the bound is one of e5's cosines, not of these
    counter.load({"leave.md": TEXTS["leave.md"]})
    return counter


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (EngineAway("weights x.gguf are not here"), Trouble.MODEL_AWAY),
        (EngineBusy("16 requests are waiting already"), Trouble.MODEL_BUSY),
        (EngineFailed("llama_decode returned -3"), Trouble.MODEL_FAILED),
        (RequestTooLong("prompt of 9000 tokens"), Trouble.MODEL_CONTEXT),
    ],
)
@pytest.mark.parametrize(("task", "text"), NEEDING.items())
def test_a_task_whose_model_does_not_write_says_why(
    leave: Counter, task: Task, text: str, error: ModelError, trouble: Trouble
) -> None:
    work = leave.work(task, text, Failing(error), allows_without_documents=True)
    assert (work.trouble, work.sections) == (trouble, ())
    assert trouble.is_of_the_model


def test_half_a_task_is_none(leave: Counter) -> None:
    assert leave.work(Task.DRAFT, QUESTION, Failing(EngineFailed("it broke"), GOOD)).trouble is Trouble.MODEL_FAILED


def test_every_reason_of_the_model_has_its_trouble() -> None:
    assert {trouble.value for trouble in Trouble if trouble.is_of_the_model} == {
        reason.value for reason in Reason if reason.is_of_the_model
    }
