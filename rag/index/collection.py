"""The index of one collection: a graph over most vectors once there are many, the newest compared one by one, words."""

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag.documents import DocumentId, PassageId
from rag.errors import IndexUnavailable
from rag.facets import Facets
from rag.index.building import build_graph
from rag.index.compact import CompactVectors
from rag.index.contents import Contents
from rag.index.exact import ExactVectors, nearest, nearest_among
from rag.index.facets import FacetColumns, FacetRow
from rag.index.lexical import WordIndex
from rag.index.runs import enough
from rag.retrieval.filters import Sieve
from rag.store.snapshots import Parts
from rag.store.values import IndexEntry

if TYPE_CHECKING:
    from rag.index.vectors import Graph

Scores = dict[str, float]
_Found = tuple[NDArray[np.int64], NDArray[np.float32]]
_WORDS = "words"
_COMPACT = "compact"
COMPARED_MAX = 20_000
"""Up to so many vectors of a graph are compared one by one where a search is narrowed to them: 5 ms, as the graph."""
_WANTED_MAX = 2000
"""Neighbours asked for at most, where many of them are gone."""


@dataclass(frozen=True, slots=True)
class GraphName:
    """A graph that is sealed: under which name, and how many slots from the first on it holds."""

    name: str
    count: int


class CollectionIndex:
    """Adds, removes, searches. Safe to use from several threads; one at a time calls `grow`, `take_graph` and `parts`.

    `folder` lies in memory. Removed passages are found no more, but their vectors and stems stay until the index is
    made anew: `is_spoiled` tells.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._contents = Contents()
        self._newest = ExactVectors()
        self._graph: Graph | None = None
        self._compact = CompactVectors.of(np.empty((0, 0), np.float32))
        self._dimensions = 0
        self.graph: GraphName | None = None
        self.lacks_facets = False
        self._words = WordIndex(folder / _WORDS)
        self._lock = threading.RLock()

    def __len__(self) -> int:
        """Passages that are found."""
        return len(self._contents) - self._contents.gone_count

    @property
    def is_spoiled(self) -> bool:
        """Whether something was removed that its files still hold."""
        return self._contents.gone_count > 0

    @property
    def waiting(self) -> int:
        """Vectors that are not in the graph."""
        return len(self._newest)

    @property
    def documents(self) -> dict[DocumentId, str]:
        """What is held, with the marks of titles."""
        with self._lock:
            return self._contents.documents

    def holds(self, document_id: DocumentId) -> bool:
        """Whether a document is held."""
        return self._contents.holds(document_id)

    def add(self, entries: Sequence[IndexEntry]) -> None:
        """Take passages with their words. Raises IndexUnavailable where the memory folder is full."""
        first = self.add_vectors(entries)
        with _room():
            self._words.add((first + place, entry.text) for place, entry in enumerate(entries))

    def add_vectors(self, entries: Sequence[IndexEntry]) -> int:
        """Take passages without their words; gives the first slot."""
        known = [(entry.passage_id, entry.document_id, entry.facets) for entry in entries]
        with self._lock:
            first = self._contents.add(known)
            if entries:
                self._dimensions = len(entries[0].vector)
                self._newest.add(np.stack([entry.vector for entry in entries]))
        return first

    def add_words(self, texts: Iterable[tuple[PassageId, str]], slots: dict[str, int]) -> None:
        """Take the words of passages at the slots that `slots` gave; those that are gone are left out."""
        known = ((slots[name], text) for name, text in texts if name in slots)
        with _room():
            self._words.add((slot, text) for slot, text in known if not self._contents.is_gone(slot))

    def slots(self) -> dict[str, int]:
        """Slots by passage."""
        with self._lock:
            return self._contents.slots()

    def note_facets(self, document_id: DocumentId, facets: Facets) -> bool:
        """Take other facets of a document whose title is what it was; gives whether they are others."""
        with self._lock:
            return self._contents.note_facets(document_id, facets)

    def remove(self, document_id: DocumentId) -> bool:
        """Find a document no more; gives whether it was held."""
        with self._lock:
            slots = self._contents.remove(document_id)
        self._words.remove(slots.tolist())
        return bool(len(slots))

    def search_dense(self, vector: NDArray[np.float32], k: int, sieve: Sieve | None = None) -> Scores:
        """Up to `k` passages with their cosine to a unit vector (d,), nearest first; those let through a sieve."""
        slots, cosines = self._nearest(vector, k, sieve)
        return {self._contents.passage(int(slot)): float(near) for slot, near in zip(slots, cosines, strict=True)}

    def search_dense_along(
        self, vector: NDArray[np.float32], direction: NDArray[np.float32], k: int, sieve: Sieve | None = None
    ) -> dict[str, tuple[float, float]]:
        """As `search_dense`, with the cosine to a second unit vector (d,) beside, as exact as CompactVectors."""
        slots, cosines = self._nearest(vector, k, sieve)
        with self._lock:
            compact, first, rows = self._compact, self._newest.first, self._newest.rows
        along = np.empty(len(slots), np.float32)
        is_new = slots >= first
        if is_new.any():
            along[is_new] = rows[slots[is_new] - first] @ direction
        if not is_new.all():
            along[~is_new] = compact.cosines(slots[~is_new], direction)
        return {
            self._contents.passage(int(slot)): (float(near), float(beside))
            for slot, near, beside in zip(slots, cosines, along, strict=True)
        }

    def _nearest(self, vector: NDArray[np.float32], k: int, sieve: Sieve | None) -> _Found:
        with self._lock:
            graph, compact, first, rows = self._graph, self._compact, self._newest.first, self._newest.rows
            left_out = self._contents.gone_from(first)
            wanted = self._contents.passing(sieve) if sieve else None
        if wanted is None:
            places, near = nearest(rows, vector, k, left_out)
        else:
            places, near = nearest_among(rows, vector, k, wanted[first : first + len(rows)])
        found = [(places + first, near)]
        if graph is not None and wanted is not None:
            found.append(_narrowed(graph, compact, vector, k, wanted))
        elif graph is not None:
            found.append(_held(partial(graph.search, vector), graph.count, k, self._contents.is_held, k))
        slots, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if graph is not self._graph:  # a larger one took its place, and it may have closed before the search
            return self._nearest(vector, k, sieve)
        best = np.argsort(-cosines, kind="stable")[:k]
        return slots[best], cosines[best]

    def search_lexical(self, question: str, k: int, sieve: Sieve | None = None) -> Scores:
        """Up to `k` passages with BM25 (higher is better), best first; of those alone that come through a sieve."""
        found = self._words.search(question, k, self._passing(sieve) if sieve else None)
        return {
            self._contents.passage(slot): score for slot, score in found.items() if not self._contents.is_gone(slot)
        }

    def holding(self, wanted: Iterable[Sequence[str]], sieve: Sieve | None = None) -> list[PassageId]:
        """Every passage let through that holds all the stems of one of the lists, in order of arrival."""
        slots = self._words.holding(wanted)
        passing = self._passing(sieve) if sieve else None
        held = [slot for slot in slots if not self._contents.is_gone(slot) and (passing is None or passing[slot])]
        return [PassageId(self._contents.passage(slot)) for slot in held]

    def _passing(self, sieve: Sieve) -> NDArray[np.bool_]:
        with self._lock:
            return self._contents.passing(sieve)

    def grow(self, graph_folder: Path, cancelled: Callable[[], bool]) -> None:
        """Add the newest vectors to the graph in a folder, which holds those before them. See `take_graph`.

        Raises IndexUnavailable where there is no room, or it was cancelled.
        """
        with self._lock:
            first, rows, compact = self._newest.first, self._newest.rows, self._compact
        build_graph(graph_folder, first, rows, cancelled)
        with _room():
            compact.followed_by(rows).write(graph_folder / _COMPACT)

    def take_graph(self, graph_folder: Path, name: str) -> None:
        """Search a graph, which was sealed under `name`, from now on; its vectors are compared one by one no more.

        Raises IndexUnavailable where Chroma does not open it, or it has no compact vectors, as in release 0.1.
        """
        from rag.index.vectors import ChromaError, Graph  # takes a second, and most collections need none

        try:
            graph = Graph(graph_folder, self._dimensions)
        except ChromaError as error:
            raise IndexUnavailable("the graph does not open; it is made anew") from error
        compact = _compact_beside(graph, graph_folder / _COMPACT, self._dimensions)
        with self._lock:
            old, self._graph, self._compact = self._graph, graph, compact
            self._newest = self._newest.after(graph.count - self._newest.first)
            self.graph = GraphName(name, graph.count)
        if old is not None:
            old.close()

    def parts(self, linked: Path) -> tuple[Any, Parts]:
        """What makes the same index again, but for its graph: what is to be said, and the parts.

        Nothing changes it meanwhile. Files are linked into a folder, so that they stay as they are now.
        """
        self._words.rest()
        linked.mkdir(mode=0o700)
        parts: dict[str, bytes | Path] = {}
        for path in self._words.files():
            os.link(path, linked / path.name)
            parts[f"{_WORDS}/{path.name}"] = linked / path.name
        with self._lock:
            ids, owners, documents = self._contents.encoded()
            facets, folders = self._contents.facets()
            parts |= {"ids": ids, "owners": owners, "newest": self._newest.rows.tobytes()}
            graph = asdict(self.graph) if self.graph else None
            held = {"documents": documents, "facets": facets, "folders": folders}
            return {"dimensions": self._dimensions, **held, "graph": graph}, parts

    @classmethod
    def restored(cls, folder: Path, about: Any, files: Mapping[str, Path]) -> "CollectionIndex":
        """The index that gave these parts, which lie in the folder, still without its graph: see `graph`.

        What an earlier release sealed has no facets: see `lacks_facets`.
        """
        index = cls(folder)
        index.lacks_facets = "facets" not in about
        facets = (
            None if index.lacks_facets else FacetColumns([FacetRow(*row) for row in about["facets"]], about["folders"])
        )
        index._contents = Contents(files["ids"].read_bytes(), files["owners"].read_bytes(), about["documents"], facets)
        index._dimensions = about["dimensions"]
        index.graph = GraphName(**about["graph"]) if about["graph"] else None
        rows = np.frombuffer(files["newest"].read_bytes(), np.float32).reshape(-1, index._dimensions or 1)
        index._newest = ExactVectors(index.graph.count if index.graph else 0, rows.copy())
        for name in ("ids", "owners", "newest"):
            files[name].unlink()
        return index

    def close(self) -> None:
        """Give memory and folder back; searches that run end first."""
        self._words.close()
        if self._graph is not None:
            self._graph.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _compact_beside(graph: "Graph", path: Path, dimensions: int) -> CompactVectors:
    """The compact vectors of a graph, into memory; raises IndexUnavailable where they are not all there."""
    try:
        compact = CompactVectors.read(path, dimensions)
        path.unlink()
    except OSError:
        compact = CompactVectors.of(np.empty((0, dimensions), np.float32))
    if len(compact) != graph.count:
        graph.close()
        raise IndexUnavailable("the graph is of an earlier release, or cut; it is made anew")
    return compact


def _narrowed(
    graph: "Graph", compact: CompactVectors, vector: NDArray[np.float32], k: int, wanted: NDArray[np.bool_]
) -> _Found:
    """The nearest of the `wanted` (n,): out of the graph where they are many, else compared one by one."""
    wanted = wanted[: graph.count]
    held = int(wanted.sum())
    if held > COMPARED_MAX:
        first = enough(k, graph.count, held)
        found = _held(partial(graph.search, vector), graph.count, k, lambda slots: wanted[slots], first)
        if len(found[0]) >= k:
            return found
    return compact.nearest(np.flatnonzero(wanted), vector, k)


def _held(
    search: Callable[[int], _Found],
    count: int,
    k: int,
    is_held: Callable[[NDArray[np.int64]], NDArray[np.bool_]],
    first: int,
) -> _Found:
    """The first `k` that are held: `first` are asked for, and more until they are enough, up to a bound."""
    wanted = min(count, first, _WANTED_MAX)
    while True:
        slots, cosines = search(wanted)
        kept = is_held(slots)
        if kept.sum() >= k or wanted >= min(count, _WANTED_MAX):
            return slots[kept][:k], cosines[kept][:k]
        wanted = min(count, 2 * wanted, _WANTED_MAX)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        raise IndexUnavailable("the index cannot grow; give the memory folder more room and load again") from error
