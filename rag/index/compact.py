"""The vectors of a graph once more in six bits a number: what is narrowed to few of them is compared one by one.

A graph searches all it holds; asked for far more than is wanted it costs more, and its vectors come out of Chroma in
50 µs each. What is kept is a vector's distance from the mean of the first: vectors of one model have much in common. A
cosine is off by 0.0005, by 0.0035 at most of a million looked at; 97 to 98 of the 100 nearest stay so.
"""

from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.index.exact import nearest

_ROWS_AT_ONCE = 512
"""So many are widened at once: they fit a cache, and one thread multiplies them while the model has the others."""
_LEVELS = 31
_BITS = 6
_LOW = 2**_BITS - 1
_MIDDLE = _LEVELS + 1
_Packed = NDArray[np.uint8]
_Number = TypeVar("_Number", np.uint8, np.float32)


class CompactVectors:
    """Vectors (n, d) by slot, n x (3 d / 4 + 4) bytes. Nothing changes it."""

    def __init__(self, mean: NDArray[np.float32], records: NDArray[np.void]) -> None:
        self._mean, self._records = mean, records

    def __len__(self) -> int:
        return len(self._records)

    @classmethod
    def of(cls, rows: NDArray[np.float32]) -> "CompactVectors":
        """Of rows (n, d)."""
        mean = rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1], np.float32)
        return cls(mean, _records(rows, mean))

    @classmethod
    def read(cls, path: Path, dimensions: int) -> "CompactVectors":
        """What `write` wrote, of so many dimensions. Raises OSError; what is cut reads as fewer."""
        with path.open("rb") as file:
            mean = np.fromfile(file, np.float32, dimensions)
            return cls(mean, np.fromfile(file, _layout(dimensions)))

    def write(self, path: Path) -> None:
        """Put it into a file."""
        with path.open("wb") as file:
            self._mean.tofile(file)
            self._records.tofile(file)

    def followed_by(self, rows: NDArray[np.float32]) -> "CompactVectors":
        """With further rows (m, d) behind it."""
        if not len(self):
            return CompactVectors.of(rows)
        return CompactVectors(self._mean, np.concatenate((self._records, _records(rows, self._mean))))

    def nearest(
        self, slots: NDArray[np.int64], vector: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `k` of these slots nearest to a unit vector (d,), with their cosines, nearest first."""
        cosines = self.cosines(slots, vector)[:, None]
        places, near = nearest(cosines, np.ones(1, np.float32), k, np.empty(0, np.int64))
        return slots[places], near

    def cosines(self, slots: NDArray[np.int64], vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """The cosine (n,) of the vector at each of these slots to a unit vector (d,)."""
        cosines = np.empty(len(slots), np.float32)
        middle, offset = _MIDDLE * vector.sum(), self._mean @ vector
        quarters = _quarters(vector[None, :])[0]
        for first in range(0, len(slots), _ROWS_AT_ONCE):
            part = self._records[slots[first : first + _ROWS_AT_ONCE]]
            products = sum(
                numbers @ quarter for numbers, quarter in zip(_unpacked(part["numbers"]), quarters, strict=True)
            )
            cosines[first : first + len(part)] = (products - middle) * part["scale"] + offset
        return cosines


def _records(rows: NDArray[np.float32], mean: NDArray[np.float32]) -> NDArray[np.void]:
    records = np.empty(len(rows), _layout(rows.shape[1]))
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[first : first + _ROWS_AT_ONCE] - mean
        scale = np.maximum(np.abs(part).max(axis=1), np.finfo(np.float32).tiny) / _LEVELS
        records["scale"][first : first + len(part)] = scale
        records["numbers"][first : first + len(part)] = _packed(np.rint(part / scale[:, None]).astype(np.int8))
    return records


def _packed(numbers: NDArray[np.int8]) -> _Packed:
    """Numbers (n, d) of -31 to 31 as (n, 3, d / 4): three quarters in six bits of a byte, the last in the bits left."""
    quarters = _quarters((numbers + _MIDDLE).astype(np.uint8))
    spread = [(quarters[:, 3] >> shift & 3) << _BITS for shift in (0, 2, 4)]
    return np.asarray(quarters[:, :3] | np.stack(spread, axis=1))


def _unpacked(packed: _Packed) -> list[NDArray[np.float32]]:
    """The four quarters of `_packed` numbers: 0 to 63, the middle 32."""
    planes = np.ascontiguousarray(packed.transpose(1, 0, 2))
    high = planes >> _BITS
    last = high[0] + high[1] * np.uint8(4) + high[2] * np.uint8(16)  # shifted to the left it takes ten times as long
    return [part.astype(np.float32) for part in (*(planes & _LOW), last)]


def _quarters(rows: NDArray[_Number]) -> NDArray[_Number]:
    """Rows (n, d) as (n, 4, d / 4), with zeros behind them where d has no quarter."""
    missing = -rows.shape[1] % 4
    return np.pad(rows, ((0, 0), (0, missing))).reshape(len(rows), 4, -1)


def _layout(dimensions: int) -> np.dtype[np.void]:
    return np.dtype([("scale", "<f4"), ("numbers", "u1", (3, -(-dimensions // 4)))])
