"""Rankings of different scales become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.retrieval.fusion import Ranking, fuse, interleave

_scores = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-100, 100), max_size=8)


def test_what_both_retrievers_put_first_is_first() -> None:
    dense, lexical = {"a": 0.9, "b": 0.8, "c": 0.7}, {"a": 12.0, "c": 3.0, "b": 2.0}
    assert next(iter(fuse([Ranking(dense, 0.6), Ranking(lexical, 0.4)]))) == "a"


def test_the_heavier_ranking_decides_between_opposites() -> None:
    one, other = Ranking({"a": 1.0, "b": 0.0}, 0.6), Ranking({"b": 1.0, "a": 0.0}, 0.4)
    assert list(fuse([one, other])) == ["a", "b"]


def test_a_candidate_that_a_ranking_lacks_counts_as_its_last() -> None:
    fused = fuse([Ranking({"a": 1.0, "b": 0.5, "c": 0.1}, 1.0), Ranking({"a": 5.0, "b": 1.0}, 1.0)])
    assert list(fused) == ["a", "b", "c"]


def test_nothing_fuses_to_nothing() -> None:
    assert fuse([]) == {}
    assert fuse([Ranking({}, 1.0)]) == {}


@given(_scores, _scores)
def test_every_candidate_is_ranked_once_best_first(dense: dict[str, float], lexical: dict[str, float]) -> None:
    fused = fuse([Ranking(dense, 0.6), Ranking(lexical, 0.4)])
    assert set(fused) == {*dense, *lexical}
    assert list(fused.values()) == sorted(fused.values(), reverse=True)


@given(_scores, st.floats(0.1, 10), st.floats(-5, 5))
def test_the_scale_of_a_retriever_does_not_matter(scores: dict[str, float], factor: float, shift: float) -> None:
    moved = {name: score * factor + shift for name, score in scores.items()}
    one, other = fuse([Ranking(scores, 1.0)]), fuse([Ranking(moved, 1.0)])
    assert all(other[name] == pytest.approx(one[name], abs=1e-3) for name in one) or _is_flat(scores)


def _is_flat(scores: dict[str, float]) -> bool:
    """Scores so close together that shifting them loses their difference."""
    return max(scores.values(), default=0) - min(scores.values(), default=0) < 1e-6


def test_taken_in_turn_each_ranking_gives_its_best_and_nobody_comes_twice() -> None:
    taken = interleave([Ranking({"a": 0.9, "b": 0.8}, 0.6), Ranking({"b": 9.0, "c": 1.0, "d": 0.5}, 0.4)])
    assert list(taken) == ["a", "b", "c", "d"]
    assert list(taken.values()) == sorted(taken.values(), reverse=True)
    assert interleave([]) == {}
