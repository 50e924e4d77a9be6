"""A folder into a collection: prepared ahead, stored and indexed in order, one file a transaction.

Unchanged files are told by a keyed hash and left; moved ones get their new path; vanished ones are forgotten. One bad
file stops nothing. A killed load continues, because what is sealed is unchanged the next time.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock

from rag.documents import Chunk, DocumentId
from rag.errors import DocumentEmpty, DocumentQuarantined, FileUnavailable, FolderMissing, LoadRunning
from rag.folders import FoundFile, Survey, survey
from rag.index.memory import MemoryIndex
from rag.parsing.sandbox import ReadDocument
from rag.personal.kinds import Identifiers
from rag.personal.marking import identifiers_of
from rag.personal.policy import Policy, check_admitted
from rag.preparing import Known, PassageEmbedder, Prepared, Preparer, Ready, Refused
from rag.store.documents import DocumentStore, Fingerprint, Inventory, MovedTo, NewDocument
from security.access import Grant
from security.identity import CollectionId


class FileState(StrEnum):
    """How a file ended."""

    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    EMPTY = "empty"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class FileLoaded:
    """One file's outcome; `reason` is a sentence for what was not indexed. `done` of `total` files are through.

    `seconds` is the work on this file; files are read side by side, so that they add up to more than the load took.
    """

    doc: str
    state: FileState
    reason: str | None
    pages: int | None
    passages: int
    seconds: float
    done: int
    total: int


class Loader:
    """Loads folders. One load a collection at a time."""

    def __init__(
        self,
        store: DocumentStore,
        index: MemoryIndex,
        embedder: PassageEmbedder,
        memory_dir: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._index, self._embedder = store, index, embedder
        self._memory_dir, self._clock = memory_dir, clock
        self._lock = Lock()
        self._loading: set[CollectionId] = set()

    def load(self, grant: Grant, folder: Path) -> Iterator[FileLoaded]:
        """Bring the collection in step with a folder (or add a single file), giving each file as it ends.

        Close the iterator to stop after the file at hand; the next load goes on from there. Raises LoadRunning,
        FolderMissing where the folder is gone or suddenly empty, StoreFull, IndexUnavailable.
        """
        self._begin(grant.collection_id)
        try:
            yield from self._load(grant, survey(folder))
        finally:
            self._index.settle(grant.collection_id)
            with self._lock:
                self._loading.discard(grant.collection_id)

    def _begin(self, collection_id: CollectionId) -> None:
        with self._lock:
            if collection_id in self._loading:
                raise LoadRunning("a load into this collection is running; wait for its end")
            self._loading.add(collection_id)

    def _load(self, grant: Grant, found: Survey) -> Iterator[FileLoaded]:
        self._store.sweep(grant)
        load = _Load(self._store, self._index, grant, found)
        preparer = Preparer(self._embedder, self._memory_dir, Known(load.fingerprint, load.is_known, load.admit))
        with closing(preparer):
            for done, prepared in enumerate(preparer.prepare(found.files), 1):
                started = self._clock()
                ending = load.end(prepared, preparer.one)
                seconds = round(prepared.seconds + self._clock() - started, 3)
                yield FileLoaded(
                    prepared.file.doc,
                    ending.state,
                    ending.reason,
                    ending.pages,
                    ending.passages,
                    seconds,
                    done,
                    len(found.files),
                )
        load.forget_gone()


@dataclass(frozen=True, slots=True)
class _Ending:
    state: FileState
    reason: str | None = None
    pages: int | None = None
    passages: int = 0


class _Load:
    """One load: what the collection held when it began, and what becomes of each file. One thread ends files."""

    def __init__(self, store: DocumentStore, index: MemoryIndex, grant: Grant, found: Survey) -> None:
        self._store, self._index, self._grant, self._root = store, index, grant, found.root
        self._source, self._policy = str(found.root), store.policy(grant)
        self._held: Inventory = store.inventory(grant, self._source)
        wanted = {self._place(file) for file in found.files}
        gone = {place: entry for place, entry in self._held.here.items() if place not in wanted}
        if found.is_complete and gone and not found.files:
            raise FolderMissing(
                f"{found.root} holds no file, but {len(gone)} documents were loaded from it: mount its drive and load "
                "again, or remove the collection if they may go"
            )
        self._gone = gone if found.is_complete else {}
        self._gone_contents = frozenset(content for _, content in self._gone.values())

    def fingerprint(self, file: FoundFile, data: bytes) -> Fingerprint:
        """The keyed digests of a file of this folder."""
        return self._store.fingerprint(self._grant, self._source, file.place, data)

    def is_known(self, file: FoundFile, mark: Fingerprint) -> bool:
        """Whether the content is held already: here, at a place that is gone, or at the same path of another folder."""
        held = self._held.here.get(mark.place)
        is_unchanged = held is not None and held[1] == mark.content
        if self._policy is Policy.REFUSE:
            return is_unchanged and held is not None and self._is_clean(held[0])
        return is_unchanged or mark.content in self._gone_contents or bool(self._twin(file, mark))

    def admit(self, chunks: Sequence[Chunk]) -> None:
        """Raise DocumentRejected for a document that the collection refuses for what it holds."""
        check_admitted(self._policy, identifiers_of(chunks) or Identifiers())

    def _is_clean(self, identifier: DocumentId) -> bool:
        """Whether a document was looked at and holds nothing that identifies anybody."""
        return self._store.document(self._grant, identifier).identifiers == Identifiers()

    def end(self, prepared: Prepared, prepare: Callable[..., Prepared]) -> _Ending:
        """Store what is new, move what moved, leave what is unchanged."""
        file, outcome = prepared.file, prepared.outcome
        if isinstance(outcome, Refused):
            return self._refuse(file, outcome)
        if outcome.read is not None:
            return self._put(file, outcome, outcome.read)
        known = self._keep(outcome.mark) or self._move(file, outcome.mark)
        return known or self.end(prepare(file, is_forced=True), prepare)

    def forget_gone(self) -> None:
        """Forget documents whose files are no longer there."""
        self._forget([identifier for identifier, _ in self._gone.values()])

    def _keep(self, mark: Fingerprint) -> _Ending | None:
        held = self._held.here.get(mark.place)
        if held is None or held[1] != mark.content:
            return None
        info = self._store.document(self._grant, held[0])
        return _Ending(FileState.UNCHANGED, None, info.pages, info.passages)

    def _move(self, file: FoundFile, mark: Fingerprint) -> _Ending | None:
        """A file of the same content that is gone here, or stands at the same path of another loaded folder."""
        place = next((place for place, entry in self._gone.items() if entry[1] == mark.content), None)
        identifier = self._gone[place][0] if place else self._twin(file, mark)
        if identifier is None:
            return None
        replaced = self._held.here.pop(mark.place, None)
        if replaced is not None:
            self._forget([replaced[0]])
        entries = self._store.move(self._grant, identifier, MovedTo(self._source, file.place, file.doc))
        if entries:
            self._index.replace_document(self._grant.collection_id, identifier, entries)
        if place:
            self._gone.pop(place)
        self._held.here[mark.place] = (identifier, mark.content)
        info = self._store.document(self._grant, identifier)
        return _Ending(FileState.INDEXED if place else FileState.UNCHANGED, None, info.pages, info.passages)

    def _twin(self, file: FoundFile, mark: Fingerprint) -> DocumentId | None:
        ids = self._held.elsewhere.get(mark.content, ())
        return next((each for each in ids if self._store.document(self._grant, each).path == file.doc), None)

    def _put(self, file: FoundFile, ready: Ready, read: ReadDocument) -> _Ending:
        parsed = read.document
        held = self._held.here.get(ready.mark.place)
        if held:
            self._index.will_remove(self._grant.collection_id)
        identifier, entries = self._store.put(
            self._grant,
            NewDocument(
                self._source,
                file.doc,
                read.media_type,
                ready.data,
                parsed,
                ready.chunks,
                ready.vectors,
                file.place,
            ),
        )
        try:
            if held:
                self._index.remove_document(self._grant.collection_id, held[0])
            self._index.add(self._grant.collection_id, entries)
        except Exception:
            self._forget([identifier])  # or the next load would call it unchanged
            raise
        return _Ending(FileState.INDEXED, None, parsed.pages, len(ready.chunks))

    def _refuse(self, file: FoundFile, refused: Refused) -> _Ending:
        """A file that now holds nothing readable loses what was loaded of it; one that cannot be opened does not."""
        error = refused.error
        held = self._held.here.get(self._place(file))
        note = ""
        if held and not isinstance(error, FileUnavailable):
            self._forget([held[0]])
            note = "; its earlier version was removed"
        if isinstance(error, DocumentEmpty):
            return _Ending(FileState.EMPTY, f"{error}{note}")
        state = FileState.QUARANTINED if isinstance(error, DocumentQuarantined) else FileState.REJECTED
        return _Ending(state, f"{error}{note}")

    def _forget(self, ids: Sequence[DocumentId]) -> None:
        if not ids:
            return
        self._index.will_remove(self._grant.collection_id)
        self._store.forget(self._grant, ids)
        for identifier in ids:
            self._index.remove_document(self._grant.collection_id, identifier)

    def _place(self, file: FoundFile) -> bytes:
        return self._store.place_key(self._grant, self._source, file.place)
