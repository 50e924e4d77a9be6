"""What a run of an owner's questions counts is what the evaluation set's own score.py counts, for the same answers."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rag.answering.answer import Answer, Citation, Language, Reason, Timings
from rag.documents import Chunk, DocumentId, DocumentInfo, Passage, PassageId, RankedPassage, SearchResult
from rag.evaluating.evaluation import CitationScores, Outcome
from rag.evaluating.question import Gold, Question, QuestionId
from rag.evaluating.running import outcome_of
from rag.evaluating.summary import summarise
from security.identity import CollectionId

DATA = Path(__file__).parents[2] / "data" / "evaluation_sample.jsonl"
ROWS = [json.loads(line) for line in DATA.read_text().splitlines()]
MEANS = {
    "contained": 8 / 21,
    "document_precision": 0.875,
    "document_recall": 5 / 7,
    "page_precision": 0.765625,
    "page_recall": 4 / 7,
    "refused": 4 / 5,
    "refusal_precision": 4 / 9,
    "refused_wrongly": 5 / 21,
    "ndcg": 0.831489270,
    "recall": 1.0,
}
"""`score.py qa` over the lines with a short answer or none; lines of a long one have no `contain` there."""


def passage(doc: str, page: int | None, text: str) -> Passage:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    info = DocumentInfo(DocumentId(doc), CollectionId("c"), doc, doc, "text/markdown", None, 1, 1, None, at)
    return Passage(PassageId(doc), info, Chunk(0, text, page, (), 0, len(text)))


def outcome(row: dict[str, Any]) -> Outcome:
    """How a line went, through what a run goes through."""
    golds = tuple(Gold(*gold) for gold in row["golds"])
    question = Question(QuestionId(row["id"]), row["question"], golds, "", answers=tuple(row["answers"]))
    cited = [passage(*place) for place in row["citations"]]
    quotes = tuple(Citation(n, each, each.chunk.text, 0, 1) for n, each in enumerate(cited, 1))
    reason = Reason.WEAK_EVIDENCE if row["refused"] else None
    answer = Answer(row["answer"], reason, Language.ENGLISH, (), quotes, (), (), Timings(0, None, 0, 0, 0))
    found = SearchResult(tuple(RankedPassage(passage(doc, None, ""), 1.0) for doc in row["ranked_docs"]))
    return outcome_of(question, found, answer)


def counted(went: Outcome) -> dict[str, float]:
    """An outcome under the names of score.py, without what there is nothing to count of."""
    cited = went.citations or CitationScores(None, 0, None, 0)
    named = {"contain": went.contained, "ndcg@10": went.ndcg, "r@10": went.recall}
    if went.citations:
        named |= {"cit_doc_p": cited.document_precision, "cit_doc_r": cited.document_recall}
        named |= {"cit_page_p": cited.page_precision, "cit_page_r": cited.page_recall}
    return {name: float(value) for name, value in named.items() if value is not None}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_each_question_counts_the_same(row: dict[str, Any]) -> None:
    mine = counted(outcome(row))
    if not row["is_short"]:
        mine.pop("contain", None)
    assert mine == pytest.approx(row["score"])


def test_the_means_are_the_same() -> None:
    metrics = summarise([outcome(row) for row in ROWS if row["is_short"]]).metrics
    assert {name: metrics[name] for name in MEANS} == pytest.approx(MEANS)


def test_a_refusal_contains_nothing_whatever_it_says() -> None:
    row = next(row for row in ROWS if row["score"].get("contain") == 1.0)
    assert outcome(row).contained is True
    assert outcome({**row, "refused": True}).contained is False
