"""The bench of the engine at its smallest: real weights, the real server, the real class."""

import json
from pathlib import Path

import pytest

from tests.bench.conftest import Run

SMALL = ("--model", "qwen2.5-coder-0.5b-instruct", "--at-once", "2", "--prompt-tokens", "150", "--answer-tokens", "8")


@pytest.mark.model
def test_the_engine_bench_measures_three_ways_and_what_a_next_turn_costs(run: Run, tmp_path: Path) -> None:
    ended = run("bench.engine", *SMALL, "--results", tmp_path / "results")
    assert ended.returncode == 0, ended.stderr
    rows = json.loads((tmp_path / "results" / "engine.json").read_text())["rows"]
    assert all(row["ours"] > 0 and row["baseline"] > 0 for row in rows)
    assert sum("2 at once" in row["case"] for row in rows) == 7
    same = next(row for row in rows if row["case"] == "next turn, same passages: first token against without reuse")
    assert same["ratio"] < 0.8
    pause = next(row for row in rows if "steps of the engine" in row["case"])
    assert pause["ours"] <= 4
