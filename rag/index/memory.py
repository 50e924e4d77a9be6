"""The index in memory: vectors and words of every collection, a cache, emptied at start and stop."""

import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.documents import DocumentId, PassageId
from rag.errors import IndexUnavailable
from rag.index.lexical import LexicalIndex
from rag.index.vectors import ChromaError, VectorIndex
from rag.store.documents import DocumentStore, IndexEntry
from security.access import Grant
from security.identity import CollectionId

_MEMORY_BACKED = frozenset({"tmpfs", "ramfs"})


class MemoryIndex:
    """Adds, removes and searches. Lives under a memory-backed folder of mode 0700, or does not start."""

    def __init__(self, memory_dir: Path) -> None:
        self._folder = memory_dir / "index"
        check_memory_backed(memory_dir)
        self._empty()
        self._folder.mkdir(mode=0o700)
        self._vectors = VectorIndex(self._folder / "vectors")
        self._lexical = LexicalIndex(self._folder / "words.db")
        self._passages: dict[CollectionId, dict[DocumentId, list[PassageId]]] = {}

    def add(self, collection_id: CollectionId, entries: Sequence[IndexEntry]) -> None:
        """Add passages; nothing happens for none. Raises IndexUnavailable where the memory folder is full."""
        if not entries:
            return
        ids = [entry.passage_id for entry in entries]
        try:
            self._vectors.add(collection_id, ids, np.stack([entry.vector for entry in entries]))
            self._lexical.add(collection_id, [(entry.passage_id, entry.text) for entry in entries])
        except (ChromaError, sqlite3.Error, OSError) as error:
            raise IndexUnavailable("the index cannot grow; give the memory folder more room and load again") from error
        held = self._passages.setdefault(collection_id, {})
        for entry in entries:
            held.setdefault(entry.document_id, []).append(entry.passage_id)

    def remove_document(self, collection_id: CollectionId, document_id: DocumentId) -> None:
        """Forget a document; nothing happens for one that is not there."""
        ids = self._passages.get(collection_id, {}).pop(document_id, [])
        if ids:
            self._vectors.remove(collection_id, ids)
            self._lexical.remove(collection_id, ids)

    def replace_document(
        self, collection_id: CollectionId, document_id: DocumentId, entries: Sequence[IndexEntry]
    ) -> None:
        """Put other entries in a document's place."""
        self.remove_document(collection_id, document_id)
        self.add(collection_id, entries)

    def drop(self, collection_id: CollectionId) -> None:
        """Forget a collection."""
        self._vectors.drop(collection_id)
        self._lexical.drop(collection_id)
        self._passages.pop(collection_id, None)

    def rebuild(self, grant: Grant, store: DocumentStore) -> int:
        """Fill a collection's index from the sealed truth; gives the number of passages."""
        self.drop(grant.collection_id)
        total = 0
        for batch in store.index_entries(grant):
            self.add(grant.collection_id, batch)
            total += len(batch)
        return total

    def search_dense(self, grant: Grant, vector: NDArray[np.float32], k: int) -> dict[str, float]:
        """Passage ids of the granted collection with cosine similarity, nearest first."""
        grant.check()
        return self._vectors.search(grant.collection_id, vector, k)

    def search_lexical(self, grant: Grant, question: str, k: int) -> dict[str, float]:
        """Passage ids of the granted collection with BM25, best first."""
        grant.check()
        return self._lexical.search(grant.collection_id, question, k)

    def close(self) -> None:
        """Empty the folder."""
        self._lexical.close()
        self._empty()

    def _empty(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def check_memory_backed(folder: Path) -> None:
    """Raise IndexUnavailable unless the folder lies on tmpfs or ramfs: an index on disk would be readable text."""
    kind = filesystem_of(folder)
    if kind not in _MEMORY_BACKED:
        raise IndexUnavailable(
            f"{folder} is on {kind}, expected tmpfs or ramfs: the index must not reach a disk; "
            "set memory_dir to a folder under /dev/shm"
        )


def filesystem_of(folder: Path) -> str:
    """The kind of file system a folder lies on, from the kernel's mount table."""
    best, kind = Path("/"), "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        point, name = line.split()[1:3]
        if folder.resolve().is_relative_to(point) and len(Path(point).parts) >= len(best.parts):
            best, kind = Path(point), name
    return kind
