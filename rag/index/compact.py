"""The vectors of a graph once more in a byte a number: what is narrowed to few of them is compared one by one.

A graph searches all it holds; asked for far more than is wanted it costs more, and its vectors come out of Chroma in
50 µs each. A row keeps its largest number as its scale; a cosine is off by up to 0.001.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.index.exact import nearest

_ROWS_AT_ONCE = 512
"""So many are widened at once: they fit a cache, and one thread multiplies them while the model has the others."""
_LEVELS = 127


class CompactVectors:
    """Vectors (n, d) by slot, n x (d + 4) bytes. Nothing changes it."""

    def __init__(self, records: NDArray[np.void]) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    @classmethod
    def of(cls, rows: NDArray[np.float32]) -> "CompactVectors":
        """Of rows (n, d)."""
        records = np.empty(len(rows), _layout(rows.shape[1]))
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[first : first + _ROWS_AT_ONCE]
            scale = np.maximum(np.abs(part).max(axis=1), np.finfo(np.float32).tiny) / _LEVELS
            records["scale"][first : first + len(part)] = scale
            records["numbers"][first : first + len(part)] = np.rint(part / scale[:, None])
        return cls(records)

    @classmethod
    def read(cls, path: Path, dimensions: int) -> "CompactVectors":
        """What `write` wrote, of so many dimensions. Raises OSError; what is cut reads as fewer."""
        return cls(np.fromfile(path, _layout(dimensions)))

    def write(self, path: Path) -> None:
        """Put it into a file."""
        self._records.tofile(path)

    def followed_by(self, rows: NDArray[np.float32]) -> "CompactVectors":
        """With further rows (m, d) behind it."""
        fresh = CompactVectors.of(rows)
        return CompactVectors(np.concatenate((self._records, fresh._records))) if len(self) else fresh

    def nearest(
        self, slots: NDArray[np.int64], vector: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `k` of these slots nearest to a unit vector (d,), with their cosines, nearest first."""
        cosines = np.empty((len(slots), 1), np.float32)
        for first in range(0, len(slots), _ROWS_AT_ONCE):
            part = self._records[slots[first : first + _ROWS_AT_ONCE]]
            cosines[first : first + len(part), 0] = (part["numbers"].astype(np.float32) @ vector) * part["scale"]
        places, near = nearest(cosines, np.ones(1, np.float32), k, np.empty(0, np.int64))
        return slots[places], near


def _layout(dimensions: int) -> np.dtype[np.void]:
    return np.dtype([("scale", "<f4"), ("numbers", "i1", (dimensions,))])
