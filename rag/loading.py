"""A folder into a collection: read in the sandbox, chunk, embed, seal, index; one file a transaction.

Unchanged files are told by a keyed hash and left; moved ones get their new path; vanished ones are forgotten. One bad
file stops nothing. A killed load continues, because what is sealed is unchanged the next time.
"""

import os
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.chunking import chunk_document, embedding_text
from rag.documents import DocumentId
from rag.errors import DocumentEmpty, DocumentQuarantined, DocumentRejected, LoadRunning
from rag.index.memory import MemoryIndex
from rag.parsing.sandbox import ReadDocument, read_document
from rag.store.documents import DocumentStore, NewDocument
from security.access import Grant
from security.identity import CollectionId

EMBED_BATCH = 16


class FileState(StrEnum):
    """How a file ended."""

    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    EMPTY = "empty"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class FileLoaded:
    """One file's outcome; `reason` is a sentence for what was not indexed. `done` of `total` files are through."""

    doc: str
    state: FileState
    reason: str | None
    pages: int | None
    passages: int
    seconds: float
    done: int
    total: int


class PassageEmbedder(Protocol):
    """Gives the vectors of passages."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows (n, d) float32."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text."""
        ...


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
        """Bring the collection in step with a folder (or a single file), giving each file as it ends."""
        self._begin(grant.collection_id)
        try:
            yield from self._load(grant, folder)
        finally:
            with self._lock:
                self._loading.discard(grant.collection_id)

    def _begin(self, collection_id: CollectionId) -> None:
        with self._lock:
            if collection_id in self._loading:
                raise LoadRunning("a load into this collection is running; wait for its end")
            self._loading.add(collection_id)

    def _load(self, grant: Grant, folder: Path) -> Iterator[FileLoaded]:
        root = folder if folder.is_dir() else folder.parent
        source = str(root.resolve())
        files = files_under(folder)
        known = self._store.of_source(grant, source)
        wanted = {self._store.fingerprint(grant, source, shown_path(path, root), b"").place for path in files}
        gone = {place: entry for place, entry in known.items() if place not in wanted} if folder.is_dir() else {}
        for done, path in enumerate(files, 1):
            started = self._clock()
            state, reason, pages, passages = self._one(grant, source, root, path, known, gone)
            seconds = round(self._clock() - started, 3)
            yield FileLoaded(shown_path(path, root), state, reason, pages, passages, seconds, done, len(files))
        self._forget(grant, [entry[0] for entry in gone.values()])

    def _one(
        self,
        grant: Grant,
        source: str,
        root: Path,
        path: Path,
        known: dict[bytes, tuple[DocumentId, bytes]],
        gone: dict[bytes, tuple[DocumentId, bytes]],
    ) -> tuple[FileState, str | None, int | None, int]:
        name = shown_path(path, root)
        try:
            content = path.read_bytes()
            mark = self._store.fingerprint(grant, source, name, content)
            held = known.get(mark.place)
            if held and held[1] == mark.content:
                info = self._store.document(grant, held[0])
                return FileState.UNCHANGED, None, info.pages, info.passages
            moved = next((place for place, entry in gone.items() if entry[1] == mark.content), None)
            if moved is not None:
                info = self._store.document(grant, gone[moved][0])
                self._store.move(grant, gone.pop(moved)[0], source, name, content)
                return FileState.INDEXED, None, info.pages, info.passages
            read = read_document(path.name, content, self._memory_dir)
            pages, passages = self._put(grant, source, name, content, read, held)
        except OSError as error:
            return FileState.REJECTED, f"the file cannot be opened: {error.strerror}; check its rights", None, 0
        except DocumentEmpty as error:
            return FileState.EMPTY, str(error), None, 0
        except DocumentQuarantined as error:
            return FileState.QUARANTINED, str(error), None, 0
        except DocumentRejected as error:
            return FileState.REJECTED, str(error), None, 0
        return FileState.INDEXED, None, pages, passages

    def _put(
        self,
        grant: Grant,
        source: str,
        name: str,
        content: bytes,
        read: ReadDocument,
        held: tuple[DocumentId, bytes] | None,
    ) -> tuple[int | None, int]:
        chunks = chunk_document(read.document, self._embedder.count_tokens)
        texts = [embedding_text(read.document.title, chunk) for chunk in chunks]
        rows = [self._embedder.embed_passages(texts[at : at + EMBED_BATCH]) for at in range(0, len(texts), EMBED_BATCH)]
        vectors = np.concatenate(rows) if rows else np.empty((0, 0), np.float32)
        new = NewDocument(source, name, read.media_type, content, read.document, chunks, vectors)
        _, entries = self._store.put(grant, new)
        if held:
            self._index.remove_document(grant.collection_id, held[0])
        self._index.add(grant.collection_id, entries)
        return read.document.pages, len(chunks)

    def _forget(self, grant: Grant, ids: Sequence[DocumentId]) -> None:
        if not ids:
            return
        self._store.forget(grant, ids)
        for identifier in ids:
            self._index.remove_document(grant.collection_id, identifier)


def files_under(folder: Path) -> list[Path]:
    """Regular files, sorted, without hidden ones; symbolic links are not followed."""
    if not folder.is_dir():
        return [folder]
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(parent) / name for name in sorted(names) if not name.startswith("."))
        found += [path for path in paths if path.is_file() and not path.is_symlink()]
    return found


def shown_path(path: Path, root: Path) -> str:
    """The path below the root, forward slashes, composed characters, undecodable bytes replaced."""
    raw = path.relative_to(root).as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return unicodedata.normalize("NFC", raw)
