"""Runs hold every chosen slot, are as few as asked for, and exact where that suffices."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rag.index.runs import runs_of


@given(st.lists(st.booleans()), st.integers(1, 5))
def test_all_that_is_chosen_lies_in_few_runs(chosen: list[bool], most: int) -> None:
    runs = runs_of(np.array(chosen, bool), most)
    held = [slot for first, last in runs for slot in range(first, last + 1)]
    wanted = [slot for slot, is_wanted in enumerate(chosen) if is_wanted]
    assert len(runs) <= most
    assert held == sorted(set(held))
    assert set(wanted) <= set(held)
    whole = runs_of(np.array(chosen, bool), len(chosen) + 1)
    assert sum(last - first + 1 for first, last in whole) == len(wanted)
    assert runs == whole or len(whole) > most


def test_the_narrowest_gaps_are_bridged() -> None:
    chosen = np.zeros(30, bool)
    chosen[[2, 3, 5, 20, 22]] = True
    assert runs_of(chosen, 2) == [(2, 5), (20, 22)]
    assert runs_of(chosen, 1) == [(2, 22)]
