"""What a filter costs: a narrowed search of vectors and words against one of everything, in an index of drawn passages.

`python -m bench.filters [--sizes 10000 100000]`. Documents of ten passages; each passes a filter of a share by chance,
so that what passes is scattered, or lies in one folder of that share, as it was loaded. Milliseconds of a processor.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.measure import Bench, Row, options_of
from rag.documents import DocumentId, PassageId
from rag.facets import Facets
from rag.index.collection import CollectionIndex
from rag.index.limits import EXACT_PASSAGES_MAX
from rag.retrieval.dense import CANDIDATES
from rag.retrieval.filters import Sieve
from rag.store.values import IndexEntry

SIZES = (10_000, 100_000)
MEMORY = Path("/dev/shm")
DIMENSIONS, GROUPS, PASSAGES_A_DOCUMENT, WORDS, WORDS_A_PASSAGE = 384, 3000, 10, 20_000, 80
WORDS_ASKED, QUESTIONS = 8, 40
DAYS = 1000
SHARES = {"half": 0.5, "a tenth": 0.1, "a hundredth": 0.01, "a thousandth": 0.001}
MILLISECONDS = 1000


class Drawn:
    """Passages and questions drawn by a seed: vectors in groups around one direction, words by Zipf's law."""

    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._mean, self._groups = self._unit(1), self._unit(GROUPS)
        weights = 1 / np.arange(5, WORDS + 5)
        self._weights = weights / weights.sum()

    def entries(self, first: int, count: int, size: int) -> list[IndexEntry]:
        """Passages from one slot on; a document's day is drawn, its folders are those of its place among all."""
        vectors = self.vectors(count)
        days = self._random.integers(0, DAYS, count // PASSAGES_A_DOCUMENT + 1)
        texts = self._texts(count, WORDS_A_PASSAGE)
        return [
            IndexEntry(
                PassageId(f"{first + place:032x}"),
                DocumentId(f"{(first + place) // PASSAGES_A_DOCUMENT}"),
                vectors[place],
                Facets("", int(days[place // PASSAGES_A_DOCUMENT]), folders=_folders((first + place) / size)),
                texts[place],
            )
            for place in range(count)
        ]

    def vectors(self, count: int) -> NDArray[np.float32]:
        """Unit rows (n, d)."""
        near = 1.8 * self._mean + 0.8 * self._groups[self._random.integers(0, GROUPS, count)] + 0.5 * self._unit(count)
        return np.asarray(near / np.linalg.norm(near, axis=1, keepdims=True), np.float32)

    def questions(self, count: int) -> list[tuple[NDArray[np.float32], str]]:
        """Vectors with words."""
        return list(zip(self.vectors(count), self._texts(count, WORDS_ASKED), strict=True))

    def _texts(self, count: int, words: int) -> list[str]:
        drawn = self._random.choice(WORDS, size=(count, words), p=self._weights)
        return [" ".join(f"w{word}x" for word in row) for row in drawn]

    def _unit(self, count: int) -> NDArray[np.float32]:
        rows = self._random.standard_normal((count, DIMENSIONS))
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _folders(place: float) -> tuple[str, ...]:
    return tuple(name for name, share in SHARES.items() if 0.2 <= place < 0.2 + share)


def main() -> None:
    """Fill, measure, fill further, measure again."""
    options = _options()
    bench = Bench("filters")
    bench.finish((row for size in options.sizes for row in measured(size, options.questions)), options.results)


def measured(size: int, count: int) -> Iterator[Row]:
    """Medians over the questions, each asked in turns of everything and through each filter."""
    drawn = Drawn()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        index = _filled(Path(folder) / "index", drawn, size)
        questions = drawn.questions(count)
        for name, sieve in _sieves():
            for way, search in _ways(index).items():
                pairs = [(_timed(search, each, sieve), _timed(search, each, None)) for each in questions]
                ours, baseline = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
                yield Row(f"{size:,} passages, {way}, {name}", "ms", ours, baseline, count)
        index.close()


def _filled(folder: Path, drawn: Drawn, size: int) -> CollectionIndex:
    index = CollectionIndex(folder)
    for first in range(0, size, EXACT_PASSAGES_MAX):
        index.add(drawn.entries(first, min(EXACT_PASSAGES_MAX, size - first), size))
    if size > EXACT_PASSAGES_MAX:
        index.grow(folder / "graph", lambda: False)
        index.take_graph(folder / "graph", "graph")
    return index


def _sieves() -> Iterator[tuple[str, Sieve]]:
    for name, share in SHARES.items():
        yield f"{name} of all, scattered", Sieve(before=round(share * DAYS) - 1)
        yield f"{name} of all, one folder", Sieve(folders=frozenset({name}))
    yield "nothing", Sieve(after=DAYS)


Asked = tuple[NDArray[np.float32], str]
Search = Callable[[Asked, Sieve | None], object]


def _ways(index: CollectionIndex) -> dict[str, Search]:
    return {
        "vectors": lambda asked, sieve: index.search_dense(asked[0], CANDIDATES, sieve),
        "words": lambda asked, sieve: index.search_lexical(asked[1], CANDIDATES, sieve),
    }


def _timed(search: Search, asked: Asked, sieve: Sieve | None) -> float:
    started = time.process_time()
    search(asked, sieve)
    return (time.process_time() - started) * MILLISECONDS


def _options() -> argparse.Namespace:
    parser = options_of("filters", __doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="passages to measure at")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
