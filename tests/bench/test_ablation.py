"""An ablation says what each stage is worth, of whatever searches."""

import json
from pathlib import Path

import pytest

from chat.admin.ablation import VARIANTS, Search, ablation
from chat.admin.beir import Query, read_golds
from chat.admin.outcomes import InputWrong
from rag.documents import SearchResult
from rag.retrieval.stages import ALL_STAGES, Stage, Stages
from tests.bench.conftest import Run
from tests.rag.retrieval.conftest import make_ranked

QUERIES = (Query("q1", "castle"), Query("q2", "leave"), Query("q3", "nobody judged this"))
GOLDS = {"q1": frozenset({"castle.md"}), "q2": frozenset({"leave.md"})}
"""Paths of documents, as a BEIR folder's ids become them."""


def found(*titles: str) -> SearchResult:
    return SearchResult(tuple(make_ranked("text", title=title) for title in titles))


def test_a_stage_that_matters_shows_in_its_row() -> None:
    def searching(stages: Stages) -> Search:
        is_good = Stage.LEXICAL in stages
        return lambda question: found(question, "other") if is_good else found("other", question)

    rows = {row.stages: row for row in ablation(searching, QUERIES, GOLDS)}
    assert list(rows) == list(VARIANTS)
    assert (rows["all"].ndcg10, rows["all"].recall1, rows["all"].delta) == (1.0, 1.0, 0.0)
    worse = rows["without lexical"]
    assert (worse.ndcg10, worse.recall1, worse.recall10, worse.delta) == (0.6309, 0.0, 1.0, -0.3691)
    assert rows["without rerank"].delta == 0.0


def test_the_variants_are_all_stages_each_left_out_and_each_retriever_alone() -> None:
    assert VARIANTS["all"] == ALL_STAGES
    for stage in (Stage.DENSE, Stage.LEXICAL, Stage.FUSION, Stage.RERANK):
        assert VARIANTS[f"without {stage}"].on == ALL_STAGES.on - {stage}


def test_without_judgements_there_is_nothing_to_measure() -> None:
    assert list(ablation(lambda _: lambda _: found("x"), QUERIES, {})) == []


def test_judgements_are_read_and_what_is_none_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "qrels.tsv"
    path.write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq2\td3\t2\n")
    assert read_golds(tmp_path) == {"q1": {"d1"}, "q2": {"d3"}}
    path.write_text("query-id\tcorpus-id\tscore\nq1 d1 1\n")
    with pytest.raises(InputWrong, match="line 2"):
        read_golds(tmp_path)
    path.unlink()
    with pytest.raises(InputWrong, match="is missing"):
        read_golds(tmp_path)


@pytest.mark.model
def test_a_folder_becomes_a_table_a_variant_a_row_and_nothing_stays(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "beir"
    folder.mkdir()
    texts = {"leave": "Annual leave is carried over to the next year.", "castle": "The castle was built in 1192."}
    rows = (json.dumps({"_id": name, "title": name, "text": text}) for name, text in texts.items())
    (folder / "corpus.jsonl").write_text("\n".join(rows))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q1", "text": "When was the castle built?"}))
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tcastle\t1\n")
    ended = run("chat.admin.cli", "bench", "retrieval", "--beir", folder, "--ablate", "--json")
    assert ended.returncode == 0, ended.stderr
    table = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [row["stages"] for row in table] == list(VARIANTS)
    assert all(row["ndcg10"] == 1.0 and row["median_ms"] > 0 for row in table)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_run_or_a_table_is_asked_for(run: Run, tmp_path: Path) -> None:
    ended = run("chat.admin.cli", "bench", "retrieval", "--beir", tmp_path)
    assert ended.returncode == 2
    assert "--ablate" in ended.stderr
