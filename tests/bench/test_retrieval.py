"""`huisclos bench retrieval` on a corpus of three documents."""

import json
from pathlib import Path

import pytest

from chat.admin.beir import read_corpus
from chat.admin.bench import Step, run_retrieval
from chat.admin.outcomes import InputWrong
from chat.settings import Settings
from tests.bench.conftest import Run

CORPUS = (
    {"_id": "leave", "title": "Leave", "text": "Annual leave is carried over to the next year up to 240 hours."},
    {"_id": "appel", "title": "Téléphone", "text": "L'employeur peut enregistrer les appels pour former ses salariés."},
    {"_id": "empty", "title": "A title alone", "text": ""},
)
QUERIES = (
    {"_id": "q1", "text": "How much annual leave is carried over?"},
    {"_id": "q2", "text": "enregistrer un appel"},
)


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "beir"
    folder.mkdir()
    for name, rows in (("corpus.jsonl", CORPUS), ("queries.jsonl", QUERIES)):
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


@pytest.mark.model
def test_a_folder_becomes_a_run_and_leaves_nothing_behind(run: Run, beir: Path, tmp_path: Path) -> None:
    out = tmp_path / "run.trec"
    ended = run("chat.admin.cli", "bench", "retrieval", "--beir", beir, "--run", out, "--k", "2", "--json")
    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)
    assert {name: summary[name] for name in ("documents", "passages", "queries")} == {
        "documents": 3,
        "passages": 3,
        "queries": 2,
    }
    lines = [line.split() for line in out.read_text().splitlines()]
    assert [line[:4] for line in lines if line[3] == "1"] == [["q1", "Q0", "leave", "1"], ["q2", "Q0", "appel", "1"]]
    assert all(len(line) == 6 for line in lines)
    assert max(int(line[3]) for line in lines) == 2
    scores = [float(line[4]) for line in lines if line[0] == "q1"]
    assert scores == sorted(scores, reverse=True)
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"_id": "two words", "text": "x"}', "without blanks"),
        ('{"text": "x"}', "without blanks"),
        ('{"_id": "a"}', "has no text"),
        ('["a"]', "expected an object"),
        ("{", "not JSON"),
        ('{"_id": "a", "text": "x"}\n{"_id": "a", "text": "y"}', "comes twice"),
    ],
)
def test_a_corpus_of_another_shape_is_told_with_its_line(beir: Path, line: str, reason: str) -> None:
    (beir / "corpus.jsonl").write_text(f"{line}\n")
    with pytest.raises(InputWrong, match=reason):
        read_corpus(beir)


def test_a_folder_without_queries_is_a_usage_error(run: Run, beir: Path, tmp_path: Path) -> None:
    (beir / "queries.jsonl").unlink()
    ended = run("chat.admin.cli", "bench", "retrieval", "--beir", beir, "--run", tmp_path / "run.trec")
    assert (ended.returncode, list(tmp_path.glob("run*"))) == (2, [])
    assert "queries.jsonl is missing" in " ".join(ended.stderr.split())


def test_a_run_without_a_folder_to_lie_in_is_told_before_any_work(beir: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    with pytest.raises(InputWrong, match="is not a folder"):
        run_retrieval(beir, tmp_path / "absent" / "run.trec", Settings(), 1, steps.append)
    assert steps == []


@pytest.mark.model
def test_a_run_that_fails_leaves_no_collection_and_no_half_run(run: Run, beir: Path, tmp_path: Path) -> None:
    taken = tmp_path / "run.trec"
    taken.mkdir()
    ended = run("chat.admin.cli", "bench", "retrieval", "--beir", beir, "--run", taken)
    assert ended.returncode == 1
    assert list((tmp_path / "tmp").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beir", "run.trec", "tmp"]
