"""The evaluation's samples are in proportion and can grow; its progress says how long it still takes."""

import collections
from pathlib import Path

import pytest

from bench.evaluation import House, Progress, ablation_table, read_rows, sample

QUESTIONS = [
    {"id": f"{lang}-{kind}-{number}", "lang": lang, "kind": kind}
    for lang, kind, count in (
        ("en", "lookup", 80),
        ("en", "table", 20),
        ("fr", "lookup", 60),
        ("fr", "unanswerable", 40),
    )
    for number in range(count)
]


@pytest.mark.parametrize("size", [10, 50, 100])
def test_a_sample_has_languages_and_kinds_in_proportion(size: int) -> None:
    counts = collections.Counter((row["lang"], row["kind"]) for row in sample(QUESTIONS, size))
    for group, count in collections.Counter((row["lang"], row["kind"]) for row in QUESTIONS).items():
        assert abs(counts[group] - size * count / len(QUESTIONS)) <= 1


def test_a_larger_sample_holds_the_smaller_one() -> None:
    assert sample(QUESTIONS, 60)[:25] == sample(QUESTIONS, 25)


def test_a_sample_of_everything_is_everything_once() -> None:
    assert sorted(row["id"] for row in sample(QUESTIONS, None)) == sorted(row["id"] for row in QUESTIONS)


def test_a_line_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "a"}\n{"id": "b", "ans')
    assert read_rows(path) == [{"id": "a"}]


def test_progress_says_how_many_are_done_and_how_long_the_rest_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, seconds = tmp_path / "rows.jsonl", iter([0.0, 600.0])
    path.write_text("resumed\n")
    progress = Progress(path, 11, lambda: next(seconds))
    path.write_text("resumed\n" + "row\n" * 5)
    progress()
    progress()
    assert capsys.readouterr().out == "  6 of 11, about 10 min left\n"


def test_another_model_answers_where_it_is_named(tmp_path: Path) -> None:
    small = "qwen2.5-coder-0.5b-instruct"
    home = House(tmp_path / "state", tmp_path / "log", {"generate": small})
    home.run("models", "list", "--json", out=tmp_path / "models.jsonl")
    used = {row["name"] for row in read_rows(tmp_path / "models.jsonl") if row["task"] == "generate" and row["in_use"]}
    assert used == {small}


def test_an_ablation_is_a_table_of_fixed_width() -> None:
    rows = [
        {"stages": name, "ndcg10": 0.9, "recall1": 0.8, "recall10": 1.0, "median_ms": 31.2, "delta": delta}
        for name, delta in (("all", 0.0), ("without rerank", -0.0083))
    ]
    lines = ablation_table("fr", rows).splitlines()
    assert [len(line) for line in lines] == [68] * 3
    assert lines[2].split() == ["without", "rerank", "0.9", "0.8", "1.0", "31.2", "-0.0083"]
