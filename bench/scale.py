"""How the sealed house grows: search, loading, restart, memory and disk from 1,000 to 100,000 passages.

`python -m bench.scale --corpus FILE [--sizes 1000 10000 100000] [--real 8000] [--kept FILE.npy]`. The baseline is bare
Chroma with the same vectors, texts and graph; for loading, the embedding of the passages; for restart and memory, an
empty house. Vectors of the first `--real` passages are real, the others drawn around them (bench/passages.py).
Writes the plot docs/scale.svg beside the JSON.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import chromadb
import numpy as np
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings as ChromaSettings
from numpy.typing import NDArray

from bench.measure import Bench, Row, options_of, quantile
from bench.memory import anonymous_bytes
from bench.passages import Text, documents_of, embedding_seconds, read_texts, vectors_of
from bench.plot import Panel, plot
from bench.startup import HUISCLOS, serving
from chat.admin.gateway import run_here
from chat.assembly import House
from chat.opening import initialise, open_house
from chat.settings import Settings, load_settings
from rag.index.vectors import HNSW
from rag.retrieval.search import Searcher
from rag.retrieval.stages import ALL_STAGES, Stage
from security.access import Grant, Right
from security.identity import OPERATOR

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
REAL = 8_000
QUESTIONS = 200
WORDS_A_QUESTION = 12
K = 10
COLLECTION = "bench"
PLOT = Path(__file__).parents[1] / "docs" / "scale.svg"
MILLISECONDS = 1000
_CHROMA_BATCH = 5000


@dataclass(slots=True)
class Grown:
    """What is filled, and what was measured while it was."""

    state: Path
    settings: Settings
    chroma: Path
    texts: list[Text]
    vectors: NDArray[np.float32]
    embedding: float
    ids: list[str] = field(default_factory=list)
    filling: float = 0.0

    def part(self, size: int) -> slice:
        """The texts that bring it to a size."""
        return slice(len(self.ids), size)


def main() -> None:
    """Fill to each size, close, start, look; then fill further."""
    options = _options()
    bench = Bench("scale")
    with tempfile.TemporaryDirectory(prefix="huisclos-bench-") as name:
        rows = tuple(measured(Path(name), options))
    bench.finish(rows, options.results)
    if options.plot:
        PLOT.write_text(plot("How the house grows with its passages", panels(rows)))


def measured(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Rows at each size, smallest first."""
    texts = read_texts(options.corpus, max(options.sizes))
    empty = _house(folder / "empty")
    grown = Grown(
        folder / "state", _house(folder / "state"), folder / "chroma", texts, np.empty((0, 0), np.float32), 0.0
    )
    grown.chroma.mkdir()
    with open_house(grown.state, grown.settings) as house:
        grown.vectors = vectors_of(house, texts, options.real, options.kept)
        grown.embedding = embedding_seconds(house, texts)
        questions = questions_of_texts(texts, options.questions)
        asked = house.embedder.embed_queries(questions)
    for size in sorted(min(size, len(texts)) for size in options.sizes):
        case = f"{size:,} passages"
        with open_house(grown.state, grown.settings) as house, closing(_chroma(grown.chroma)) as client:
            chroma = client.get_or_create_collection(COLLECTION, embedding_function=None, configuration={"hnsw": HNSW})  # type: ignore[arg-type]  # a TypedDict there
            yield _loading(case, house, grown, size)
            _copy(chroma, grown, len(chroma.get(include=[])["ids"]), size)
        with open_house(grown.state, grown.settings) as house, closing(_chroma(grown.chroma)) as client:
            bare = client.get_collection(COLLECTION, embedding_function=None)
            yield from _searching(case, house, bare, grown, questions, asked)
        yield from _serving(case, grown, folder / "empty", empty, size)
        yield Row(f"{case}: disk", "B/passage", _disk(grown.state) / size, _disk(grown.chroma) / size, 1)


def _house(state: Path) -> Settings:
    settings = load_settings(state)
    initialise(state, settings)
    with open_house(state, settings) as house:
        list(run_here(house, "collection.create", {"name": COLLECTION}))
    return settings


def _loading(case: str, house: House, grown: Grown, size: int) -> Row:
    """Milliseconds to seal, store and index one passage, up to the sealed snapshot, against embedding it."""
    grant = _grant(house, Right.MANAGE)
    part = grown.part(size)
    count = size - part.start
    _ = house.index
    started = time.perf_counter()
    for document in documents_of(grown.texts[part], grown.vectors[part], part.start):
        entries = house.documents.put(grant, document)[1]
        house.index.add(grant.collection_id, entries)
        grown.ids += [entry.passage_id for entry in entries]
    house.index.settle(grant.collection_id)
    house.index.tend(house.policy.for_indexing(grant.collection_id), house.documents)
    seconds = (time.perf_counter() - started) / count
    return Row(
        f"{case}: sealing, storing, indexing, against embedding",
        "ms/passage",
        seconds * MILLISECONDS,
        grown.embedding * MILLISECONDS,
        count,
    )


def _searching(
    case: str, house: House, chroma: Collection, grown: Grown, questions: Sequence[str], asked: NDArray[np.float32]
) -> Iterator[Row]:
    grant, index = _grant(house, Right.READ), house.index
    known = _Known(asked)
    beside = Searcher(house.documents, index, known)
    plain = Searcher(house.documents, index, house.embedder, ALL_STAGES.without(Stage.RERANK))

    def ours(place: int) -> None:
        known.place = place
        beside.search([grant], questions[place], K)

    def whole(place: int) -> None:
        house.searcher.search([grant], questions[place], K)

    def plainly(place: int) -> None:
        plain.search([grant], questions[place], K)

    def bare(place: int) -> None:
        _ask(chroma, asked[place])

    def bare_whole(place: int) -> None:
        _ask(chroma, house.embedder.embed_queries([questions[place]])[0])

    yield _timed(f"{case}: vectors alone", lambda at: index.search_dense(grant, asked[at], K), bare, len(questions))
    yield _timed(f"{case}: search, question embedded before", ours, bare, len(questions))
    yield _timed(f"{case}: search, not reranked", plainly, bare_whole, len(questions))
    yield _timed(f"{case}: search", whole, bare_whole, len(questions))
    yield _recall(case, grant, house, chroma, grown, asked)


def _timed(case: str, ours: Callable[[int], object], bare: Callable[[int], object], count: int) -> Row:
    """Medians of both, in turns over all questions, after one that warms up."""
    for call in (ours, bare):
        call(0)
    pairs = [(_seconds(ours, place), _seconds(bare, place)) for place in range(count)]
    mine, theirs = (quantile((pair[side] for pair in pairs), 0.5) * MILLISECONDS for side in (0, 1))
    return Row(f"{case}, p50", "ms", mine, theirs, count)


def _recall(case: str, grant: Grant, house: House, chroma: Collection, grown: Grown, asked: NDArray[np.float32]) -> Row:
    """The share of the ten truly nearest that are found, ours against bare Chroma's."""
    held = grown.vectors[: len(grown.ids)]
    ours = theirs = 0
    for vector in asked:
        nearest = {grown.ids[place] for place in np.argpartition(-(held @ vector), K)[:K]}
        ours += len(nearest & set(house.index.search_dense(grant, vector, K)))
        theirs += len(nearest & set(_ask(chroma, vector)))
    return Row(f"{case}: recall@10", "", ours / (K * len(asked)), theirs / (K * len(asked)), len(asked))


def _serving(case: str, grown: Grown, empty: Path, settings: Settings, size: int) -> Iterator[Row]:
    """A server of the house and one of an empty house: seconds to be ready, and memory after a search."""
    (ours, held), (theirs, bare) = _served(grown.state, grown.settings), _served(empty, settings)
    yield Row(f"{case}: restart, against an empty house", "s", ours, theirs, 1)
    beside = _bare_memory(grown)
    yield Row(f"{case}: memory, against bare Chroma", "B/passage", (held - bare) / size, beside / size, 1)


def _served(state: Path, settings: Settings) -> tuple[float, int]:
    """Seconds to the first answer of /health, and bytes in memory after a search, memory-backed files with them."""
    found: list[int] = []

    def look(pid: int) -> None:
        search = [HUISCLOS, "search", "-c", COLLECTION, "anything", "--state", str(state)]
        subprocess.run(search, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found.append(anonymous_bytes(pid) + _disk(settings.memory_for(state)))

    return serving(state, look), found[0]


def _bare_memory(grown: Grown) -> int:
    """What a process grows by that opens the Chroma folder and asks it once."""
    ended = subprocess.run(
        [sys.executable, "-m", "bench.bare_chroma", str(grown.chroma), COLLECTION, str(grown.vectors.shape[1])],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(ended.stdout)


def _disk(folder: Path) -> int:
    """Allocated bytes of all files."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def _chroma(folder: Path) -> chromadb.api.client.Client:
    settings = ChromaSettings(anonymized_telemetry=False, is_persistent=True, persist_directory=str(folder))
    return chromadb.api.client.Client(settings=settings)


def _copy(chroma: Collection, grown: Grown, first: int, size: int) -> None:
    """Bring Chroma to the same passages, with their texts and where they stand."""
    for start in range(first, size, _CHROMA_BATCH):
        part = slice(start, min(start + _CHROMA_BATCH, size))
        texts = grown.texts[part]
        chroma.add(
            ids=grown.ids[part],
            embeddings=grown.vectors[part],
            documents=[text.text for text in texts],
            metadatas=[{"document": text.document, "title": text.title} for text in texts],
        )


def _ask(chroma: Collection, vector: NDArray[np.float32]) -> list[str]:
    """The nearest ids with their distances, and nothing else."""
    return chroma.query(query_embeddings=vector[None, :], n_results=K, include=["distances"])["ids"][0]


class _Known:
    """Gives vectors that were computed before: what a search costs beside the embedding of its question."""

    language_axis = None

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors, self.place = vectors, 0

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The row (1, d) of the question at `place`."""
        return self._vectors[self.place : self.place + len(texts)]


def questions_of_texts(texts: Sequence[Text], wanted: int) -> list[str]:
    """Beginnings of texts from all parts of the smallest size, about as long as people ask."""
    places = np.random.default_rng(2).integers(0, min(SIZES[0], len(texts)), wanted)
    return [" ".join(texts[place].text.split()[:WORDS_A_QUESTION]) for place in places]


def _grant(house: House, right: Right) -> Grant:
    (record,) = house.collections.list()
    return house.policy.grant(OPERATOR, record.id, right)


def _seconds(call: Callable[[int], object], place: int) -> float:
    started = time.perf_counter()
    call(place)
    return time.perf_counter() - started


def panels(rows: Sequence[Row]) -> list[Panel]:
    """One picture for each kind of row."""
    kinds: dict[str, Panel] = {}
    for row in rows:
        size, _, kind = row.case.partition(" passages: ")
        panel = kinds.setdefault(kind, Panel(kind, row.unit))
        panel.points.append((int(size.replace(",", "")), row.ours, row.baseline))
    return list(kinds.values())


def _options() -> argparse.Namespace:
    parser = options_of("scale", __doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="JSON lines of doc, title, text, perhaps .xz")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="passages to measure at")
    parser.add_argument("--real", type=int, default=REAL, help="passages that are embedded")
    parser.add_argument("--kept", type=Path, help="a .npy file for the real vectors: read, or written")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--plot", action="store_true", help="write docs/scale.svg")
    return parser.parse_args()


if __name__ == "__main__":
    main()
