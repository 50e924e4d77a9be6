"""From a question and grants to ranked passages: dense and lexical, fused, only the chosen ones unsealed."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.documents import PassageId, RankedPassage, SearchResult
from rag.index.memory import MemoryIndex
from rag.retrieval.fusion import fuse
from rag.store.documents import DocumentStore
from security.access import Grant

CANDIDATES = 50
"""Taken from each retriever and collection: the gold stands in the first 30 for over 95 % of the questions."""


class QueryEmbedder(Protocol):
    """Gives the vector of a question."""

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows (n, d) float32."""
        ...


class Searcher:
    """Searches the granted collections and nothing else."""

    def __init__(self, store: DocumentStore, index: MemoryIndex, embedder: QueryEmbedder) -> None:
        self._store, self._index, self._embedder = store, index, embedder

    def search(self, grants: Sequence[Grant], question: str, k: int = 10) -> SearchResult:
        """Up to `k` passages, best first; none without a grant or a word."""
        if not grants or not question.strip():
            return SearchResult()
        vector = self._embedder.embed_queries([question])[0]
        dense: dict[str, float] = {}
        lexical: dict[str, float] = {}
        owner: dict[str, Grant] = {}
        for grant in grants:
            near = self._index.search_dense(grant, vector, CANDIDATES)
            alike = self._index.search_lexical(grant, question, CANDIDATES)
            owner.update(dict.fromkeys((*near, *alike), grant))
            dense.update(near)
            lexical.update(alike)
        best = list(fuse(dense, lexical).items())[:k]
        return self._open(best, owner, dense, lexical)

    def _open(
        self,
        best: Sequence[tuple[str, float]],
        owner: dict[str, Grant],
        dense: dict[str, float],
        lexical: dict[str, float],
    ) -> SearchResult:
        opened = {}
        for grant in dict.fromkeys(owner[name] for name, _ in best):
            ids = [PassageId(name) for name, _ in best if owner[name] == grant]
            opened.update({passage.id: passage for passage in self._store.passages(grant, ids)})
        return SearchResult(
            tuple(
                RankedPassage(opened[PassageId(name)], score, dense.get(name), lexical.get(name))
                for name, score in best
                if PassageId(name) in opened
            )
        )
