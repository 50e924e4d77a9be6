"""Who follows a job that is done elsewhere: each hears of its files as they end, and of the job now and then."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue

from rag.loading import FileLoaded
from rag.store.jobs import Job, JobId

FOLLOW_SECONDS = 1.0
"""Between two times that who follows a job hears of it, files aside."""

Look = Callable[[], tuple[Job, bool]]
"""Gives the job as it stands now, and whether nothing more is to be heard of it."""


class Followers:
    """Those of every job."""

    def __init__(self) -> None:
        self._heard: dict[JobId, list[SimpleQueue[FileLoaded]]] = {}
        self._lock = threading.Lock()

    def tell(self, job_id: JobId, file: FileLoaded) -> None:
        """Tell of a file that ended."""
        with self._lock:
            for heard in self._heard.get(job_id, ()):
                heard.put(file)

    def follow(self, job_id: JobId, look: Look) -> Generator[FileLoaded | Job, None, None]:
        """Every file that ends from now on, and the job now and then; last, the job as it was left."""
        heard: SimpleQueue[FileLoaded] = SimpleQueue()
        with self._lock:
            self._heard.setdefault(job_id, []).append(heard)
        return self._following(job_id, heard, look)

    def _following(
        self, job_id: JobId, heard: SimpleQueue[FileLoaded], look: Look
    ) -> Generator[FileLoaded | Job, None, None]:
        try:
            while True:
                present, is_left = look()
                yield from _within(heard, 0 if is_left else FOLLOW_SECONDS)
                yield present
                if is_left:
                    return
        finally:
            self._forget(job_id, heard)

    def _forget(self, job_id: JobId, heard: SimpleQueue[FileLoaded]) -> None:
        with self._lock:
            self._heard[job_id].remove(heard)
            if not self._heard[job_id]:
                del self._heard[job_id]


def _within(heard: SimpleQueue[FileLoaded], seconds: float) -> Iterator[FileLoaded]:
    """What comes within that time; at least what is there."""
    until = time.monotonic() + seconds
    with suppress(Empty):
        while True:
            yield heard.get(timeout=max(until - time.monotonic(), 0.001))
