"""What is read is the best that fits; weak evidence is told before anything is read."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.answer import WhyLeftOut
from rag.answering.evidence import PASSAGES_MAX, Evidence, choose, coverage, margin
from rag.documents import RankedPassage

MakeRanked = Callable[..., RankedPassage]
CARRY = "You can carry over a maximum of 240 annual leave hours from one leave year to the next."
OTHER = "The northern castle was built by the river in winter."


def words(text: str) -> int:
    return len(text.split())


def test_the_best_passages_that_fit_are_read(ranked: MakeRanked) -> None:
    passages = [ranked("one " * 50, name="a"), ranked("two " * 70, name="b"), ranked("three " * 40, name="c")]
    evidence = choose(passages, "one two three", words, budget=100)
    assert [item.passage.document.id for item in evidence.passages] == ["a", "c"]


def test_the_best_passage_is_read_even_when_it_is_over_the_budget(ranked: MakeRanked) -> None:
    assert len(choose([ranked("word " * 50)], "word", words, budget=10).passages) == 1


def test_no_more_passages_are_read_than_pay_for_their_time(ranked: MakeRanked) -> None:
    passages = [ranked("short text", name=f"d{place}") for place in range(9)]
    assert len(choose(passages, "short", words).passages) == PASSAGES_MAX


def test_what_is_left_out_says_why(ranked: MakeRanked) -> None:
    lengths = (50, 70, 40, 5, 5)
    passages = [ranked(f"w{place} " * length, name=f"d{place}") for place, length in enumerate(lengths)]
    evidence = choose(passages, "w0", words, budget=100)
    assert [item.passage.document.id for item in evidence.passages] == ["d0", "d2", "d3"]
    told = [(left.item.passage.document.id, left.why) for left in evidence.left_out]
    assert told == [("d1", WhyLeftOut.BUDGET), ("d4", WhyLeftOut.RANK)]


def test_nothing_found_is_weak() -> None:
    assert choose([], "anything", words).is_weak


def test_a_close_passage_that_holds_the_question_is_strong(ranked: MakeRanked) -> None:
    found = [ranked(CARRY, dense=0.9, lexical=12.0), *(ranked(OTHER, name=f"d{n}", lexical=1.0) for n in range(20))]
    assert not choose(found, "How many annual leave hours can I carry over?", words).is_weak


def test_a_far_passage_that_shares_no_word_is_weak(ranked: MakeRanked) -> None:
    assert choose([ranked(OTHER, dense=0.8, lexical=None)], "How do I bake an apple pie?", words).is_weak


def test_a_close_passage_in_another_language_is_strong_without_a_shared_word(ranked: MakeRanked) -> None:
    near = [ranked(CARRY, dense=0.86, lexical=None)]
    assert not choose(near, "Combien d'heures de congé peut-on reporter ?", words).is_weak
    far = [replace(near[0], dense=0.81)]
    assert choose(far, "Combien d'heures de congé peut-on reporter ?", words).is_weak


def test_coverage_counts_the_words_of_the_best_single_passage(ranked: MakeRanked) -> None:
    half, other = ranked("annual leave", title=""), ranked("carry over", title="", name="b")
    assert coverage("annual leave carry over", [half, other]) == pytest.approx(0.5)


def test_titles_and_headings_cover_words_too(ranked: MakeRanked) -> None:
    assert coverage("annual leave", [ranked("text", title="Annual", headings=("Handbook", "Leave"))]) == 1


def test_a_question_without_content_words_is_covered(ranked: MakeRanked) -> None:
    assert coverage("what is it?", [ranked(CARRY)]) == 1


def test_a_best_match_among_equals_has_no_margin(ranked: MakeRanked) -> None:
    assert margin([ranked(CARRY, name=f"d{n}", lexical=3.0) for n in range(12)]) == pytest.approx(0)
    assert margin([ranked(CARRY, lexical=3.0)]) == pytest.approx(1)
    assert margin([ranked(CARRY, lexical=None)]) == 0


@given(st.lists(st.one_of(st.none(), st.floats(0, 50)), max_size=30))
def test_a_margin_is_a_share(ranked: MakeRanked, scores: list[float | None]) -> None:
    assert 0 <= margin([ranked("x", lexical=score) for score in scores]) <= 1


def test_a_misspelt_question_is_answered_from_a_passage_that_is_near(ranked: MakeRanked) -> None:
    others = [ranked(OTHER, name=f"d{place}", dense=0.7, lexical=None) for place in range(9)]
    asked = "anual leaves caried ower"
    assert not choose([ranked(CARRY, dense=0.86, lexical=None), *others], asked, words).is_weak
    assert choose([ranked(OTHER, dense=0.86, lexical=None), *others], asked, words).is_weak


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_more_of_any_signal_is_never_weaker(similarity: float, covered: float, stands_out: float, like: float) -> None:
    evidence = Evidence((), (), similarity, covered, stands_out, like)
    for more in (
        replace(evidence, similarity=1.0),
        replace(evidence, coverage=1.0),
        replace(evidence, margin=1.0),
        replace(evidence, likeness=1.0),
    ):
        assert more.strength >= evidence.strength
