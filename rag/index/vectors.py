"""The only door to Chroma: a graph of nearest neighbours, filled by a process of its own, then read alone."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from chromadb.api.client import Client
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings
from chromadb.errors import ChromaError
from numpy.typing import NDArray

__all__ = ["ChromaError", "Graph", "extend_graph"]

_NAME = "graph"
HNSW = {"space": "cosine", "max_neighbors": 24, "ef_construction": 200, "ef_search": 200, "sync_threshold": 1000}
"""Measured (bench/hnsw.py): recall@10 of 0.997 at 100,000 passages. 16 neighbours gave 0.98, the defaults less."""
_BATCH = 1000
_LOG = "chroma.sqlite3"


class Graph:
    """Searches the slots of a folder that `extend_graph` filled. Safe to use from several threads.

    Chroma holds vectors and ids in its own memory once it has read them, so the files in the memory-backed folder are
    cut to nothing then, and its table of ids is emptied: they would take the same again. What is to grow is made from
    the sealed copy.
    """

    def __init__(self, folder: Path, dimensions: int, *, is_kept: bool = False) -> None:
        """Open the graph over vectors of so many dimensions; `is_kept` leaves its files as they are."""
        self.count = _count(folder)
        if not is_kept:
            _forget_ids(folder)
        self._client = _client(folder)
        self._handle = self._client.get_collection(_NAME, embedding_function=None)
        self._searching = threading.Condition()
        self._searches = 0
        self._is_closed = False
        self.search(np.full(dimensions, dimensions**-0.5, np.float32), 1)  # reads the files
        for path in folder.glob("*/*") if not is_kept else ():
            os.truncate(path, 0)

    def search(self, vector: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Slots and cosines of up to `k` vectors near a unit vector (d,), nearest first; none once it is closed."""
        with self._used() as handle:
            if handle is None or k < 1:
                return np.empty(0, np.int64), np.empty(0, np.float32)
            wanted = min(k, self.count)
            found = handle.query(query_embeddings=vector[None, :], n_results=wanted, include=["distances"])
        distances = np.asarray((found["distances"] or [[]])[0], np.float32)
        return np.array([int(name) for name in found["ids"][0]], np.int64), 1.0 - distances

    def close(self) -> None:
        """Give the memory back, after the searches that run."""
        with self._searching:
            self._is_closed = True
            self._searching.wait_for(lambda: self._searches == 0)
        self._client.close()

    @contextmanager
    def _used(self) -> Iterator[Collection | None]:
        with self._searching:
            if self._is_closed:
                yield None
                return
            self._searches += 1
        try:
            yield self._handle
        finally:
            with self._searching:
                self._searches -= 1
                self._searching.notify_all()


def extend_graph(
    folder: Path,
    first: int,
    vectors: NDArray[np.float32],
    told: Callable[[int], None] = lambda _: None,
    hnsw: Mapping[str, object] = HNSW,
) -> None:
    """Add unit vectors (n, d) at the slots from `first` on to the graph in a folder, made where there is none.

    `told` hears how many are in. The last of them, under 1,000, wait in the folder's log and are added by each opening.
    """
    with closing(_client(folder)) as client:
        handle = client.get_or_create_collection(
            _NAME,
            embedding_function=None,
            configuration={"hnsw": dict(hnsw)},  # type: ignore[arg-type]  # a TypedDict there
        )
        for start in range(0, len(vectors), _BATCH):
            part = vectors[start : start + _BATCH]
            handle.add(ids=[str(first + start + place) for place in range(len(part))], embeddings=part)
            handle.query(query_embeddings=part[:1], n_results=1, include=["distances"])  # takes them out of the log
            told(start + len(part))
    with closing(sqlite3.connect(folder / _LOG)) as log:
        log.execute("VACUUM")


def set_ef_search(folder: Path, breadth: int) -> None:
    """Search the graph in a folder that broadly from its next opening on."""
    with closing(_client(folder)) as client:
        graph = client.get_collection(_NAME, embedding_function=None)
        graph.modify(configuration={"hnsw": {"ef_search": breadth}})


def _count(folder: Path) -> int:
    with closing(sqlite3.connect(folder / _LOG)) as log:
        return int(log.execute("SELECT count(*) FROM embeddings").fetchone()[0])


def _forget_ids(folder: Path) -> None:
    """A search for ids and distances reads none of this table: the ids stand beside the graph, too."""
    with closing(sqlite3.connect(folder / _LOG)) as log:
        log.execute("DELETE FROM embeddings")
        log.commit()
        log.execute("VACUUM")


def _client(folder: Path) -> Client:
    settings = Settings(anonymized_telemetry=False, is_persistent=True, persist_directory=str(folder))
    return Client(settings=settings)
