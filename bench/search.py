"""Search in a sealed collection against bare Chroma over the same vectors, at growing sizes.

`python -m bench.search [--sizes 1000 10000] [--corpus FILE]`. Each question is asked of both in turn: of our searcher
(dense and lexical candidates, fusion, the ten best unsealed) and of Chroma (the ten nearest ids), with the question's
vector known to both, and again with both embedding the question first. The passages are variations of the folder's own:
words shuffled, vectors moved a little.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import chromadb
import numpy as np
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings as ChromaSettings
from numpy.typing import NDArray

from bench.material import DEMO, Sample, fill, questions_of, read_entries, read_samples, variations
from bench.measure import Bench, Row, options_of, quantile
from chat.admin.bench import temporary_grant, temporary_house
from chat.assembly import House
from chat.settings import load_settings
from rag.index.vectors import HNSW
from rag.retrieval.search import Searcher
from rag.store.documents import DocumentStore
from security.access import Grant, Right

K = 10
SIZES = (1_000, 10_000)
QUESTIONS = 100
ENTRIES = 1_000
BATCH = 5_000

MILLISECONDS = 1000
Timed = Callable[[int], float]


class KnownVectors:
    """Gives vectors that were computed before: what a search costs beside the embedding of its question."""

    language_axis = None

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors, self.place = vectors, 0

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The row (1, d) of the question at `place`."""
        return self._vectors[self.place : self.place + len(texts)]


def main() -> None:
    """Fill, measure, fill further, measure again."""
    options = _options()
    bench = Bench("search")
    with temporary_house(load_settings(Path("state"))) as house, bare_chroma(house.memory_dir) as chroma:
        corpus: Path | None = options.corpus
        samples = read_entries(house, corpus, options.entries) if corpus else read_samples(house, options.folder)
        bench.finish(measured(house, chroma, samples, options.sizes, options.questions), options.results)


def measured(
    house: House, chroma: Collection, samples: Sequence[Sample], sizes: Sequence[int], count: int
) -> Iterator[Row]:
    """Rows at each size, smallest first; variations of the samples fill the collection."""
    questions = questions_of(samples, count)
    documents = variations(samples)
    manage, held = temporary_grant(house, Right.MANAGE), 0
    for size in sorted(sizes):
        held += fill(manage, house.documents, house.index, documents, size - held)
        copy_vectors(house.documents, house.policy.for_indexing(manage.collection_id), chroma)
        yield from compare_at(house, chroma, questions, f"{held:,} passages")


def compare_at(house: House, chroma: Collection, questions: Sequence[str], size: str) -> Iterator[Row]:
    """Median and 95th percentile, without and with the embedding of the question."""
    grant = temporary_grant(house, Right.READ)
    vectors = house.embedder.embed_queries(questions)
    known = KnownVectors(vectors)
    beside = Searcher(house.documents, house.index, known)

    def ours(place: int) -> float:
        known.place = place
        return _timed(lambda: beside.search([grant], questions[place], K))

    def ours_whole(place: int) -> float:
        return _timed(lambda: house.searcher.search([grant], questions[place], K))

    def bare(place: int) -> float:
        return _timed(lambda: ask(chroma, vectors[place]))

    def bare_whole(place: int) -> float:
        return _timed(lambda: ask(chroma, house.embedder.embed_queries([questions[place]])[0]))

    yield from rows_of(f"{size}, question embedded before", ours, bare, len(questions))
    yield from rows_of(f"{size}, embedding included", ours_whole, bare_whole, len(questions))


def rows_of(case: str, ours: Timed, bare: Timed, count: int) -> Iterator[Row]:
    """Both timed in turns over all questions, after one that warms up."""
    for timed in (ours, bare):
        timed(0)
    pairs = [(ours(place), bare(place)) for place in range(count)]
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        mine, theirs = (quantile((pair[side] for pair in pairs), share) for side in (0, 1))
        yield Row(f"{case}, {name}", "ms", mine, theirs, count)


@contextmanager
def bare_chroma(memory_dir: Path) -> Iterator[Collection]:
    """An empty Chroma collection in a memory-backed folder, as ours lies in one."""
    with tempfile.TemporaryDirectory(dir=memory_dir) as folder:
        settings = ChromaSettings(anonymized_telemetry=False, is_persistent=True, persist_directory=folder)
        client = chromadb.PersistentClient(path=folder, settings=settings)
        yield client.create_collection("bare", embedding_function=None, configuration={"hnsw": HNSW})  # type: ignore[arg-type]  # a TypedDict there


def copy_vectors(store: DocumentStore, grant: Grant, chroma: Collection) -> None:
    """Bring Chroma to the vectors that the collection holds."""
    for entries in store.entries.all(grant, BATCH):
        chroma.upsert(ids=[entry.passage_id for entry in entries], embeddings=np.stack([e.vector for e in entries]))


def ask(chroma: Collection, vector: NDArray[np.float32]) -> int:
    """The nearest ids with their distances, and nothing else; gives how many."""
    return len(chroma.query(query_embeddings=vector[None, :], n_results=K, include=["distances"])["ids"][0])


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * MILLISECONDS


def _options() -> argparse.Namespace:
    parser = options_of("search", __doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="passages to measure at")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--folder", type=Path, default=DEMO, help="documents whose variations fill the collection")
    parser.add_argument("--corpus", type=Path, help="JSON lines with title and text (.xz too) instead of --folder")
    parser.add_argument("--entries", type=int, default=ENTRIES, help="lines of --corpus to embed; variations follow")
    return parser.parse_args()


if __name__ == "__main__":
    main()
