"""What two runs differ by, and what may be why."""

from dataclasses import replace
from datetime import UTC, datetime

from rag.evaluating.comparing import Cause, causes, changed
from rag.evaluating.evaluation import Circumstances, CitationScores, Evaluation, EvaluationId, Outcome
from rag.evaluating.question import QuestionId
from rag.evaluating.summary import summarise

BEFORE = Circumstances(3, 10, "aa", "embedder", "small", "0.1.0", {"index.exact_passages_max": "100"})
FOUND = Outcome(QuestionId("1"), 1, 2, 1.0, 1.0, False, "", CitationScores(1.0, 1.0, 0.5, 1.0))
LOST = Outcome(QuestionId("2"), None, None, 0.0, 0.0, True, "weak_evidence")
UNSAID = Outcome(QuestionId("3"), None, None, None, None, True, "weak_evidence")


def run(*outcomes: Outcome) -> Evaluation:
    return Evaluation(EvaluationId("e"), datetime(2026, 1, 1, tzinfo=UTC), True, BEFORE, outcomes)


def test_what_went_otherwise_is_told_field_by_field() -> None:
    better = replace(LOST, rank=2, page_rank=2, refused=False, reason="")
    (found,) = changed(run(FOUND, LOST), run(FOUND, better))
    assert found.question_id == "2"
    assert found.fields == {
        "rank": (None, 2),
        "page_rank": (None, 2),
        "refused": (True, False),
        "reason": ("weak_evidence", ""),
    }


def test_a_question_that_one_run_did_not_ask_is_not_compared() -> None:
    assert changed(run(FOUND), run(FOUND, LOST)) == ()


def test_citations_that_became_worse_are_told() -> None:
    worse = replace(FOUND, citations=CitationScores(1.0, 1.0, 0.25, 1.0))
    assert changed(run(FOUND), run(worse))[0].fields == {"page_precision": (0.5, 0.25)}
    gone = changed(run(FOUND), run(replace(FOUND, citations=None, contained=False)))[0].fields
    assert list(gone) == ["contained", "document_precision", "document_recall", "page_precision", "page_recall"]
    assert gone["page_precision"] == (0.5, None)


def test_load_model_release_and_each_setting_are_told_apart() -> None:
    now = Circumstances(4, 12, "bb", "embedder", "large", "0.2.0", {"index.exact_passages_max": "200", "new.one": "x"})
    assert [cause.name for cause in causes(BEFORE, now)] == [
        "load",
        "model",
        "release",
        "setting index.exact_passages_max",
        "setting new.one",
    ]
    assert causes(BEFORE, now)[1] == Cause("model", "small", "large")
    assert causes(BEFORE, BEFORE) == ()


def test_a_summary_counts_each_metric_over_the_questions_it_is_about() -> None:
    found = summarise([FOUND, LOST, UNSAID])
    assert (found.questions, found.answerable) == (3, 2)
    assert (found.ndcg, found.first, found.page_first) == (0.5, 0.5, 0.0)
    assert (found.refused, found.refused_wrongly) == (1.0, 0.5)
    assert found.page_precision == 0.5


def test_a_run_that_only_searched_says_nothing_of_answers() -> None:
    searched = replace(FOUND, refused=None, citations=None)
    assert summarise([searched]).refused_wrongly is None
    assert summarise([searched]).page_precision is None
    assert summarise([]).metrics == dict.fromkeys(summarise([]).metrics)
