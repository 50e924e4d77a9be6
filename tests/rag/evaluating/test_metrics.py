"""Metrics over orders that can be counted by hand."""

from math import log2

import pytest

from rag.errors import QuestionRefused
from rag.evaluating.citations import scores
from rag.evaluating.ndcg import ndcg
from rag.evaluating.question import Gold, gold_of
from rag.evaluating.recall import document_rank, page_rank, recall
from rag.evaluating.refusals import refusal_rate


def test_ndcg_is_one_where_all_golds_come_first_and_falls_with_each_place() -> None:
    assert ndcg(["a", "b", "c"], {"a", "b"}) == pytest.approx(1.0)
    assert ndcg(["x", "a"], {"a"}) == pytest.approx(1 / log2(3))
    assert ndcg(["x", "a", "b"], {"a", "b"}) == pytest.approx((1 / log2(3) + 1 / 2) / (1 + 1 / log2(3)))
    assert ndcg(["x"], {"a"}) == ndcg(["a"], set()) == 0.0


def test_nothing_beyond_the_depth_counts() -> None:
    ranked = [f"x{number}" for number in range(10)] + ["a"]
    assert ndcg(ranked, {"a"}) == recall(ranked, {"a"}) == 0.0
    assert document_rank(ranked, {"a"}) is None
    assert page_rank([(doc, 1) for doc in ranked], [Gold("a")]) is None
    assert document_rank(ranked, {"x9"}) == 10


def test_recall_is_the_share_of_golds() -> None:
    assert recall(["a", "x"], {"a", "b"}) == 0.5
    assert recall([], {"a"}) == 0.0


def test_a_gold_without_a_page_is_any_page_of_its_document() -> None:
    ranked = [("a", 1), ("a", 2), ("b", None)]
    assert page_rank(ranked, [Gold("a", 2)]) == 2
    assert page_rank(ranked, [Gold("a")]) == 1
    assert page_rank(ranked, [Gold("b", 1)]) is None


def test_citations_are_counted_by_document_and_by_page() -> None:
    found = scores([("a", 1), ("a", 2), ("b", 1), ("a", 1)], [Gold("a", 2), Gold("c")])
    assert found is not None
    assert (found.document_precision, found.document_recall) == (0.5, 0.5)
    assert found.page_precision == pytest.approx(1 / 3)
    assert found.page_recall == 0.5
    assert scores([], [Gold("a")]) is None
    assert scores([("a", 1)], []) is None


def test_a_rate_of_nothing_is_not_nought() -> None:
    assert refusal_rate([]) is None
    assert refusal_rate([True, False]) == 0.5


@pytest.mark.parametrize(
    ("written", "gold"),
    [("a.pdf#3", Gold("a.pdf", 3)), ("c#.md", Gold("c#.md")), ("d/e.txt", Gold("d/e.txt")), ("c#1#2", Gold("c#1", 2))],
)
def test_a_gold_is_written_as_document_and_page(written: str, gold: Gold) -> None:
    assert gold_of(written) == gold
    assert str(gold) == written


@pytest.mark.parametrize("written", ["", " ", "#3", "a.pdf#0"])
def test_a_gold_that_names_no_page_is_refused(written: str) -> None:
    with pytest.raises(QuestionRefused):
        gold_of(written)
