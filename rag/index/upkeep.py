"""One thread that tends the indexes in memory: makes what is missing, grows graphs, seals snapshots."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from rag.index.memory import MemoryIndex
from rag.store.documents import DocumentStore
from security.access import Grant
from security.identity import CollectionId

TICK_SECONDS = 0.5
_AGAIN_SECONDS = 60.0
"""After a failure, a collection waits so long."""


class Tell(Protocol):
    """Takes an event with plain fields, such as a log."""

    def __call__(self, event: str, **fields: object) -> None:
        """Take it."""


class Upkeep:
    """Tends from `start` until `stop`, one collection at a time. `failed` tells what went wrong, until it goes well."""

    def __init__(
        self,
        index: MemoryIndex,
        store: DocumentStore,
        grant: Callable[[CollectionId], Grant],
        snapshot_seconds: float,
        tell: Tell,
    ) -> None:
        self._index, self._store, self._grant = index, store, grant
        self._snapshot_seconds, self._tell = snapshot_seconds, tell
        self._stopping = threading.Event()
        self._failed_at: dict[CollectionId, float] = {}
        self.failed: dict[CollectionId, str] = {}
        self._thread = threading.Thread(target=self._run, name="index-upkeep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Cut short what takes long, then seal what can be sealed at once."""
        self._stopping.set()
        self._index.stop()
        if self._thread.is_alive():
            self._thread.join()
        for collection_id in self._index.collections():
            self._do(collection_id, self._index.seal)

    @property
    def due(self) -> list[CollectionId]:
        """What is to be tended now."""
        return [name for name in self._index.due(self._snapshot_seconds) if self._may(name)]

    def finish(self) -> None:
        """Tend what is due, in the caller's thread: for a process that ends when its work does."""
        for collection_id in self.due:
            self._tend(collection_id)

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            for collection_id in self.due:
                if not self._stopping.is_set():
                    self._tend(collection_id)

    def _tend(self, collection_id: CollectionId) -> None:
        self._do(collection_id, lambda grant: self._index.tend(grant, self._store))

    def _may(self, collection_id: CollectionId) -> bool:
        if self._store.integrity.is_closed(collection_id):
            return False
        return time.monotonic() - self._failed_at.get(collection_id, -_AGAIN_SECONDS) >= _AGAIN_SECONDS

    def _do(self, collection_id: CollectionId, act: Callable[[Grant], bool]) -> None:
        """A failure is told; the index goes on as it is, and is tended again."""
        started = time.monotonic()
        try:
            is_done = act(self._grant(collection_id))
        except Exception as error:  # noqa: BLE001 - the edge of a thread
            if not self._stopping.is_set():
                self._failed_at[collection_id] = time.monotonic()
                self.failed[collection_id] = type(error).__name__
                self._tell("index_not_tended", collection_id=collection_id, error=type(error).__name__)
            return
        self.failed.pop(collection_id, None)
        if is_done:
            seconds = round(time.monotonic() - started, 1)
            self._tell("index_tended", collection_id=collection_id, seconds=seconds)
