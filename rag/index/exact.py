"""Nearest neighbours by comparing with every vector: exact, and fast enough for some thousands."""

import numpy as np
from numpy.typing import NDArray

_FIRST_ROWS = 256


class ExactVectors:
    """Unit vectors (n, d) float32 at slots from `first` on. One thread adds; others search what was there before."""

    def __init__(self, first: int = 0, rows: NDArray[np.float32] | None = None) -> None:
        self.first = first
        self._rows = rows if rows is not None else np.empty((0, 0), np.float32)
        self._count = len(self._rows)

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> NDArray[np.float32]:
        """What is held (n, d), a view."""
        return self._rows[: self._count]

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Take further vectors (m, d). Room doubles, so that each is copied a few times in all."""
        needed = self._count + len(vectors)
        if needed > len(self._rows):
            grown = np.empty((max(_FIRST_ROWS, needed, 2 * self._count), vectors.shape[1]), np.float32)
            if self._count:
                grown[: self._count] = self.rows
            self._rows = grown
        self._rows[self._count : needed] = vectors
        self._count = needed

    def after(self, count: int) -> "ExactVectors":
        """A copy without the first `count`."""
        return ExactVectors(self.first + count, self.rows[count:].copy())


GATHERED_SHARE_MAX = 0.25
"""Where fewer rows are wanted than this share, they are put together first: comparing with all costs more."""


def nearest_among(
    rows: NDArray[np.float32], vector: NDArray[np.float32], k: int, wanted: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """As `nearest`, of the rows (n, d) that are `wanted` (n,)."""
    places = np.flatnonzero(wanted)
    if len(places) > GATHERED_SHARE_MAX * len(rows):
        return nearest(rows, vector, k, np.flatnonzero(~wanted))
    found, near = nearest(rows[places], vector, k, np.empty(0, np.int64))
    return places[found], near


def nearest(
    rows: NDArray[np.float32], vector: NDArray[np.float32], k: int, left_out: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Places and cosines of the `k` rows (n, d) nearest to a unit vector (d,), nearest first; fewer where n is less.

    Rows at the places `left_out` are not found.
    """
    k = min(k, len(rows) - len(left_out))
    if k < 1:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    near = rows @ vector
    near[left_out] = -np.inf
    places = np.argpartition(-near, k - 1)[:k]
    places = places[np.argsort(-near[places], kind="stable")]
    return places, near[places]
