"""A long load beside people's questions: whether it keeps its rate, what it adds to a first token, what it holds.

`python -m bench.beside --corpus FILE [--passages 20000] [--questions 8]`. FILE holds JSON lines with `title` and
`text`, perhaps `.xz`. They are written as files of a folder, forty texts each, and loaded by a served house's own
queue, with real embeddings. Questions are answered before it and while it runs; the same embedder embeds some of the
texts bare, on all processors, after it.
"""

import argparse
import json
import lzma
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from bench.loading import fresh_collection
from bench.material import DEMO
from bench.measure import Bench, Row, options_of
from bench.memory import MIB, anonymous_bytes
from chat.admin.bench import temporary_house
from chat.admin.gateway import run_here
from chat.assembly import House
from chat.settings import load_settings
from rag.answering.answer import Finished
from rag.loading import FileLoaded
from rag.store.jobs import JobKind
from security.access import Grant, Right
from security.identity import OPERATOR

PASSAGES, QUESTIONS = 20_000, 8
TEXTS_A_FILE = 40
TENTHS = 10
BARE_TEXTS = 320
RATE_KEPT, FIRST_TOKEN, EMBEDDER = 0.9, 1.3, 0.9
"""Targets: the last tenth's rate to the first's, a first token beside the load to one alone, our embedding to bare."""
_ASKED = (
    "How many annual leave hours can I carry over?",
    "Combien de jours de télétravail par semaine sont possibles ?",
    "Who replaces a lost badge?",
    "Quel est le délai de préavis pendant la période d'essai ?",
)


@dataclass
class Watched:
    """Passages loaded by the time they were, in seconds since the load began, and memory then."""

    steps: list[tuple[float, int, float]] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def rate(self, tenth: int) -> float:
        """Passages a second in one tenth of the load, 0 to 9; between two files as if they came evenly."""
        times, counts = [0.0, *(step[0] for step in self.steps)], [0, *(step[1] for step in self.steps)]
        edges = [counts[-1] * part / TENTHS for part in (tenth, tenth + 1)]
        began, ended = np.interp(edges, counts, times)
        return float((edges[1] - edges[0]) / (ended - began))


def main() -> None:
    """Ask alone, load while asking, embed bare."""
    options = _options()
    bench = Bench("beside")
    with temporary_house(load_settings(Path("state"))) as house, tempfile.TemporaryDirectory() as name:
        write_files(options.corpus, Path(name), options.passages)
        bench.finish(measured(house, Path(name), options.questions), options.results)


def write_files(corpus: Path, folder: Path, passages: int) -> None:
    """The first texts of a corpus, as many as there are to be passages, in Markdown files."""
    with lzma.open(corpus, "rt") if corpus.suffix == ".xz" else corpus.open() as source:
        rows = [json.loads(line) for line in islice(source, passages)]
    parts = [rows[start : start + TEXTS_A_FILE] for start in range(0, len(rows), TEXTS_A_FILE)]
    for number, part in enumerate(parts):
        (folder / f"{number:05}.md").write_text("\n\n".join(f"# {row['title']}\n\n{row['text']}" for row in part))


def measured(house: House, folder: Path, questions: int) -> Iterator[Row]:
    """Everything that is measured, in one load."""
    asked = fresh_collection(house, "asked")
    for _ in run_here(house, "collection.load", {"name": "asked", "path": str(DEMO)}):
        pass
    reading = house.policy.grant(OPERATOR, asked.collection_id, Right.READ)
    first_tokens(house, reading, 1)  # the first one ever reads the weights
    _widen(house)
    alone = first_tokens(house, reading, questions)
    watched, grant = Watched(), fresh_collection(house, "loaded")
    with house.jobs.served():
        following = threading.Thread(target=_follow, args=(house, grant, folder, watched))
        following.start()
        while not watched.steps:
            time.sleep(0.1)
        beside = first_tokens(house, reading, questions)
        following.join()
    yield from _rows(house, folder, watched, (statistics.median(beside), statistics.median(alone)), questions)


def _widen(house: House) -> None:
    """Have every context of the embedder read the longest text there is: each keeps the room that its longest took."""
    longest = "word " * house.embedder.tokens_max
    house.embedder.embed_passages([longest] * house.embedder.contexts * 2)


def _rows(
    house: House, folder: Path, watched: Watched, first_tokens_ms: tuple[float, float], questions: int
) -> Iterator[Row]:
    seconds, passages, memory = watched.steps[-1]
    case = f"{passages:,} passages loaded"
    yield Row(f"{case}: first token meanwhile, to alone (target {FIRST_TOKEN})", "ms", *first_tokens_ms, questions)
    last, second = watched.rate(TENTHS - 1), watched.rate(1)
    yield Row(f"{case}: rate of the last tenth, to the second (target {RATE_KEPT})", "passages/s", last, second, 1)
    before = watched.steps[len(watched.steps) // TENTHS][2]
    yield Row(f"{case}: memory at the end, to after a tenth", "MB", memory, before, 1)
    ours, bare = passages / seconds, _bare_rate(house, folder)
    yield Row(f"{case}: all of it, to texts embedded bare (target {EMBEDDER})", "passages/s", ours, bare, 1)


def _bare_rate(house: House, folder: Path) -> float:
    """Texts a second of the embedder alone."""
    parts = (folder / "00000.md").read_text().split("\n\n")
    texts = list(islice(cycle(part for part in parts if not part.startswith("#")), BARE_TEXTS))
    started = time.perf_counter()
    house.embedder.embed_passages(texts)
    return BARE_TEXTS / (time.perf_counter() - started)


def first_tokens(house: House, grant: Grant, questions: int) -> list[float]:
    """Milliseconds to the first token of each of some answers."""
    found = []
    for number in range(questions):
        for event in house.answerer.answer([grant], _ASKED[number % len(_ASKED)], [], threading.Event()):
            if isinstance(event, Finished) and event.answer.timings.first_token_ms:
                found.append(float(event.answer.timings.first_token_ms))
    return found


def _follow(house: House, grant: Grant, folder: Path, watched: Watched) -> None:
    started, passages = time.perf_counter(), 0
    _, heard = house.jobs.submitted(grant, JobKind.LOAD, str(folder))
    for event in heard:
        if isinstance(event, FileLoaded):
            passages += event.passages
            watched.steps.append((time.perf_counter() - started, passages, anonymous_bytes() / MIB))


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = options_of("beside", __doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="JSON lines with `title` and `text`, perhaps .xz")
    parser.add_argument("--passages", type=int, default=PASSAGES, help="texts that are loaded")
    parser.add_argument("--questions", type=int, default=QUESTIONS, help="asked before, and again meanwhile")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
