"""From a question and grants to ranked passages: dense and lexical, fused, only the chosen ones unsealed."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.documents import PassageId, RankedPassage, SearchResult
from rag.index.memory import MemoryIndex
from rag.retrieval.filters import Filter, Sieve
from rag.retrieval.fusion import DENSE_WEIGHT, Ranking, fuse
from rag.store.documents import DocumentStore
from security.access import Grant

CANDIDATES = 50
"""Taken from each retriever and collection: the gold stands in the first 30 for over 95 % of the questions."""


class QueryEmbedder(Protocol):
    """Gives the vector of a question."""

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows (n, d) float32."""
        ...


class _Found:
    """What the retrievers gave over all granted collections, by passage id."""

    def __init__(self) -> None:
        self.rankings: list[Ranking] = []
        self.owner: dict[str, Grant] = {}
        self.dense: dict[str, float] = {}
        self.lexical: dict[str, float] = {}

    def add(self, dense: dict[str, float], lexical: dict[str, float], weight: float) -> None:
        """Take the answers to one query; a passage keeps its highest score."""
        self.rankings += [Ranking(dense, weight * DENSE_WEIGHT), Ranking(lexical, weight * (1 - DENSE_WEIGHT))]
        for held, new in ((self.dense, dense), (self.lexical, lexical)):
            held.update({name: max(score, held.get(name, score)) for name, score in new.items()})


class Searcher:
    """Searches the granted collections and nothing else."""

    def __init__(self, store: DocumentStore, index: MemoryIndex, embedder: QueryEmbedder) -> None:
        self._store, self._index, self._embedder = store, index, embedder

    def search(
        self, grants: Sequence[Grant], question: str, k: int = 10, earlier: str = "", within: Filter | None = None
    ) -> SearchResult:
        """Up to `k` passages, best first; none without a grant or a word.

        `earlier` is what the conversation asked before: the question is then searched both alone and together with
        it, and the rankings are fused, so that a follow-up finds its subject and a new subject is not drowned.
        `within` narrows it; where nothing passes, nothing is found.
        """
        if not grants or not question.strip():
            return SearchResult()
        queries = [question, f"{question}\n{earlier}"] if earlier.strip() else [question]
        with ThreadPoolExecutor(1) as beside:  # words are looked up while the question is embedded
            embedding = beside.submit(self._embedder.embed_queries, queries)
            sieves = [self._sieve(grant, within) for grant in grants]
            narrowed = list(zip(grants, sieves, strict=True))
            alike = [
                [self._index.search_lexical(grant, query, CANDIDATES, sieve) for grant, sieve in narrowed]
                for query in queries
            ]
            vectors = embedding.result()
        found = _Found()
        for vector, lexical in zip(vectors, alike, strict=True):
            dense = [self._index.search_dense(grant, vector, CANDIDATES, sieve) for grant, sieve in narrowed]
            for grant, *answers in zip(grants, dense, lexical, strict=True):
                found.owner.update(dict.fromkeys(chain(*answers), grant))
            found.add(_joined(dense), _joined(lexical), weight=1 / len(queries))
        return self._open(list(fuse(found.rankings).items())[:k], found)

    def _sieve(self, grant: Grant, within: Filter | None) -> Sieve | None:
        return within.sieve(partial(self._store.folder_key, grant)) if within else None

    def _open(self, best: Sequence[tuple[str, float]], found: _Found) -> SearchResult:
        opened = {}
        for grant in dict.fromkeys(found.owner[name] for name, _ in best):
            ids = [PassageId(name) for name, _ in best if found.owner[name] == grant]
            opened.update({passage.id: passage for passage in self._store.passages(grant, ids)})
        return SearchResult(
            tuple(
                RankedPassage(opened[PassageId(name)], score, found.dense.get(name), found.lexical.get(name))
                for name, score in best
                if PassageId(name) in opened
            )
        )


def _joined(answers: Iterable[dict[str, float]]) -> dict[str, float]:
    return {name: score for answer in answers for name, score in answer.items()}
