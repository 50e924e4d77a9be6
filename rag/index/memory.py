"""The index in memory: vectors and words of every collection, a cache of the sealed truth, emptied at start and stop.

It is kept current by whoever changes the truth, and sealed, grown and made anew by `tend`. After a start it comes from
its sealed snapshot, brought up to date; where there is none, vectors come from the truth at once, and words, and a
graph over many vectors, when it is tended: meanwhile every vector is compared.
"""

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.documents import DocumentId, PassageId
from rag.errors import IndexUnavailable, SnapshotUnusable
from rag.facets import Facets
from rag.index.collection import CollectionIndex, Scores
from rag.index.filling import ReadHeld, catch_up, fill_vectors, fill_words
from rag.index.limits import EXACT_PASSAGES_MAX
from rag.index.sealing import Sealing
from rag.index.shard import Shard
from rag.retrieval.filters import Sieve
from rag.store.documents import DocumentStore
from rag.store.snapshots import Snapshots
from rag.store.values import IndexEntry
from security.access import Grant
from security.hygiene import MEMORY_BACKED, file_system_of, give_back_memory
from security.identity import CollectionId

_Found = TypeVar("_Found")
_SHARE_WAITING = 10
"""A graph grows when a tenth of it waits, so that all its growing costs a few times its last."""
_LEFT_WAITING_MAX = 1000
"""So many vectors beside a graph cost a search 0.1 ms."""
_WORDS_AT_ONCE_MAX = 2000
"""So many passages are stemmed while somebody waits: about a second."""


class Opened(StrEnum):
    """Where an index came from."""

    RESTORED = "restored"
    MADE = "made"


class MemoryIndex:
    """Adds, removes and searches. Lives under a memory-backed folder of mode 0700, or does not start."""

    def __init__(self, memory_dir: Path, snapshots: Snapshots, exact_passages_max: int = EXACT_PASSAGES_MAX) -> None:
        self._folder, self._exact_max = memory_dir / "index", exact_passages_max
        self._sealing = Sealing(snapshots, self._folder)
        check_memory_backed(memory_dir)
        self._empty()
        self._folder.mkdir(mode=0o700)
        self._shards: dict[CollectionId, Shard] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def add(self, collection_id: CollectionId, entries: Sequence[IndexEntry]) -> None:
        """Add whole documents; one that is held already stays. Raises IndexUnavailable where there is no room."""
        shard = self._shard(collection_id)
        with shard.changing:
            fresh = [entry for entry in entries if not shard.index.holds(entry.document_id)]
            shard.index.add(fresh)
            shard.is_changed |= bool(fresh)

    def remove_document(self, collection_id: CollectionId, document_id: DocumentId) -> None:
        """Forget a document; nothing happens for one that is not there."""
        shard = self._shard(collection_id)
        with shard.changing:
            if shard.index.remove(document_id):
                self._sealing.unseal(shard, collection_id)

    def will_remove(self, collection_id: CollectionId) -> None:
        """Remove the sealed snapshot, which holds what is about to be removed from the truth."""
        shard = self._shard(collection_id)
        with shard.changing:
            self._sealing.unseal(shard, collection_id)

    def replace_document(
        self, collection_id: CollectionId, document_id: DocumentId, entries: Sequence[IndexEntry]
    ) -> None:
        """Put other entries in a document's place."""
        self.remove_document(collection_id, document_id)
        self.add(collection_id, entries)

    def note_facets(self, collection_id: CollectionId, document_id: DocumentId, facets: Facets) -> None:
        """Take what is known of a document now, its title aside: it was moved, or has another date."""
        shard = self._shard(collection_id)
        with shard.changing:
            shard.is_changed |= shard.index.note_facets(document_id, facets)

    def drop(self, collection_id: CollectionId) -> None:
        """Forget a collection and its snapshot, after what is being done to it was cut short."""
        with self._lock:
            shard = self._shards.pop(collection_id, None)
        if shard is not None:
            shard.is_dropped = True
            with shard.tending, shard.changing:
                shard.index.close()
        self._sealing.remove_all(collection_id)

    def open(self, grant: Grant, store: DocumentStore) -> Opened:
        """Fill a collection's index: from its snapshot and what is newer in the truth, or from the truth alone."""
        try:
            index, opened = self._sealing.restored(grant, self._fresh_folder(grant.collection_id)), Opened.RESTORED
        except (SnapshotUnusable, IndexUnavailable):
            self._sealing.remove_all(grant.collection_id)
            index, opened = self._new(grant.collection_id), Opened.MADE
        shard = self._put(grant.collection_id, index)
        if opened is Opened.RESTORED:
            shard.has_old_facets = shard.is_wanted = True
            self._catch_up(shard, grant, store, store.entries.facets if index.lacks_facets else store.ids)
        else:
            self._fill_at_once(shard, grant, store)
        give_back_memory()
        return opened

    def rebuild(self, grant: Grant, store: DocumentStore) -> int:
        """Make a collection's index anew from the truth, beside the one that is searched; gives how many passages."""
        shard = self._shard(grant.collection_id)
        with shard.tending:
            self._rebuild(shard, grant, store)
            shard.is_wanted = True
        return len(shard.index)

    def settle(self, collection_id: CollectionId) -> None:
        """Say that a change has come to its end: the index is sealed soon."""
        self._shard(collection_id).is_wanted = True

    def due(self, seconds_max: float) -> list[CollectionId]:
        """Collections to be tended now: a change has ended, many vectors wait, or the snapshot is older than this."""
        now = time.monotonic()
        return [name for name, shard in self._all() if self._is_due(shard, now - seconds_max)]

    def tend(self, grant: Grant, store: DocumentStore) -> bool:
        """Do to a collection's index what is due: words, a new beginning, a larger graph, a snapshot. Gives whether.

        Cost grows with its passages where something was removed, with what is new otherwise. Raises IndexUnavailable,
        OSError where there is no room; it can be searched all the while, and is tended again.
        """
        shard = self._shards.get(grant.collection_id)
        if shard is None:
            return False
        has_ended, shard.is_wanted = shard.is_wanted, False
        with shard.tending:
            if shard.is_dropped:
                return False
            if shard.has_old_facets:
                self._catch_up(shard, grant, store, store.entries.facets)
                shard.has_old_facets = False
            if shard.lacks_words:
                self._fill_words(shard, grant, store)
            if shard.index.is_spoiled:
                self._rebuild(shard, grant, store)
            elif self._has_many_waiting(shard.index, has_ended=has_ended):
                self._grow(shard.index, shard, grant, shard.removals)
                shard.is_changed = True
            is_done = self._sealing.seal(shard, grant) if shard.is_changed else True
        give_back_memory()
        return is_done

    def seal(self, grant: Grant) -> bool:
        """Seal a collection's index as it is, where it changed and holds nothing that was removed: for a stop."""
        shard = self._shards.get(grant.collection_id)
        if shard is None:
            return False
        with shard.tending:
            return shard.is_changed and not shard.lacks_words and self._sealing.seal(shard, grant)

    def search_dense(self, grant: Grant, vector: NDArray[np.float32], k: int, sieve: Sieve | None = None) -> Scores:
        """Passage ids of the granted collection with cosine similarity, nearest first; those that come through."""
        return self._search(grant, lambda index: index.search_dense(vector, k, sieve), {})

    def search_dense_along(
        self, grant: Grant, vector: NDArray[np.float32], direction: NDArray[np.float32], k: int, sieve: Sieve | None
    ) -> dict[str, tuple[float, float]]:
        """As `search_dense`, with the cosine to a second unit vector (d,) beside."""
        return self._search(grant, lambda index: index.search_dense_along(vector, direction, k, sieve), {})

    def search_lexical(self, grant: Grant, question: str, k: int, sieve: Sieve | None = None) -> Scores:
        """Passage ids of the granted collection with BM25, best first; those that come through."""
        return self._search(grant, lambda index: index.search_lexical(question, k, sieve), {})

    def holding(self, grant: Grant, wanted: Sequence[Sequence[str]], sieve: Sieve | None = None) -> list[PassageId]:
        """Every passage of the granted collection that holds all the stems of one of the lists, in order of arrival.

        Of documents that come through the sieve alone.

        Raises IndexUnavailable while words are still being read after a start: some would be missing.
        """
        grant.check()
        shard = self._shards.get(grant.collection_id)
        if shard is not None and shard.lacks_words:
            raise IndexUnavailable("the words of the collection are still being read; try again in a minute")
        return self._search(grant, lambda index: index.holding(wanted, sieve), [])

    def collections(self) -> list[CollectionId]:
        """Those that have an index."""
        return [name for name, _ in self._all()]

    @property
    def passages(self) -> int:
        """How many are searched, of all collections together."""
        return sum(len(shard.index) for _, shard in self._all())

    def stop(self) -> None:
        """Cut short what takes long, for good."""
        self._is_closed = True

    def close(self) -> None:
        """Empty the folder."""
        self.stop()
        for name, shard in self._all():
            with shard.tending, shard.changing:
                shard.index.close()
            self._shards.pop(name)
        self._empty()

    def _search(self, grant: Grant, search: Callable[[CollectionIndex], _Found], nothing: _Found) -> _Found:
        grant.check()
        shard = self._shards.get(grant.collection_id)
        while shard is not None:
            index = shard.index
            found = search(index)
            if index is shard.index:  # else it was made anew meanwhile, and this one may have closed before the search
                return found
        return nothing

    def _rebuild(self, shard: Shard, grant: Grant, store: DocumentStore) -> None:
        fresh = self._new(grant.collection_id)
        try:
            self._fill(fresh, shard, grant, store)
        except BaseException:
            fresh.close()
            raise
        with shard.changing:
            catch_up(fresh, grant, store, store.entries.facets)
            old, shard.index = shard.index, fresh
            shard.is_changed, shard.lacks_words = True, False
        old.close()

    def _fill(self, fresh: CollectionIndex, shard: Shard, grant: Grant, store: DocumentStore) -> None:
        """Everything the truth holds, and a graph where it is much."""
        removals = shard.removals
        fill_vectors(fresh, grant, store)
        fill_words(fresh, grant, store, lambda: self._go_on(shard))
        if self._has_many_waiting(fresh):
            self._grow(fresh, shard, grant, removals)

    def _fill_at_once(self, shard: Shard, grant: Grant, store: DocumentStore) -> None:
        """What is needed to search; the rest when it is tended."""
        fill_vectors(shard.index, grant, store)
        shard.is_changed = shard.lacks_words = shard.is_wanted = len(shard.index) > 0
        if len(shard.index) <= _WORDS_AT_ONCE_MAX:
            self._fill_words(shard, grant, store)

    def _fill_words(self, shard: Shard, grant: Grant, store: DocumentStore) -> None:
        fill_words(shard.index, grant, store, lambda: self._go_on(shard))
        shard.lacks_words = False

    def _go_on(self, shard: Shard) -> None:
        if self._is_cut_short(shard):
            raise IndexUnavailable("the index is not made: its collection went, or the house stops")

    def _is_cut_short(self, shard: Shard) -> bool:
        return shard.is_dropped or self._is_closed

    def _grow(self, index: CollectionIndex, shard: Shard, grant: Grant, removals: int) -> None:
        self._sealing.grow(index, shard, grant, removals, lambda: self._is_cut_short(shard))

    def _catch_up(self, shard: Shard, grant: Grant, store: DocumentStore, read: ReadHeld) -> None:
        with shard.changing:
            if catch_up(shard.index, grant, store, read):
                shard.is_changed = shard.is_wanted = True
            if shard.index.is_spoiled:
                self._sealing.unseal(shard, grant.collection_id)

    def _has_many_waiting(self, index: CollectionIndex, *, has_ended: bool = False) -> bool:
        """Whether a graph is to be made, or a larger one; when a load has ended, fewer are left to be compared."""
        bound = max(self._exact_max, len(index) // _SHARE_WAITING)
        return index.waiting > (min(_LEFT_WAITING_MAX, bound) if has_ended and index.graph else bound)

    def _is_due(self, shard: Shard, before: float) -> bool:
        is_old = shard.is_changed and shard.sealed_at < before
        return shard.is_wanted or is_old or self._has_many_waiting(shard.index)

    def _shard(self, collection_id: CollectionId) -> Shard:
        with self._lock:
            shard = self._shards.get(collection_id)
            if shard is None:
                shard = self._shards[collection_id] = Shard(self._new(collection_id))
            return shard

    def _put(self, collection_id: CollectionId, index: CollectionIndex) -> Shard:
        with self._lock:
            shard = self._shards[collection_id] = Shard(index)
            return shard

    def _all(self) -> list[tuple[CollectionId, Shard]]:
        with self._lock:
            return list(self._shards.items())

    def _new(self, collection_id: CollectionId) -> CollectionIndex:
        return CollectionIndex(self._fresh_folder(collection_id))

    def _fresh_folder(self, collection_id: CollectionId) -> Path:
        return self._folder / f"{collection_id}-{secrets.token_hex(4)}"

    def _empty(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def check_memory_backed(folder: Path) -> None:
    """Raise IndexUnavailable unless the folder lies on tmpfs or ramfs: an index on disk would be readable text."""
    kind = file_system_of(folder)
    if kind not in MEMORY_BACKED:
        raise IndexUnavailable(
            f"{folder} is on {kind}, expected tmpfs or ramfs: the index must not reach a disk; "
            "set memory_dir to a folder under /dev/shm"
        )
