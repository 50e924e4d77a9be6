"""The benches of the engine at their smallest: real weights, the real server, the real class."""

import json
from pathlib import Path
from xml.etree import ElementTree

import llama_cpp
import pytest

from bench.asking import Answer, Together
from bench.engine import MEASURES
from bench.growth import Sample, panels, rows, settled, slopes
from bench.plot import plot
from bench.rivals import differences
from bench.steps import Step, writing
from tests.bench.conftest import Run

SMALL = ("--model", "qwen2.5-coder-0.5b-instruct", "--at-once", "2", "--prompt-tokens", "150", "--answer-tokens", "8")


@pytest.mark.model
def test_the_engine_bench_measures_three_ways_and_what_a_next_turn_costs(run: Run, tmp_path: Path) -> None:
    ended = run("bench.engine", *SMALL, "--runs", "1", "--results", tmp_path / "results")
    assert ended.returncode == 0, ended.stderr
    result = json.loads((tmp_path / "results" / "engine.json").read_text())
    cases = {row["case"].partition(", ")[2] or row["case"]: row for row in result["rows"]}
    assert all(row["ours"] > 0 and row["baseline"] > 0 for row in cases.values())
    assert sum("2 at once" in row["case"] for row in result["rows"]) == len(MEASURES)
    assert cases["2 at once: longest pause, to 4 steps"]["ratio"] <= 1
    assert cases["same passages: first token, to the same without reuse"]["ratio"] < 0.8
    assert [note.partition(":")[0] for note in result["notes"][:2]] == ["native server", "one at a time"]


@pytest.mark.model
def test_growth_is_told_by_what_the_end_holds_to_a_tenth_and_by_slopes(run: Run, tmp_path: Path) -> None:
    ended = run("bench.growth", "--requests", "24", "--results", tmp_path / "results")
    assert ended.returncode == 0, ended.stderr
    result = json.loads((tmp_path / "results" / "growth.json").read_text())
    memory, _, step, _ = result["rows"]
    assert memory["case"] == "24 requests: memory at the end, to after a tenth"
    assert 0.5 < memory["ratio"] < 2
    assert step["ours"] > 0
    assert [note.partition(":")[0] for note in result["notes"]] == ["memory", "a step"]


def test_what_grows_with_each_request_shows_in_rows_slopes_and_picture() -> None:
    samples = [Sample(100 * part, 500.0 + part, 20.0) for part in range(1, 101)]
    memory, on_line, step, _ = rows(samples)
    assert (memory.ours, memory.baseline) == (600.0, 511.0)
    assert (on_line.ours, on_line.baseline) == pytest.approx((600.0, 511.0))
    assert step.ratio == 1
    assert list(slopes(samples)) == ["memory: +10 MiB a thousand requests", "a step: +0 ms a thousand requests"]
    picture = ElementTree.fromstring(plot("Growth", panels(samples), is_linear=True))
    assert len(picture.findall("{*}g")) == 2


def test_the_first_tenth_is_for_warming_up() -> None:
    samples = [Sample(number, 1.0, 1.0) for number in range(1, 101)]
    assert settled(samples)[0].requests == 11


def test_all_answers_are_told_by_the_slowest() -> None:
    quick, slow = Answer((1.0, 2.0, 3.0), (1, 2, 3), 3), Answer((2.0, 5.0, 6.0), (2, 5, 6), 3)
    both = Together((quick, slow))
    assert (both.rate, both.median_first, both.worst_first) == (1.0, 1.5, 2.0)
    assert (both.pause, both.pause_steps) == (3.0, 3)


def test_only_steps_that_write_count_for_what_lies_between_them() -> None:
    steps = [Step(0.0, 1.0, 64), Step(1.5, 2.0, 2), Step(2.25, 3.0, 2), Step(3.5, 4.0, 66), Step(4.0, 5.0, 2)]
    between = writing(steps, 2)
    assert (between.whole, between.outside) == ((1.0,), (0.25,))


def test_what_a_server_does_not_use_of_the_processor_stands_in_the_result() -> None:
    own = llama_cpp.llama_print_system_info().decode()
    assert "does without nothing" in differences(own)[0]
    assert "does without SSE3; " in differences(own.replace(" SSE3 = 1", " SSE3 = 0"))[0]
