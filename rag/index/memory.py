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
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.documents import DocumentId, PassageId
from rag.errors import IndexUnavailable, SnapshotUnusable
from rag.facets import Facets
from rag.index.collection import CollectionIndex, Scores
from rag.index.contents import mark_of_title
from rag.index.limits import EXACT_PASSAGES_MAX
from rag.retrieval.filters import Sieve
from rag.store.documents import DocumentStore
from rag.store.snapshots import Snapshots
from rag.store.values import IndexEntry
from security.access import Grant
from security.hygiene import MEMORY_BACKED, file_system_of, give_back_memory
from security.identity import CollectionId

_Found = TypeVar("_Found")
_INDEX = "index"
_SHARE_WAITING = 10
"""A graph grows when a tenth of it waits, so that all its growing costs a few times its last."""
_LEFT_WAITING_MAX = 1000
"""So many vectors beside a graph cost a search 0.1 ms."""
_WORDS_AT_ONCE_MAX = 2000
"""So many passages are stemmed while somebody waits: about a second."""


ReadHeld = Callable[[Grant], dict[DocumentId, Facets] | set[DocumentId]]
"""Gives the documents that the truth holds, perhaps with what is known of them."""


class Opened(StrEnum):
    """Where an index came from."""

    RESTORED = "restored"
    MADE = "made"


@dataclass(eq=False, slots=True)
class _Place:
    """One collection's index. `tending` is held by what takes long, `changing`, taken after it, for a moment."""

    index: CollectionIndex
    changing: threading.Lock = field(default_factory=threading.Lock)
    tending: threading.Lock = field(default_factory=threading.Lock)
    lacks_words: bool = False
    has_old_facets: bool = False
    is_changed: bool = False
    removals: int = 0
    is_wanted: bool = False
    is_dropped: bool = False
    sealed_at: float = field(default_factory=time.monotonic)


class MemoryIndex:
    """Adds, removes and searches. Lives under a memory-backed folder of mode 0700, or does not start."""

    def __init__(self, memory_dir: Path, snapshots: Snapshots, exact_passages_max: int = EXACT_PASSAGES_MAX) -> None:
        self._folder, self._snapshots, self._exact_max = memory_dir / "index", snapshots, exact_passages_max
        check_memory_backed(memory_dir)
        self._empty()
        self._folder.mkdir(mode=0o700)
        self._places: dict[CollectionId, _Place] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def add(self, collection_id: CollectionId, entries: Sequence[IndexEntry]) -> None:
        """Add whole documents; one that is held already stays. Raises IndexUnavailable where there is no room."""
        place = self._place(collection_id)
        with place.changing:
            fresh = [entry for entry in entries if not place.index.holds(entry.document_id)]
            place.index.add(fresh)
            place.is_changed |= bool(fresh)

    def remove_document(self, collection_id: CollectionId, document_id: DocumentId) -> None:
        """Forget a document; nothing happens for one that is not there."""
        place = self._place(collection_id)
        with place.changing:
            if place.index.remove(document_id):
                self._unseal(collection_id, place)

    def will_remove(self, collection_id: CollectionId) -> None:
        """Remove the sealed snapshot, which holds what is about to be removed from the truth."""
        place = self._place(collection_id)
        with place.changing:
            self._unseal(collection_id, place)

    def replace_document(
        self, collection_id: CollectionId, document_id: DocumentId, entries: Sequence[IndexEntry]
    ) -> None:
        """Put other entries in a document's place."""
        self.remove_document(collection_id, document_id)
        self.add(collection_id, entries)

    def note_facets(self, collection_id: CollectionId, document_id: DocumentId, facets: Facets) -> None:
        """Take what is known of a document now, its title aside: it was moved, or has another date."""
        place = self._place(collection_id)
        with place.changing:
            place.is_changed |= place.index.note_facets(document_id, facets)

    def drop(self, collection_id: CollectionId) -> None:
        """Forget a collection and its snapshot, after what is being done to it was cut short."""
        with self._lock:
            place = self._places.pop(collection_id, None)
        if place is not None:
            place.is_dropped = True
            with place.tending, place.changing:
                place.index.close()
        self._snapshots.remove_all(collection_id)

    def open(self, grant: Grant, store: DocumentStore) -> Opened:
        """Fill a collection's index: from its snapshot and what is newer in the truth, or from the truth alone."""
        try:
            index, opened = self._restored(grant), Opened.RESTORED
        except (SnapshotUnusable, IndexUnavailable):
            self._snapshots.remove_all(grant.collection_id)
            index, opened = self._new(grant.collection_id), Opened.MADE
        place = self._put(grant.collection_id, index)
        if opened is Opened.RESTORED:
            place.has_old_facets = place.is_wanted = True
            self._catch_up(place, grant, store, store.entries.facets if index.lacks_facets else store.ids)
        else:
            self._fill_at_once(place, grant, store)
        give_back_memory()
        return opened

    def rebuild(self, grant: Grant, store: DocumentStore) -> int:
        """Make a collection's index anew from the truth, beside the one that is searched; gives how many passages."""
        place = self._place(grant.collection_id)
        with place.tending:
            self._rebuild(place, grant, store)
            place.is_wanted = True
        return len(place.index)

    def settle(self, collection_id: CollectionId) -> None:
        """Say that a change has come to its end: the index is sealed soon."""
        self._place(collection_id).is_wanted = True

    def due(self, seconds_max: float) -> list[CollectionId]:
        """Collections to be tended now: a change has ended, many vectors wait, or the snapshot is older than this."""
        now = time.monotonic()
        return [name for name, place in self._all() if self._is_due(place, now - seconds_max)]

    def tend(self, grant: Grant, store: DocumentStore) -> bool:
        """Do to a collection's index what is due: words, a new beginning, a larger graph, a snapshot. Gives whether.

        Cost grows with its passages where something was removed, with what is new otherwise. Raises IndexUnavailable,
        OSError where there is no room; it can be searched all the while, and is tended again.
        """
        place = self._places.get(grant.collection_id)
        if place is None:
            return False
        has_ended, place.is_wanted = place.is_wanted, False
        with place.tending:
            if place.is_dropped:
                return False
            if place.has_old_facets:
                self._catch_up(place, grant, store, store.entries.facets)
                place.has_old_facets = False
            if place.lacks_words:
                self._fill_words(place, grant, store)
            if place.index.is_spoiled:
                self._rebuild(place, grant, store)
            elif self._has_many_waiting(place.index, has_ended=has_ended):
                self._grow(place.index, place, grant, place.removals)
                place.is_changed = True
            is_done = self._seal(place, grant) if place.is_changed else True
        give_back_memory()
        return is_done

    def seal(self, grant: Grant) -> bool:
        """Seal a collection's index as it is, where it changed and holds nothing that was removed: for a stop."""
        place = self._places.get(grant.collection_id)
        if place is None:
            return False
        with place.tending:
            return place.is_changed and not place.lacks_words and self._seal(place, grant)

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
        place = self._places.get(grant.collection_id)
        if place is not None and place.lacks_words:
            raise IndexUnavailable("the words of the collection are still being read; try again in a minute")
        return self._search(grant, lambda index: index.holding(wanted, sieve), [])

    def collections(self) -> list[CollectionId]:
        """Those that have an index."""
        return [name for name, _ in self._all()]

    @property
    def passages(self) -> int:
        """How many are searched, of all collections together."""
        return sum(len(place.index) for _, place in self._all())

    def stop(self) -> None:
        """Cut short what takes long, for good."""
        self._is_closed = True

    def close(self) -> None:
        """Empty the folder."""
        self.stop()
        for name, place in self._all():
            with place.tending, place.changing:
                place.index.close()
            self._places.pop(name)
        self._empty()

    def _search(self, grant: Grant, search: Callable[[CollectionIndex], _Found], nothing: _Found) -> _Found:
        grant.check()
        place = self._places.get(grant.collection_id)
        while place is not None:
            index = place.index
            found = search(index)
            if index is place.index:  # else it was made anew meanwhile, and this one may have closed before the search
                return found
        return nothing

    def _rebuild(self, place: _Place, grant: Grant, store: DocumentStore) -> None:
        fresh = self._new(grant.collection_id)
        try:
            self._fill(fresh, place, grant, store)
        except BaseException:
            fresh.close()
            raise
        with place.changing:
            _catch_up(fresh, grant, store, store.entries.facets)
            old, place.index = place.index, fresh
            place.is_changed, place.lacks_words = True, False
        old.close()

    def _fill(self, fresh: CollectionIndex, place: _Place, grant: Grant, store: DocumentStore) -> None:
        """Everything the truth holds, and a graph where it is much."""
        removals = place.removals
        _fill_vectors(fresh, grant, store)
        slots = fresh.slots()
        for texts in store.entries.texts(grant):
            self._go_on(place)
            fresh.add_words(texts, slots)
        if self._has_many_waiting(fresh):
            self._grow(fresh, place, grant, removals)

    def _fill_at_once(self, place: _Place, grant: Grant, store: DocumentStore) -> None:
        """What is needed to search; the rest when it is tended."""
        _fill_vectors(place.index, grant, store)
        place.is_changed = place.lacks_words = place.is_wanted = len(place.index) > 0
        if len(place.index) <= _WORDS_AT_ONCE_MAX:
            self._fill_words(place, grant, store)

    def _fill_words(self, place: _Place, grant: Grant, store: DocumentStore) -> None:
        slots = place.index.slots()
        for texts in store.entries.texts(grant):
            self._go_on(place)
            place.index.add_words(texts, slots)
        place.lacks_words = False

    def _go_on(self, place: _Place) -> None:
        if place.is_dropped or self._is_closed:
            raise IndexUnavailable("the index is not made: its collection went, or the house stops")

    def _grow(self, index: CollectionIndex, place: _Place, grant: Grant, removals: int) -> None:
        """A larger graph, from the sealed one and the vectors that wait; sealed before it is used.

        Raises IndexUnavailable where more was removed than `removals` tells: it may be in the graph.
        """
        name = f"graph-{secrets.token_hex(8)}"
        folder = index.folder / name
        try:
            if index.graph is not None:
                self._snapshots.open(grant, index.graph.name, folder)
            index.grow(folder, lambda: place.is_dropped or self._is_closed)
            files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
            fresh = self._snapshots.write(grant, name, None, files)
            self._publish_graph(place, fresh, removals)
            index.take_graph(folder, name)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _seal(self, place: _Place, grant: Grant) -> bool:
        """Put the index to the disk and remove graphs that are no longer its own; gives whether it was done."""
        linked = self._folder / f"seal-{grant.collection_id}"
        shutil.rmtree(linked, ignore_errors=True)
        try:
            with place.changing:
                if place.index.is_spoiled or place.is_dropped:
                    place.is_wanted = True
                    return False
                removals, place.is_changed, place.sealed_at = place.removals, False, time.monotonic()
                about, parts = place.index.parts(linked)
            fresh = self._snapshots.write(grant, _INDEX, about, parts)
            with place.changing:
                is_done = self._published(place, fresh, removals)
                if is_done:
                    own = {_INDEX, place.index.graph.name if place.index.graph else ""}
                    names = self._snapshots.names(grant.collection_id)
                    self._snapshots.remove(grant.collection_id, *(names - own))
                return is_done
        except BaseException:
            place.is_changed = True
            raise
        finally:
            shutil.rmtree(linked, ignore_errors=True)

    def _publish_graph(self, place: _Place, fresh: Path, removals: int) -> None:
        with place.changing:
            if not self._published(place, fresh, removals):
                place.is_wanted = True
                raise IndexUnavailable("the index is not made: something was removed meanwhile; it is tried again")

    def _published(self, place: _Place, fresh: Path, removals: int) -> bool:
        """Put what was sealed in place, unless something that may be in it was removed since, or is about to be."""
        if place.removals != removals or place.is_dropped:
            self._snapshots.discard(fresh)
            return False
        self._snapshots.publish(fresh)
        return True

    def _unseal(self, collection_id: CollectionId, place: _Place) -> None:
        """Remove what is sealed, and let nothing come that is being sealed."""
        place.removals += 1
        place.is_changed = True
        self._snapshots.remove(collection_id, *self._snapshots.names(collection_id))

    def _restored(self, grant: Grant) -> CollectionIndex:
        folder = self._fresh_folder(grant.collection_id)
        about, files = self._snapshots.open(grant, _INDEX, folder)
        index = CollectionIndex.restored(folder, about, files)
        try:
            if index.graph is not None:
                name = index.graph.name
                self._snapshots.open(grant, name, folder / name)
                index.take_graph(folder / name, name)
        except BaseException:
            index.close()
            raise
        return index

    def _catch_up(self, place: _Place, grant: Grant, store: DocumentStore, read: ReadHeld) -> None:
        with place.changing:
            if _catch_up(place.index, grant, store, read):
                place.is_changed = place.is_wanted = True
            if place.index.is_spoiled:
                self._unseal(grant.collection_id, place)

    def _has_many_waiting(self, index: CollectionIndex, *, has_ended: bool = False) -> bool:
        """Whether a graph is to be made, or a larger one; when a load has ended, fewer are left to be compared."""
        bound = max(self._exact_max, len(index) // _SHARE_WAITING)
        return index.waiting > (min(_LEFT_WAITING_MAX, bound) if has_ended and index.graph else bound)

    def _is_due(self, place: _Place, before: float) -> bool:
        is_old = place.is_changed and place.sealed_at < before
        return place.is_wanted or is_old or self._has_many_waiting(place.index)

    def _place(self, collection_id: CollectionId) -> _Place:
        with self._lock:
            place = self._places.get(collection_id)
            if place is None:
                place = self._places[collection_id] = _Place(self._new(collection_id))
            return place

    def _put(self, collection_id: CollectionId, index: CollectionIndex) -> _Place:
        with self._lock:
            place = self._places[collection_id] = _Place(index)
            return place

    def _all(self) -> list[tuple[CollectionId, _Place]]:
        with self._lock:
            return list(self._places.items())

    def _new(self, collection_id: CollectionId) -> CollectionIndex:
        return CollectionIndex(self._fresh_folder(collection_id))

    def _fresh_folder(self, collection_id: CollectionId) -> Path:
        return self._folder / f"{collection_id}-{secrets.token_hex(4)}"

    def _empty(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _fill_vectors(index: CollectionIndex, grant: Grant, store: DocumentStore) -> None:
    for batch in store.entries.vectors(grant):
        index.add_vectors(batch)


def _catch_up(index: CollectionIndex, grant: Grant, store: DocumentStore, read: ReadHeld) -> bool:
    """Bring an index in step with the documents that the truth holds; gives whether anything was to be done.

    `read` gives these, perhaps with what is known of them, which is compared then: opening 5,000 takes a second. It is
    called here, while nobody else changes the index: what was stored since would be taken for removed.
    """
    held = read(grant)
    facets = held if isinstance(held, dict) else {}
    marks = {name: mark_of_title(each.title) for name, each in facets.items()}
    known = index.documents
    stale = [name for name, mark in known.items() if name not in held or marks.get(name, mark) != mark]
    for name in stale:
        index.remove(name)
    missing = [name for name in held if not index.holds(name)]
    for entries in store.entries.of(grant, missing):
        index.add(entries)
    others = [name for name, each in facets.items() if index.note_facets(name, each)]
    index.lacks_facets &= not facets
    return bool(stale or missing or others)


def check_memory_backed(folder: Path) -> None:
    """Raise IndexUnavailable unless the folder lies on tmpfs or ramfs: an index on disk would be readable text."""
    kind = file_system_of(folder)
    if kind not in MEMORY_BACKED:
        raise IndexUnavailable(
            f"{folder} is on {kind}, expected tmpfs or ramfs: the index must not reach a disk; "
            "set memory_dir to a folder under /dev/shm"
        )
