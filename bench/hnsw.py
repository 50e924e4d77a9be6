"""Which graph: recall, time and bytes for settings of HNSW, against comparing with every vector.

`python -m bench.hnsw --corpus FILE [--passages 100000] [--real 8000] [--kept FILE.npy]`. Vectors: bench/passages.py;
questions are embedded as questions. The baseline of recall is 1; of a search, every vector compared in numpy; of making
and of bytes, the first setting.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.measure import Bench, Row, options_of, quantile
from bench.passages import Text, read_texts, vectors_of
from bench.scale import MILLISECONDS, QUESTIONS, REAL, K, questions_of_texts
from chat.admin.bench import temporary_house
from chat.settings import load_settings
from rag.index.vectors import HNSW, Graph, extend_graph, set_ef_search
from rag.retrieval.dense import CANDIDATES

PASSAGES = 100_000
NEIGHBORS, CONSTRUCTION, SEARCH = (16, 24, 32), (100, 200), (100, 200, 400)


def main() -> None:
    """Make a graph for each setting, search it at each breadth."""
    options = _options()
    bench = Bench("hnsw")
    with temporary_house(load_settings(Path("state"))) as house:
        texts: list[Text] = read_texts(options.corpus, options.passages)
        vectors = vectors_of(house, texts, options.real, options.kept)
        asked = house.embedder.embed_queries(questions_of_texts(texts, QUESTIONS))
        with tempfile.TemporaryDirectory(dir=house.memory_dir) as name:
            bench.finish(measured(Path(name), vectors, asked), options.results)


def measured(folder: Path, vectors: NDArray[np.float32], asked: NDArray[np.float32]) -> Iterator[Row]:
    """Rows for each setting."""
    exact = [np.argsort(-(vectors @ vector), kind="stable")[:CANDIDATES] for vector in asked]
    compared = quantile((_compared(vectors, vector) for vector in asked), 0.5)
    first: tuple[float, float] | None = None
    for neighbors in NEIGHBORS:
        for construction in CONSTRUCTION:
            name = f"{len(vectors):,} passages, {neighbors} neighbours, construction {construction}"
            made = folder / f"{neighbors}-{construction}"
            made.mkdir()
            started = time.perf_counter()
            extend_graph(made, 0, vectors, hnsw={**HNSW, "max_neighbors": neighbors, "ef_construction": construction})
            seconds = time.perf_counter() - started
            size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file()) / len(vectors)
            first = first or (seconds, size)
            yield Row(f"{name}: made", "ms/passage", seconds / len(vectors) * 1000, first[0] / len(vectors) * 1000, 1)
            yield Row(f"{name}: files", "B/passage", size, first[1], 1)
            yield from _searched(made, name, vectors.shape[1], asked, exact, compared)


def _searched(
    made: Path, name: str, dimensions: int, asked: NDArray[np.float32], exact: list[NDArray[np.int64]], compared: float
) -> Iterator[Row]:
    for breadth in SEARCH:
        set_ef_search(made, breadth)
        graph = Graph(made, dimensions, is_kept=True)
        seconds, ten, all_found = [], 0, 0
        for vector, nearest in zip(asked, exact, strict=True):
            started = time.perf_counter()
            slots, _ = graph.search(vector, CANDIDATES)
            seconds.append(time.perf_counter() - started)
            ten += len(set(slots[:K].tolist()) & set(nearest[:K].tolist()))
            all_found += len(set(slots.tolist()) & set(nearest.tolist()))
        graph.close()
        case = f"{name}, search {breadth}"
        yield Row(f"{case}: recall@{K}", "", ten / (K * len(asked)), 1.0, len(asked))
        yield Row(f"{case}: recall@{CANDIDATES}", "", all_found / (CANDIDATES * len(asked)), 1.0, len(asked))
        yield Row(f"{case}: p50", "ms", quantile(seconds, 0.5) * MILLISECONDS, compared * MILLISECONDS, len(asked))


def _compared(vectors: NDArray[np.float32], vector: NDArray[np.float32]) -> float:
    started = time.perf_counter()
    np.argpartition(-(vectors @ vector), CANDIDATES)
    return time.perf_counter() - started


def _options() -> argparse.Namespace:
    parser = options_of("hnsw", __doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="JSON lines of doc, title, text, perhaps .xz")
    parser.add_argument("--passages", type=int, default=PASSAGES)
    parser.add_argument("--real", type=int, default=REAL, help="passages that are embedded")
    parser.add_argument("--kept", type=Path, help="a .npy file for the real vectors: read, or written")
    return parser.parse_args()


if __name__ == "__main__":
    main()
