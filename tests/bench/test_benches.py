"""A bench at its smallest, with its real parts."""

import json
import shutil
from pathlib import Path

import pytest

from tests.bench.conftest import Run

DOCUMENTS = Path(__file__).parents[1] / "data" / "documents"


@pytest.mark.model
def test_the_disk_bench_writes_what_other_tools_read_and_leaves_nothing_else(run: Run, tmp_path: Path) -> None:
    ended = run("bench.disk", "--folder", DOCUMENTS, "--passages", "30", "--results", tmp_path / "results")
    assert ended.returncode == 0, ended.stderr
    assert "bench disk" in ended.stdout
    result = json.loads((tmp_path / "results" / "disk.json").read_text())
    assert set(result) == {"name", "date", "machine", "rows"}
    assert all(set(row) == {"case", "unit", "ours", "baseline", "ratio", "runs"} for row in result["rows"])
    sealed = next(row for row in result["rows"] if row["case"].endswith("text and float16"))
    assert 1 < sealed["ratio"] < 10
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.model
def test_the_ingestion_bench_finds_the_gold_and_counts_what_stays(run: Run, tmp_path: Path) -> None:
    documents = tmp_path / "eval" / "docs"
    shutil.copytree(DOCUMENTS, documents)
    gold = [
        {"doc": "faq-telephonie.pdf", "page": 1, "passage": "téléphonie"},
        {"doc": "faq-telephonie.pdf", "page": 1, "passage": "words that nobody wrote there"},
    ]
    questions = [{"answerable": True, "gold": gold}, {"answerable": False, "gold": []}]
    (tmp_path / "eval" / "questions.jsonl").write_text("\n".join(map(json.dumps, questions)))
    ended = run("bench.ingestion", "--eval", documents.parent, "--files", "20", "--results", tmp_path / "results")
    assert ended.returncode == 0, ended.stderr
    rows = {row["case"]: row for row in json.loads((tmp_path / "results" / "ingestion.json").read_text())["rows"]}
    assert rows["gold passages found on their page, written, against the target"]["ours"] == 0.5
    assert rows["20 unchanged files checked, against the target"]["ours"] < 30
    assert sum("native" in case or "changed" in case for case in rows) == 4
