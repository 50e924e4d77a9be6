"""Collections brought in step with their sources: when an operator asks, or when their time has come.

One source at a time. How each sync ended is kept with the source, sealed; a failure keeps everything that was loaded.
"""

import threading
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from chat.errors import Refused
from chat.folder_rights import FolderRights
from rag.errors import LoadRunning, RagError, ReadingCancelled, SourceRefused
from rag.loading import FileLoaded, Loader
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
    _changed: dict[str, frozenset[str]] = field(default_factory=dict)
    rights: FolderRights = field(kw_only=True)

    def add(self, grant: Grant, source: SourceRecord) -> None:
        """Keep a source with its collection. Raises SourceRefused for one that would not be opened, or does not go
        with it.
        """
        from rag.sources.opening import check_source  # its clients are 0.1 s that most commands do without

        check_source(source, self.allowed)

        def added(known: tuple[SourceRecord, ...]) -> tuple[SourceRecord, ...]:
            if len(known) >= SOURCES_MAX:
                raise SourceRefused(f"a collection has {SOURCES_MAX} sources at most; remove one, or make another")
            if any((each.kind, each.address) == (source.kind, source.address) for each in known):
                raise SourceRefused("the collection has this source already; see `huisclos source list`")
            self.rights.check_source(grant, source, known)
            return (*known, source)

        with self.rights.adding(grant, source):
            self.documents().change_sources(grant, added)

    def find(self, grant: Grant, source_id: str) -> SourceRecord:
        """A source of the collection. Raises Refused where it has none of that id."""
        found = next((each for each in self.documents().sources(grant) if each.id == source_id), None)
        if found is None:
            raise Refused("the collection has no such source; see `huisclos source list`")
        return found

    def remove(self, grant: Grant, source_id: str, *, is_forgotten: bool = False) -> int:
        """Forget a source with its credentials; gives how many documents went with it.

        What was loaded stays, unless it is to be forgotten, or rights were mapped, which nobody would compare any more.
        """
        found = self.find(grant, source_id)

        def struck() -> None:
            self.documents().change_sources(grant, lambda known: tuple(each for each in known if each.id != source_id))

        if is_forgotten or found.rights:
            return self.loader().forget(grant, found.name, struck)
        struck()
        return 0

    def run(
        self,
        grant: Grant,
        source: SourceRecord,
        stopped: threading.Event | None = None,
        released: Collection[str] = (),
        *,
        is_rereading: bool = False,
    ) -> Generator[FileLoaded, None, None]:
        """Bring the collection in step with one source, giving each file as it ends; then keep how it ended.

        What is known to have changed comes first. Closed or stopped, it keeps what was loaded and the next one goes on
        from there. Raises what a load raises.
        """
        from rag.sources.opening import Surroundings, open_source

        files: dict[str, int] = {}
        what = f"{grant.collection_id}/{source.id}"
        self.audit.record(OPERATOR.user_id, SYNC, what, "begun")
        end, reason = "stopped", ""
        try:
            first = self._changed.pop(source.id, frozenset())
            readers = partial(self.rights.readers, grant.collection_id, source)
            around = Surroundings(self.allowed, self.memory_dir, Patience(stopped), first, readers)
            opened = open_source(source, around)
            load = self.loader().load(grant, opened, released, is_rereading=is_rereading, stopped=stopped)
            with closing(opened), closing(load) as loading:
                for file in loading:
                    files[file.state.value] = files.get(file.state.value, 0) + 1
                    yield file
                    if stopped is not None and stopped.is_set():
                        return
            end, reason = "done", ""
        except ReadingCancelled:
            raise
        except LoadRunning:
            end, reason = "failed", "another load into this collection was running"
            raise
        except Exception as error:
            if not (stopped and stopped.is_set()):
                end, reason = "failed", sentence(error)
            raise
        finally:
            self.audit.record(OPERATOR.user_id, SYNC, what, end)
            if end != "stopped":  # its time has not passed: it goes on with the next start
                self.keep(grant, source.id, reason, files)

    def keep(self, grant: Grant, source_id: str, reason: str, files: Mapping[str, int]) -> None:
        """Write down with a source how its sync ended; nothing where it is gone."""

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

    def due(self) -> Iterator[tuple[Grant, SourceRecord]]:
        """Every source whose time has come, with the grant to bring its collection in step."""
        for collection in self.collections.list():
            for source in self._sources(collection):
                if source.is_due(self.clock()):
                    yield self.policy.grant(OPERATOR, collection.id, Right.MANAGE), source

    def watched(self) -> Iterator[tuple[Grant, SourceRecord]]:
        """Every source that a change causes a sync of, with the grant to bring its collection in step."""
        for collection in self.collections.list():
            for source in self._sources(collection):
                if source.is_watched:
                    yield self.policy.grant(OPERATOR, collection.id, Right.MANAGE), source

    def note_changed(self, source: SourceRecord, places: frozenset[str]) -> None:
        """Have the next sync of a folder read first what is at these places."""
        self._changed[source.id] = places

    def _sources(self, collection: CollectionRecord) -> tuple[SourceRecord, ...]:
        """Those of a collection; none where it is closed, which is told elsewhere."""
        try:
            return self.documents().sources(self.policy.grant(OPERATOR, collection.id, Right.MANAGE))
        except (RagError, SecurityError):
            return ()


def sentence(error: Exception) -> str:
    """What an operator is told later; of an unforeseen error its type, because its message may hold anything."""
    if isinstance(error, RagError | SecurityError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}; check the path, its rights and the network"
    return f"stopped by an unforeseen {type(error).__name__}"
