"""How long a source may take and how often it may fail, so that a hostile or dying server costs a bounded time."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rag.errors import FileUnavailable, RagError

LISTING_SECONDS_MAX = 600.0
"""For all that lies in a source: a share of 100,000 files in 1,000 folders answers in two minutes."""

FILE_SECONDS_MAX = 300.0
"""For one file: 250 MB at 1 MB/s."""

FETCHING_SECONDS_MAX = 6 * 3600.0
"""For all files of one sync, without the time that reading and embedding them takes."""

FAILURES_MAX = 10
"""Files in a row that could not be fetched: the source is left alone until its next sync."""

SLICE_SECONDS = 1.0
"""How soon a wait notices that it is to stop."""

CONNECT_SECONDS_MAX = 10.0

IDLE_SECONDS_MAX = 30.0
"""Without a byte from the server."""


class OutOfPatience(RagError):
    """The source took too long, or the sync is being stopped."""


class Patience:
    """Counts for one sync. `within` gives the thread at hand its time; `wait` is asked before each wait."""

    def __init__(self, stopped: threading.Event | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.stopped = stopped or threading.Event()
        self._clock = clock
        self._own = threading.local()
        self._change = threading.Lock()
        self._spent = 0.0
        self._failures = 0

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """All waits of this thread in the block end after so many seconds."""
        self._own.until = self._clock() + seconds
        try:
            yield
        finally:
            self._own.until = None

    def wait(self, idle_since: float) -> float:
        """How long the next wait may last, in seconds. Raises OutOfPatience when time is up."""
        now, until = self._clock(), getattr(self._own, "until", None)
        if self.stopped.is_set():
            raise OutOfPatience("it was stopped")
        left = min(until if until is not None else now, idle_since + IDLE_SECONDS_MAX) - now
        if left <= 0:
            raise OutOfPatience("the server takes too long to answer")
        return min(left, SLICE_SECONDS)

    def remaining(self) -> float:
        """How long one connection or one sending may last, in seconds. Raises OutOfPatience when time is up."""
        self.wait(self._clock())
        until = getattr(self._own, "until", None) or self._clock()
        return float(min(until - self._clock(), CONNECT_SECONDS_MAX))

    def now(self) -> float:
        """The time on the clock of this sync."""
        return self._clock()

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """Fetch one file in the block. Raises FileUnavailable at once where the source has had its chances."""
        if self.stopped.is_set():
            raise FileUnavailable("not fetched: the sync is being stopped; it goes on the next time")
        if self._failures >= FAILURES_MAX:
            raise FileUnavailable(f"not fetched: {FAILURES_MAX} files before it failed; the next sync asks again")
        if self._spent >= FETCHING_SECONDS_MAX:
            raise FileUnavailable("not fetched: this sync has fetched for 6 hours; the next one goes on")
        started = self._clock()
        is_fetched = False
        try:
            with self.within(FILE_SECONDS_MAX):
                yield
            is_fetched = True
        finally:
            with self._change:
                self._spent += self._clock() - started
                self._failures = 0 if is_fetched else self._failures + 1
