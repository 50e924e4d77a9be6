"""Comparing with every vector finds the nearest, however they came in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rag.index.exact import ExactVectors, nearest


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(0, 30), st.integers(0, 2**31))
def test_the_nearest_are_those_of_a_plain_sort_without_what_is_left_out(sizes: list[int], k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    held, parts = ExactVectors(5), [random.standard_normal((size, 8)).astype(np.float32) for size in sizes]
    for part in parts:
        if len(part):
            held.add(part)
    rows = np.concatenate(parts) if parts else np.empty((0, 8), np.float32)
    assert len(held) == len(rows)
    vector = random.standard_normal(8).astype(np.float32)
    left_out = np.flatnonzero(random.random(len(rows)) < 0.3)
    places, near = nearest(held.rows.reshape(-1, 8), vector, k, left_out)
    kept = [place for place in np.argsort(-(rows @ vector), kind="stable") if place not in set(left_out)]
    assert np.allclose(near, (rows @ vector)[kept[:k]], atol=1e-5)
    assert not set(places) & set(left_out)


def test_what_was_taken_over_by_a_graph_is_left_behind() -> None:
    held = ExactVectors(100)
    held.add(np.eye(4, dtype=np.float32))
    rest = held.after(3)
    assert (rest.first, len(rest)) == (103, 1)
    assert rest.rows.tolist() == [[0, 0, 0, 1]]


def test_a_reader_keeps_what_it_saw_while_others_add() -> None:
    held = ExactVectors()
    held.add(np.eye(4, dtype=np.float32))
    seen = held.rows
    for _ in range(200):
        held.add(np.full((3, 4), 7, np.float32))
    assert seen.tolist() == np.eye(4).tolist()
