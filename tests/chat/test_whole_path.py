"""From nothing to a cited answer with real weights, and what is left on the disk afterwards."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DOCUMENTS = Path(__file__).parents[1] / "data" / "documents"
SMALL = "qwen2.5-coder-0.5b-instruct"
CANARIES = (b"faq-telephonie", b"faq-publicite", b"carry over", b"prospection", b"annual leave", b"restricted-name")

pytestmark = pytest.mark.model


class Command:
    """The command line over one state folder, as an administrator runs it."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.loaded: list[dict[str, Any]] = []
        self.environment = {**os.environ, "HUISCLOS_STATE": str(state), "HUISCLOS__MODELS__GENERATE": SMALL}

    def __call__(self, *arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-c", "from chat.admin.cli import main; main()", *arguments]
        outcome = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=250
        )
        assert outcome.returncode == code, outcome.stderr[-2000:]
        return outcome.stdout if code == 0 else outcome.stderr


@pytest.fixture(scope="module")
def huisclos(tmp_path_factory: pytest.TempPathFactory) -> Command:
    run = Command(tmp_path_factory.mktemp("house") / "state")
    run("init")
    run("collection", "create", "restricted-name")
    run.loaded = [
        json.loads(x) for x in run("collection", "load", "restricted-name", str(DOCUMENTS), "--json").splitlines()
    ]
    run("user", "add", "camille")
    return run


def test_every_file_of_a_folder_is_indexed_with_its_pages(huisclos: Command) -> None:
    loaded = {row["doc"]: row for row in huisclos.loaded}
    assert {row["state"] for row in loaded.values()} == {"indexed"}
    assert loaded["faq-telephonie.pdf"]["pages"] == 2
    assert loaded["leave.md"]["pages"] is None


def test_a_second_load_changes_nothing(huisclos: Command) -> None:
    lines = huisclos("collection", "load", "restricted-name", str(DOCUMENTS), "--json").splitlines()
    assert {json.loads(line)["state"] for line in lines} == {"unchanged"}


def test_an_answer_carries_sentences_and_verbatim_quotes(huisclos: Command) -> None:
    question = "How many annual leave hours can I carry over?"
    answer = json.loads(huisclos("ask", "--collection", "restricted-name", "--json", question))
    assert set(answer) >= {"answer", "refused", "language", "sentences", "citations", "ranked_docs", "timings"}
    assert answer["ranked_docs"][0] == "leave.md"
    assert not answer["refused"]
    found = huisclos("search", "--collection", "restricted-name", "--json", question)
    texts = [json.loads(line)["text"] for line in found.splitlines()]
    assert answer["citations"]
    assert all(any(cite["quote"] in text for text in texts) for cite in answer["citations"])


def test_what_the_documents_do_not_say_is_refused_with_the_nearest_passages(huisclos: Command) -> None:
    question = "xylophone zymurgy quasar?"
    answer = json.loads(huisclos("ask", "--collection", "restricted-name", "--json", question))
    assert answer["refused"]
    assert answer["citations"] == []
    assert answer["nearest"]


def test_somebody_without_a_grant_learns_nothing_not_even_that_it_exists(huisclos: Command) -> None:
    denied = huisclos("ask", "--collection", "restricted-name", "--as", "camille", "leave?", code=3)
    absent = huisclos("ask", "--collection", "nothing-of-that-name", "--as", "camille", "leave?", code=3)
    assert denied.splitlines()[-1] == absent.splitlines()[-1]  # the lines before say what was waited for, if long


def test_a_batch_resumes_where_it_stopped(huisclos: Command, tmp_path: Path) -> None:
    batch, out = tmp_path / "questions.jsonl", tmp_path / "predictions.jsonl"
    batch.write_text("".join(json.dumps({"id": name, "question": "xylophone quasar?"}) + "\n" for name in ("a", "b")))
    out.write_text(json.dumps({"id": "a"}) + '\n{"id": "b", "ans')
    huisclos("ask", "--collection", "restricted-name", "--batch", str(batch), "--out", str(out))
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["a", "b"]
    assert set(rows[1]) == {"id", "answer", "refused", "reason", "citations", "ranked_docs"}


def test_no_word_stands_readable_on_the_disk_even_after_a_kill(huisclos: Command) -> None:
    command = [sys.executable, "-c", "from chat.admin.cli import main; main()"]
    load = [*command, "collection", "load", "restricted-name", str(DOCUMENTS)]
    process = subprocess.Popen(load, env=huisclos.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    found = [(path, word) for path in huisclos.state.rglob("*") if path.is_file() for word in _words_in(path)]
    assert found == []


def _words_in(path: Path) -> list[bytes]:
    content = path.read_bytes()
    return [word for word in CANARIES if word in content]


def test_the_record_is_whole(huisclos: Command) -> None:
    report = json.loads(huisclos("audit", "verify", "--json"))
    assert report["broken_at"] is None
    assert report["entries"] > 3
