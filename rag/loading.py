"""A folder, or another source, into a collection: prepared ahead, stored and indexed in order, one file a transaction.

Unchanged files are told by their version, or by a keyed hash, and left; moved ones get their new path; vanished ones
are forgotten. A file that holds files (an archive, a mail with attachments) is a folder of its own, and ends after what
it holds. One bad file stops nothing. A killed load continues, because what is sealed is unchanged the next time.
"""

import time
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock

from rag.elsewhere import Elsewhere
from rag.errors import LoadRunning, SourceRefused
from rag.folders import Survey
from rag.index.memory import MemoryIndex
from rag.keptout import readers_mark
from rag.preparing import Preparer, Stage
from rag.reading import PassageEmbedder
from rag.reconciling import Ended, FileState, Place, SourceLoad
from rag.sources.folder import FolderSource
from rag.sources.mapped import MappedFolder
from rag.sources.source import Source
from rag.store.documents import DocumentStore
from security.access import Grant
from security.identity import CollectionId

SMALL_BYTES = 1024 * 1024
"""What is smaller comes first: a large file keeps nobody waiting for many small ones."""


@dataclass(frozen=True, slots=True)
class FileLoaded:
    """One file's outcome; `reason` is a sentence for what was not indexed, the file or pages of it.

    `done` of `total` files are through. `seconds` is the work on this file; files are read side by side, so that they
    add up to more than the load took.
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
    """Loads folders and other sources. One load a collection at a time."""

    def __init__(
        self,
        store: DocumentStore,
        index: MemoryIndex,
        embedder: PassageEmbedder,
        memory_dir: Path,
        tessdata: Path | None = None,
        elsewhere: Elsewhere | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tessdata, self._elsewhere = tessdata, elsewhere
        self._store, self._index, self._embedder = store, index, embedder
        self._memory_dir, self._clock = memory_dir, clock
        self._readers = readers_mark(reads_scans=tessdata is not None)
        self._lock = Lock()
        self._loading: dict[CollectionId, Preparer | None] = {}

    def load(
        self,
        grant: Grant,
        source: Source | Path,
        released: Collection[str] = (),
        *,
        is_rereading: bool = False,
        stopped: Event | None = None,
    ) -> Generator[FileLoaded, None, None]:
        """Bring the collection in step with a source (or add a single file), giving each file as it ends.

        `released` are paths of files that a person has looked at, and that come in whatever they say to a model.
        With `is_rereading` files that did not come in before are read again, unchanged or not. Close the iterator to
        stop after the file at hand, or set `stopped` to stop within it; the next load goes on from there. Raises
        LoadRunning, FolderMissing where the folder is gone or suddenly empty, SourceUnavailable, StoreFull,
        IndexUnavailable, ReadingCancelled where it was stopped.
        """
        self._begin(grant.collection_id)
        try:
            opened = FolderSource(source) if isinstance(source, Path) else source
            self._check_mapped(grant, opened)
            place = Place(self._store, self._index, grant, frozenset(released), self._readers, is_rereading)
            yield from self._load(place, opened, stopped)
        finally:
            self._end(grant.collection_id)

    @contextmanager
    def excluded(self, collection_id: CollectionId) -> Iterator[None]:
        """During the block nothing is loaded into the collection. Raises LoadRunning."""
        self._begin(collection_id)
        try:
            yield
        finally:
            self._end(collection_id)

    def forget(self, grant: Grant, source: str, then: Callable[[], None] = lambda: None) -> int:
        """Forget everything that was loaded from the source of that name; gives the number of documents.

        `then` is done before anything else is loaded.
        """
        with self.excluded(grant.collection_id):
            place = Place(self._store, self._index, grant, frozenset(), self._readers)
            forgotten = SourceLoad(place, Survey(source, (), is_complete=True), source).finish()
            then()
            return forgotten

    def _check_mapped(self, grant: Grant, source: Source) -> None:
        """Raise SourceRefused for what has no rights to compare, where a collection keeps to those of its folders."""
        if not isinstance(source, MappedFolder) and any(each.rights for each in self._store.sources(grant)):
            raise SourceRefused(
                "the collection takes its files from folders whose rights are mapped, and no others: "
                "`huisclos source sync`, or load into another collection"
            )

    def _begin(self, collection_id: CollectionId) -> None:
        with self._lock:
            if collection_id in self._loading:
                raise LoadRunning("a load into this collection is running; wait for its end")
            self._loading[collection_id] = None

    def at_hand(self, collection_id: CollectionId) -> dict[str, Stage]:
        """The files of a running load that are being read or embedded now, by path."""
        preparer = self._loading.get(collection_id)
        return preparer.at_hand() if preparer else {}

    def _end(self, collection_id: CollectionId) -> None:
        self._index.settle(collection_id)
        with self._lock:
            self._loading.pop(collection_id, None)

    def _load(self, place: Place, source: Source, stopped: Event | None) -> Iterator[FileLoaded]:
        found = source.survey()
        self._store.sweep(place.grant)
        load = SourceLoad(place, found)
        known = replace(load.known, read=source.read)
        files = sorted(found.files, key=lambda file: file.size > SMALL_BYTES)
        total = len(files)
        with closing(self._preparer(stopped)) as preparer:
            self._loading[place.grant.collection_id] = preparer
            for done, prepared in enumerate(preparer.prepare(files, known), 1):
                started = self._clock()
                for ended in load.end(prepared, preparer, known):
                    seconds = round(ended.seconds + self._clock() - started, 3)
                    through = done if ended.file is prepared.file else done - 1
                    yield _loaded(ended, seconds, through, total)
                    started = self._clock()
        load.finish()

    def _preparer(self, stopped: Event | None) -> Preparer:
        tessdata, elsewhere = self._tessdata, self._elsewhere
        return Preparer(self._embedder, self._memory_dir, tessdata=tessdata, stopped=stopped, elsewhere=elsewhere)


def _loaded(ended: Ended, seconds: float, done: int, total: int) -> FileLoaded:
    return FileLoaded(ended.file.doc, ended.state, ended.reason, ended.pages, ended.passages, seconds, done, total)
