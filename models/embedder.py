"""Texts to unit vectors with multilingual-e5, through llama.cpp."""

import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from queue import LifoQueue

import numpy as np
from numpy.typing import NDArray

from models.catalogue import ModelEntry
from models.errors import EngineFailed
from models.languages import LanguageAxis, language_axis
from models.llama import EmbeddingContext, Model
from models.processors import physical_cores

PACK_TOKENS = 256
"""Short texts share a forward pass up to this many tokens: larger passes gained nothing on two cores."""
CONTEXTS_MAX = 4
"""Contexts for loading when nobody says how many. Each holds 1 MB a token of its largest pass, 245 MB for 250 tokens
measured: llama.cpp makes room for the logits of the whole vocabulary."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\x8f\x9f\u00ad]")
_SPACE = re.compile(r"[\s\u200b-\u200f\u2028\u2029\ufeff]+")


def normalise(text: str) -> str:
    """NFKC without control or zero-width characters: text from PDFs loses 0.03 of cosine otherwise."""
    return _SPACE.sub(" ", _CONTROL.sub("", unicodedata.normalize("NFKC", text))).strip()


class Embedder:
    """Queries and passages to vectors, from any number of threads at once.

    Passages are spread over several contexts of one thread each (two threads in one context spin on a busy machine);
    queries have a context of their own, so that a question never waits for a load.
    """

    def __init__(self, model: Model, entry: ModelEntry, contexts: int) -> None:
        self._model, self._entry = model, entry
        self.tokens_max = entry.context_tokens
        self._query, self._query_lock = (
            EmbeddingContext(model, threads=1, tokens_max=self.tokens_max),
            threading.Lock(),
        )
        self._free: LifoQueue[EmbeddingContext] = LifoQueue()
        for _ in range(contexts):
            self._free.put(EmbeddingContext(model, threads=1, tokens_max=self.tokens_max))
        self._workers = ThreadPoolExecutor(contexts, "embedding")
        self._is_open = True
        self.contexts, self.dimensions = contexts, model.dimensions

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) float32, rows of unit length, for questions."""
        tokens = self._tokens(texts, self._entry.query_prefix)
        rows = np.empty((len(texts), self.dimensions), np.float32)
        with self._query_lock:
            self._check_open()
            for pack in _packs(tokens, self._query.sequences_max):
                rows[pack] = self._query.encode([tokens[index] for index in pack])
        return rows

    @cached_property
    def language_axis(self) -> LanguageAxis:
        """Where questions of two languages differ: a second the first time."""
        return language_axis(lambda texts: self._spread(self._tokens(texts, self._entry.query_prefix)))

    def embed_meanings(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) float32, rows of unit length, that compare sentences of two languages."""
        return self.language_axis.taken_out(self._spread(self._tokens(texts, self._entry.query_prefix)))

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) float32, rows of unit length, for passages; long calls use every context."""
        return self._spread(self._tokens(texts, self._entry.passage_prefix))

    def _spread(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        rows = np.empty((len(tokens), self.dimensions), np.float32)
        packs = list(_packs(tokens, self._query.sequences_max))
        self._check_open()
        for pack, vectors in zip(
            packs, self._workers.map(self._encode, ([tokens[i] for i in p] for p in packs)), strict=True
        ):
            rows[pack] = vectors
        return rows

    def count_tokens(self, text: str) -> int:
        """How many tokens the text has, without prefix and special tokens."""
        return len(self._model.tokenize(normalise(text)))

    def _encode(self, sequences: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        context = self._free.get()
        try:
            return context.encode(sequences)
        finally:
            self._free.put(context)

    def _tokens(self, texts: Sequence[str], prefix: str) -> list[list[int]]:
        """Token ids of each text behind its prefix, cut where the model has no more positions."""
        found = (self._model.tokenize(prefix + normalise(text), add_special=True) for text in texts)
        most = self.tokens_max
        return [tokens if len(tokens) <= most else [*tokens[: most - 1], tokens[-1]] for tokens in found]

    def _check_open(self) -> None:
        if not self._is_open:
            raise EngineFailed("the embedder is closed; ask again after the restart")

    def close(self) -> None:
        """Wait for the running texts, then free contexts and weights. A second call does nothing."""
        with self._query_lock:
            if not self._is_open:
                return
            self._is_open = False
        self._workers.shutdown()
        self._query.close()
        while not self._free.empty():
            self._free.get().close()
        self._model.close()


def _packs(tokens: Sequence[Sequence[int]], texts_max: int) -> Iterator[list[int]]:
    """Indices grouped so that each group fits one pass; sorted by length so that little is wasted."""
    pack: list[int] = []
    size = 0
    for index in sorted(range(len(tokens)), key=lambda position: len(tokens[position])):
        if pack and (size + len(tokens[index]) > PACK_TOKENS or len(pack) >= texts_max):
            yield pack
            pack, size = [], 0
        pack.append(index)
        size += len(tokens[index])
    if pack:
        yield pack


def open_embedder(path: Path, entry: ModelEntry, *, contexts: int | None = None) -> Embedder:
    """Load the weights at `path` (already verified) with the entry's prefixes and length.

    `contexts` passages are embedded at the same time; one a core when left out, at most CONTEXTS_MAX.
    """
    # Repacked, Q4_0 costs 170 instead of 220 CPU ms for 180 tokens; the cosine moves by 5e-5.
    return Embedder(Model(path, extra_buffers=True), entry, contexts or min(physical_cores(), CONTEXTS_MAX))
