"""The nearest vectors are found in a graph, from several threads, whatever is closed meanwhile."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.errors import IndexUnavailable
from rag.index.building import build_graph
from rag.index.vectors import Graph, extend_graph

DIMENSIONS = 16
COUNT = 300


def unit(count: int, seed: int = 1) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSIONS)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graph")
    build_graph(folder, 0, unit(COUNT))
    return folder


@pytest.fixture
def graph(made: Path, memory_dir: Path) -> Iterator[Graph]:
    folder = memory_dir / "graph"
    _copy(made, folder)
    graph = Graph(folder, DIMENSIONS)
    yield graph
    graph.close()


def _copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            copied = target / path.relative_to(source)
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(path.read_bytes())


def test_the_nearest_come_first_with_their_cosine_and_agree_with_exact_search(graph: Graph) -> None:
    rows = unit(COUNT)
    slots, near = graph.search(rows[7], 10)
    exact = rows @ rows[7]
    assert (slots[0], graph.count) == (7, COUNT)
    assert set(slots) == set(np.argsort(-exact)[:10])
    assert np.allclose(near, exact[slots], atol=1e-4)


def test_no_wish_gives_nothing_and_a_large_wish_gives_all(graph: Graph) -> None:
    assert len(graph.search(unit(1)[0], 0)[0]) == 0
    assert set(graph.search(unit(1)[0], 5000)[0]) == set(range(COUNT))


def test_its_vectors_are_in_memory_once(graph: Graph, memory_dir: Path) -> None:
    held = {path.name for path in memory_dir.rglob("*") if path.is_file() and path.stat().st_size}
    assert held == {"chroma.sqlite3"}
    with closing(sqlite3.connect(memory_dir / "graph" / "chroma.sqlite3")) as log:
        assert log.execute("SELECT count(*) FROM embeddings").fetchone() == (0,)
    assert set(graph.search(unit(COUNT)[9], 3)[0]) >= {9}


def test_a_graph_grows_from_its_files_and_from_none(made: Path, memory_dir: Path) -> None:
    folder = memory_dir / "larger"
    _copy(made, folder)
    more = unit(1200, seed=2)
    build_graph(folder, COUNT, more)
    graph = Graph(folder, DIMENSIONS)
    assert graph.count == COUNT + len(more)
    assert graph.search(more[1100], 1)[0].tolist() == [COUNT + 1100]
    assert graph.search(unit(COUNT)[4], 1)[0].tolist() == [4]
    graph.close()


def test_what_is_made_beside_us_is_private_and_the_vectors_do_not_stay_beside_it(made: Path) -> None:
    files = [path for path in made.rglob("*") if path.is_file()]
    assert "vectors.npy" not in {path.name for path in files}
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_making_is_cut_short_when_asked(memory_dir: Path) -> None:
    with pytest.raises(IndexUnavailable):
        build_graph(memory_dir / "cut", 0, unit(COUNT), cancelled=lambda: True)
    assert not (memory_dir / "cut" / "vectors.npy").exists()


def test_the_maker_tells_how_far_it_is(memory_dir: Path) -> None:
    told: list[int] = []
    extend_graph(memory_dir / "told", 0, unit(2300), told.append)
    assert told == [1000, 2000, 2300]


def test_searches_end_before_a_graph_is_closed_and_find_nothing_after(made: Path, memory_dir: Path) -> None:
    folder = memory_dir / "closing"
    _copy(made, folder)
    graph, failures, done = Graph(folder, DIMENSIONS), list[BaseException](), threading.Event()

    def search() -> None:
        try:
            while not done.is_set():
                graph.search(unit(1)[0], 10)
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            failures.append(error)

    readers = [threading.Thread(target=search) for _ in range(3)]
    for reader in readers:
        reader.start()
    graph.search(unit(1)[0], 10)
    graph.close()
    assert len(graph.search(unit(1)[0], 10)[0]) == 0
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []
