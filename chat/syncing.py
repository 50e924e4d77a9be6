"""Collections brought in step with their sources: when an operator asks, and by a schedule while the house is served.

One source at a time. How each sync ended is kept with the source, sealed; a failure keeps everything that was loaded.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from pathlib import Path

from chat.background import running
from chat.errors import Refused
from chat.logs import record, record_failure
from rag.errors import LoadRunning, RagError, SourceRefused
from rag.loading import FileLoaded, Loader
from rag.preparing import give_way
from rag.sources.opening import Surroundings, check_source, open_source
from rag.sources.patience import Patience
from rag.sources.record import SOURCES_MAX, SourceRecord
from rag.store.collections import CollectionRecord, CollectionStore
from rag.store.documents import DocumentStore
from security.access import AccessPolicy, Grant, Right
from security.audit import AuditLog
from security.clock import Clock, utc_now
from security.egress import AllowedEntry
from security.errors import SecurityError
from security.hygiene import Finding
from security.identity import OPERATOR

SYNC = "source.sync"
"""The action under which the record tells of it."""

LOOK_SECONDS = 10.0
"""Between two looks at what is due."""


@dataclass
class Syncing:
    """Every sync of a house. `documents` and `loader` are opened at their first use."""

    audit: AuditLog
    policy: AccessPolicy
    collections: CollectionStore
    allowed: tuple[AllowedEntry, ...]
    memory_dir: Path
    documents: Callable[[], DocumentStore]
    loader: Callable[[], Loader]
    clock: Clock = utc_now

    def add(self, grant: Grant, source: SourceRecord) -> None:
        """Keep a source with its collection. Raises SourceRefused for one that would not be opened."""
        check_source(source, self.allowed)

        def added(known: tuple[SourceRecord, ...]) -> tuple[SourceRecord, ...]:
            if len(known) >= SOURCES_MAX:
                raise SourceRefused(f"a collection has {SOURCES_MAX} sources at most; remove one, or make another")
            if any((each.kind, each.address) == (source.kind, source.address) for each in known):
                raise SourceRefused("the collection has this source already; see `huisclos source list`")
            return (*known, source)

        self.documents().change_sources(grant, added)

    def find(self, grant: Grant, source_id: str) -> SourceRecord:
        """A source of the collection. Raises Refused where it has none of that id."""
        found = next((each for each in self.documents().sources(grant) if each.id == source_id), None)
        if found is None:
            raise Refused("the collection has no such source; see `huisclos source list`")
        return found

    def remove(self, grant: Grant, source_id: str) -> None:
        """Forget a source with its credentials; what was loaded from it stays."""
        self.find(grant, source_id)
        self.documents().change_sources(grant, lambda known: tuple(each for each in known if each.id != source_id))

    def forget(self, grant: Grant, source: SourceRecord) -> int:
        """Forget everything that was loaded from a source; gives the number of documents."""
        return self.loader().forget(grant, source.name)

    def run(
        self, grant: Grant, source: SourceRecord, stopped: threading.Event | None = None
    ) -> Generator[FileLoaded, None, None]:
        """Bring the collection in step with one source, giving each file as it ends; then keep how it ended.

        Closed or stopped, it keeps what was loaded and the next one goes on from there.
        """
        files: dict[str, int] = {}
        what = f"{grant.collection_id}/{source.id}"
        self.audit.record(OPERATOR.user_id, SYNC, what, "begun")
        end, reason = "stopped", ""
        try:
            opened = open_source(source, Surroundings(self.allowed, self.memory_dir, Patience(stopped)))
            with closing(opened), closing(self.loader().load(grant, opened)) as loading:
                for file in loading:
                    files[file.state.value] = files.get(file.state.value, 0) + 1
                    yield file
                    if stopped is not None and stopped.is_set():
                        return
            end, reason = "done", ""
        except LoadRunning:
            end, reason = "failed", "another load into this collection was running"
            raise
        except Exception as error:
            end, reason = "failed", _sentence(error)
            raise
        finally:
            self.audit.record(OPERATOR.user_id, SYNC, what, end)
            if end != "stopped":  # its time has not passed: it goes on with the next start
                self._keep(grant, source.id, reason, files)

    def _keep(self, grant: Grant, source_id: str, reason: str, files: dict[str, int]) -> None:
        """How it ended, where the source is still there."""

        def kept(known: tuple[SourceRecord, ...]) -> tuple[SourceRecord, ...]:
            now = self.clock()
            return tuple(each.ended(now, reason, files) if each.id == source_id else each for each in known)

        with suppress(RagError, SecurityError):  # the collection was removed or closed meanwhile
            self.documents().change_sources(grant, kept)

    def findings(self) -> Iterator[Finding]:
        """Sources whose last sync failed, and schedules that go nowhere."""
        for collection in self.collections.list():
            for source in self._sources(collection):
                failed = source.last.reason if source.last else ""
                yield Finding(f"source {source.id} of collection {collection.name}", not failed, failed)

    def scheduled(self) -> AbstractContextManager[None]:
        """During the block, sync what is due, in one thread at low priority; at its end that thread has ended."""
        return running("sources", self._watch)

    def _watch(self, stopped: threading.Event) -> None:
        give_way()
        while not stopped.wait(LOOK_SECONDS):
            try:
                self.sync_due(stopped)
            except Exception as error:  # noqa: BLE001 - the edge of the thread: the next look comes
                record_failure("sources_not_looked_at", error)

    def sync_due(self, stopped: threading.Event) -> None:
        """Sync every source whose time has come, one after the other, until `stopped` is set."""
        for collection in self.collections.list():
            for source in self._sources(collection):
                if stopped.is_set():
                    return
                if source.is_due(self.clock()):
                    self._sync(collection, source, stopped)

    def _sync(self, collection: CollectionRecord, source: SourceRecord, stopped: threading.Event) -> None:
        about = {"collection_id": collection.id, "source_id": source.id}
        try:
            grant = self.policy.grant(OPERATOR, collection.id, Right.MANAGE)
            with closing(self.run(grant, source, stopped)) as files:
                count = sum(1 for _ in files)
        except Exception as error:  # noqa: BLE001 - the edge of one sync: the next source has its turn
            record_failure("source_failed", error, **about)
        else:
            record("source_stopped" if stopped.is_set() else "source_synced", files=count, **about)

    def _sources(self, collection: CollectionRecord) -> tuple[SourceRecord, ...]:
        """Those of a collection; none where it is closed, which is told elsewhere."""
        try:
            return self.documents().sources(self.policy.grant(OPERATOR, collection.id, Right.MANAGE))
        except (RagError, SecurityError):
            return ()


def _sentence(error: Exception) -> str:
    """What an operator is told later; of an unforeseen error its type, because its message may hold anything."""
    if isinstance(error, RagError | SecurityError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}; check the path, its rights and the network"
    return f"stopped by an unforeseen {type(error).__name__}"
