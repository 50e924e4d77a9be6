"""Loading the demo collection against embedding the same texts bare.

`python -m bench.loading [--folder DIR] [--runs 3]`. Ours reads each file in the sandbox, chunks, embeds, seals and
indexes. The baseline embeds the very texts that ours embedded, in one call, and throws the vectors away.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.material import DEMO
from bench.measure import Bench, Row, compare, options_of
from chat.admin.bench import temporary_house
from chat.admin.gateway import run_here
from chat.assembly import House
from chat.settings import load_settings
from models.embedder import Embedder
from rag.loading import Loader
from security.access import Grant, Right
from security.identity import OPERATOR

RUNS = 3


class HeardEmbedder:
    """The house's embedder, with the texts it was given kept, so that the baseline gets the very same."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.texts: list[str] = []

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As the embedder's, from any thread."""
        self.texts.extend(texts)
        return self._embedder.embed_passages(texts)

    def count_tokens(self, text: str) -> int:
        """As the embedder's."""
        return self._embedder.count_tokens(text)


def main() -> None:
    """Load into a fresh collection a run, in turns with the bare embedder."""
    options = _options()
    bench = Bench("loading")
    with temporary_house(load_settings(Path("state"))) as house:
        bench.finish([measured(house, options.folder, options.runs)], options.results)


def measured(house: House, folder: Path, runs: int) -> Row:
    """Passages a second."""
    heard = HeardEmbedder(house.embedder)
    loader = Loader(house.documents, house.index, heard, house.memory_dir)
    grants = iter([fresh_collection(house, f"load {number}") for number in range(runs)])

    def ours() -> float:
        heard.texts.clear()
        started = time.perf_counter()
        passages = sum(file.passages for file in loader.load(next(grants), folder))
        return passages / (time.perf_counter() - started)

    def bare() -> float:
        started = time.perf_counter()
        house.embedder.embed_passages(heard.texts)
        return len(heard.texts) / (time.perf_counter() - started)

    row = compare("", "passages/s", ours, bare, runs)
    return replace(row, case=f"{folder.name}: files loaded ({len(heard.texts)} passages), against their texts embedded")


def fresh_collection(house: House, name: str) -> Grant:
    """An empty collection, with the right to load into it."""
    (made,) = run_here(house, "collection.create", {"name": name})
    return house.policy.grant(OPERATOR, made["id"], Right.MANAGE)


def _options() -> argparse.Namespace:
    parser = options_of("loading", __doc__, RUNS)
    parser.add_argument("--folder", type=Path, default=DEMO, help="documents to load")
    return parser.parse_args()


if __name__ == "__main__":
    main()
