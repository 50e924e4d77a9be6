"""Stages go on and off, and one that is off changes nothing."""

import pytest

from rag.retrieval.stages import ALL_STAGES, Stage, Stages


def test_all_are_on_and_each_can_be_left_out() -> None:
    assert set(ALL_STAGES.on) == set(Stage)
    for stage in Stage:
        assert stage not in ALL_STAGES.without(stage)


def test_only_some_are_left() -> None:
    assert ALL_STAGES.only(Stage.DENSE, Stage.RERANK).on == {Stage.DENSE, Stage.RERANK}


def test_a_search_needs_a_retriever() -> None:
    with pytest.raises(ValueError, match="neither dense nor lexical"):
        Stages(frozenset({Stage.RERANK}))
