"""Six bits a number find what the whole vectors would, one by one and as little off as it says."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.index.compact import CompactVectors
from tests.rag.index.test_vectors import DIMENSIONS, unit

COUNT = 1300


def alike(count: int, dimensions: int) -> NDArray[np.float32]:
    """Unit rows with much in common, as those of an embedding model."""
    drawn = np.random.default_rng(5).normal(size=(count, dimensions)) / dimensions**0.5
    rows = drawn + 2 * drawn[0]
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("dimensions", [381, 384])
def test_the_nearest_of_some_are_found_with_their_cosines(dimensions: int) -> None:
    rows, some = alike(COUNT, dimensions), np.arange(3, COUNT, 2)
    slots, near = CompactVectors.of(rows).nearest(some, rows[8], 50)
    exact = rows @ rows[8]
    best = some[np.argsort(-exact[some])[:50]]
    assert len(set(slots) & set(best)) >= 47
    assert np.allclose(near, exact[slots], atol=4e-3)
    assert (np.diff(near) <= 0).all()


def test_cosines_are_given_in_the_order_of_the_slots() -> None:
    rows, some = alike(COUNT, 384), np.array([1200, 7, 700])
    assert np.allclose(CompactVectors.of(rows).cosines(some, rows[8]), rows[some] @ rows[8], atol=4e-3)


def test_none_are_found_among_none_and_all_where_more_are_wished_for() -> None:
    compact = CompactVectors.of(unit(4))
    assert len(compact.nearest(np.empty(0, np.int64), unit(1)[0], 5)[0]) == 0
    assert set(compact.nearest(np.array([1, 3]), unit(1)[0], 5)[0]) == {1, 3}


def test_what_is_written_reads_as_it_was_and_grows(tmp_path: Path) -> None:
    rows = unit(COUNT)
    CompactVectors.of(rows[:900]).followed_by(rows[900:]).write(tmp_path / "compact")
    again = CompactVectors.read(tmp_path / "compact", DIMENSIONS)
    assert (tmp_path / "compact").stat().st_size == 4 * DIMENSIONS + COUNT * (3 * DIMENSIONS // 4 + 4)
    assert again.nearest(np.arange(COUNT), rows[950], 1)[0].tolist() == [950]


def test_a_row_of_zeros_is_near_nothing() -> None:
    rows = np.zeros((1, DIMENSIONS), np.float32)
    assert CompactVectors.of(rows).nearest(np.array([0]), unit(1)[0], 1)[1][0] == pytest.approx(0)
