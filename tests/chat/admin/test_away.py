"""Without the weights that answer, commands find what they find, say why nothing is written, and end with 4."""

import json
from pathlib import Path

import pytest

from chat.settings import Settings
from models.store import ModelStore
from tests.chat.admin.conftest import SMALL, Huisclos

pytestmark = pytest.mark.model
QUESTION = "How many days of annual leave do employees have?"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the weights that embed, and a file cut short in the place of those that answer."""
    store, folder = ModelStore(Settings().models.folder), tmp_path_factory.mktemp("weights")
    embedding, answering = store.catalogue.entry("multilingual-e5-small"), store.catalogue.entry(SMALL)
    (folder / embedding.file).symlink_to(store.folder / embedding.file)
    with (store.folder / answering.file).open("rb") as source:
        (folder / answering.file).write_bytes(source.read(100_000))
    return folder


def test_a_question_gets_the_passages_and_a_code_of_its_own(alone: Huisclos, weights: Path) -> None:
    asked = ("ask", "-c", "rules", QUESTION)
    code, out, error = alone.ends(*asked, HUISCLOS__MODELS__FOLDER=str(weights))
    assert (code, out.splitlines()[1]) == (4, "  nearest: leave.md: Employees have 25 days of annual leave.")
    assert "no model is there to write: `huisclos doctor` says why" in error
    code, out, _ = alone.ends(*asked, "--json", HUISCLOS__MODELS__FOLDER=str(weights))
    answer = json.loads(out)
    assert (code, answer["reason"], answer["refused"], answer["sentences"]) == (4, "model_away", True, [])
    assert answer["nearest"][0]["quote"] == "Employees have 25 days of annual leave."
    assert answer["nearest"][0]["quote"] in answer["nearest"][0]["text"]


def test_a_batch_keeps_no_such_answer_and_asks_again_next_time(alone: Huisclos, weights: Path, tmp_path: Path) -> None:
    batch, out = tmp_path / "questions.jsonl", tmp_path / "answers.jsonl"
    batch.write_text(json.dumps({"id": "a", "question": QUESTION}) + "\n")
    asked = ("ask", "-c", "rules", "--batch", str(batch), "--out", str(out))
    code, _, error = alone.ends(*asked, HUISCLOS__MODELS__FOLDER=str(weights))
    assert (code, out.read_text()) == (1, "")
    assert "a: no model is there to write" in error
    alone(*asked)
    assert json.loads(out.read_text())["id"] == "a"


def test_a_task_that_needs_the_model_says_so_and_ends_with_it_too(alone: Huisclos, weights: Path) -> None:
    asked = ("task", "draft", "-c", "rules", "How many days of annual leave do employees have, and carry over?")
    code, out, error = alone.ends(*asked, HUISCLOS__MODELS__FOLDER=str(weights))
    assert (code, out) == (4, "")
    assert "no model is there to write" in error
    code, out, _ = alone.ends(*asked, "--json", HUISCLOS__MODELS__FOLDER=str(weights))
    assert (code, json.loads(out)["trouble"]) == (4, "model_away")
    listed = ("task", "list", "-c", "rules", "annual leave")
    assert alone.ends(*listed, HUISCLOS__MODELS__FOLDER=str(weights))[0] == 0
