"""A bench at its smallest, with its real parts."""

import json
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
