"""What the engine remembers between requests, within bytes: the least recently used goes first."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KEPT_SECONDS = 1800.0
"""How long a conversation is remembered after its last answer."""


@dataclass(frozen=True, slots=True)
class Read:
    """Tokens that were read, and what the KV cache held then: (bytes,) uint8, of this process."""

    tokens: tuple[int, ...]
    state: NDArray[np.uint8]


class Kept:
    """Reads by key, `bytes_max` of them in all; one that is larger alone is not kept. Any thread may ask."""

    def __init__(self, bytes_max: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._bytes_max, self._clock = bytes_max, clock
        self._reads: OrderedDict[Hashable, tuple[Read, float]] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = self.evictions = 0

    def __len__(self) -> int:
        return len(self._reads)

    def add(self, key: Hashable, read: Read) -> None:
        """Remember a read in the place of an earlier one of the same key."""
        with self._lock:
            self._drop(key)
            self._drop_old()
            while self._reads and self.bytes + read.state.nbytes > self._bytes_max:
                self._drop(next(iter(self._reads)))
                self.evictions += 1
            if read.state.nbytes <= self._bytes_max:
                self._reads[key] = (read, self._clock())
                self.bytes += read.state.nbytes

    def get(self, key: Hashable) -> Read | None:
        """What is remembered under a key, if it is not too long ago; it is the most recently used now."""
        with self._lock:
            self._drop_old()
            if key not in self._reads:
                return None
            self._reads.move_to_end(key)
            return self._reads[key][0]

    def drop(self, matches: Callable[[Hashable], bool]) -> None:
        """Forget what has such a key."""
        with self._lock:
            for key in [key for key in self._reads if matches(key)]:
                self._drop(key)

    def _drop_old(self) -> None:
        oldest = self._clock() - KEPT_SECONDS
        for key in [key for key, (_, since) in self._reads.items() if since < oldest]:
            self._drop(key)

    def _drop(self, key: Hashable) -> None:
        if found := self._reads.pop(key, None):
            self.bytes -= found[0].state.nbytes


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences begin with in common."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
