"""Metrics over orders that can be counted by hand."""

from dataclasses import replace
from math import log2

import pytest

from rag.answering.answer import Language
from rag.errors import QuestionRefused
from rag.evaluating.citations import Cited, scores
from rag.evaluating.containing import contains
from rag.evaluating.evaluation import CitationScores
from rag.evaluating.ndcg import ndcg
from rag.evaluating.question import Gold, Question, QuestionId, gold_of
from rag.evaluating.recall import document_rank, page_rank, recall
from rag.evaluating.refusals import refusal_rate


def asked(*golds: Gold) -> Question:
    return Question(QuestionId("q"), "What?", golds, "")


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
    cited = [Cited(doc, page, "words") for doc, page in (("a", 1), ("a", 2), ("b", 1), ("a", 1))]
    found = scores(cited, asked(Gold("a", 2), Gold("c")), Language.ENGLISH)
    assert found == CitationScores(0.5, 0.5, 0.25, 0.5)
    assert scores([], asked(Gold("a")), Language.ENGLISH) == CitationScores(None, 0.0, None, 0.0)
    assert scores(cited, asked(), Language.ENGLISH) is None


@pytest.mark.parametrize(
    ("quote", "is_right"),
    [
        ("the wombat digs under a hill", True),
        ("the wombat digs all day and night", False),
        ("wombat burrow, not known", True),
        ("it digs deep", True),
        ("deep", False),
        ("the quokka sleeps", False),
    ],
)
def test_without_pages_a_quote_of_the_passage_or_of_an_expected_wording_is_right(quote: str, is_right: bool) -> None:
    question = replace(
        asked(Gold("a", None, "The wombat digs its burrow under the hill.")), answers=("digs deep", "deep")
    )
    found = scores([Cited("a", None, quote)], question, Language.ENGLISH)
    assert found == CitationScores(1.0, 1.0, float(is_right), float(is_right))


@pytest.mark.parametrize(
    ("answer", "expected", "is_there"),
    [
        ("It is 1,234.50 dollars.", "$1 234.5", True),
        ("Up to 240 hours.", "240", True),
        ("Up to 2400 hours.", "240", False),
        ("", "240", False),
        ("The Red Hat", "a red hat", True),
    ],
)
def test_an_expected_wording_stands_as_whole_words(answer: str, expected: str, is_there: bool) -> None:
    assert contains(answer, ["nothing of it", expected], Language.ENGLISH) is is_there
    assert contains(answer, [], Language.ENGLISH) is None


def test_french_elisions_and_decimal_commas_are_read() -> None:
    assert contains("C'est l’employeur qui paie 12,50 euros", ["employeur"], Language.FRENCH)
    assert contains("C'est l’employeur qui paie 12,50 euros", ["12.5 euros"], Language.FRENCH)


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
