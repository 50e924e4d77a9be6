"""From a question and grants to ranked passages: stage after stage, only the best ones unsealed."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.documents import Passage, PassageId, RankedPassage, SearchResult
from rag.index.memory import MemoryIndex
from rag.retrieval.collapse import collapse
from rag.retrieval.dense import search_dense
from rag.retrieval.filters import Filter, Sieve
from rag.retrieval.fusion import DENSE_WEIGHT, Ranking, fuse, interleave
from rag.retrieval.lexical import search_lexical
from rag.retrieval.neighbours import Completed, complete
from rag.retrieval.rerank import DEPTH, rerank
from rag.retrieval.stages import ALL_STAGES, Stage, Stages
from rag.store.documents import DocumentStore
from security.access import Grant

_Answers = Sequence[dict[str, float]]


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

    def add(self, grants: Sequence[Grant], dense: _Answers, lexical: _Answers, weight: float) -> None:
        """Take the answers to one query, by collection; a passage keeps its highest score."""
        for grant, *answers in zip(grants, dense, lexical, strict=True):
            self.owner.update(dict.fromkeys(chain(*answers), grant))
        shares = ((self.dense, dense, DENSE_WEIGHT), (self.lexical, lexical, 1 - DENSE_WEIGHT))
        for held, given, share in shares:
            joined = {name: score for answer in given for name, score in answer.items()}
            self.rankings.append(Ranking(joined, weight * share))
            held.update({name: max(score, held.get(name, score)) for name, score in joined.items()})


class Searcher:
    """Searches the granted collections and nothing else, with the stages that are on."""

    def __init__(
        self, store: DocumentStore, index: MemoryIndex, embedder: QueryEmbedder, stages: Stages = ALL_STAGES
    ) -> None:
        self._store, self._index, self._embedder, self._stages = store, index, embedder, stages

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
        found = self._find(grants, queries, within)
        joined = (fuse if Stage.FUSION in self._stages else interleave)(found.rankings)
        is_reranked = Stage.RERANK in self._stages
        ranked = self._open(list(joined.items())[: max(k, DEPTH) if is_reranked else k], found)
        return SearchResult(rerank(queries, ranked)[:k] if is_reranked else ranked)

    def distinct(self, ranked: Sequence[RankedPassage]) -> tuple[tuple[RankedPassage, ...], tuple[RankedPassage, ...]]:
        """Those that say something new, and those that an earlier one holds already, where that stage is on."""
        return collapse(ranked) if Stage.COLLAPSE in self._stages else (tuple(ranked), ())

    def completed(self, grants: Sequence[Grant], passage: Passage, count_tokens: Callable[[str], int]) -> Completed:
        """The passage with the rest of its cut sentences, where that stage is on."""
        grant = next(each for each in grants if each.collection_id == passage.document.collection_id)
        if Stage.NEIGHBOURS not in self._stages:
            return Completed(passage)
        return complete(passage, self._store.around(grant, passage), count_tokens)

    def _find(self, grants: Sequence[Grant], queries: Sequence[str], within: Filter | None) -> _Found:
        """What the retrievers that are on give to each query; words are looked up while the question is embedded."""
        found = _Found()
        nothing: _Answers = [{} for _ in grants]
        with ThreadPoolExecutor(1) as beside:
            embedding = beside.submit(self._embedder.embed_queries, queries) if Stage.DENSE in self._stages else None
            narrowed = [(grant, self._sieve(grant, within)) for grant in grants]
            by_words = Stage.LEXICAL in self._stages
            alike = [search_lexical(self._index, narrowed, query) if by_words else nothing for query in queries]
            vectors = embedding.result() if embedding else [None] * len(queries)
        for vector, lexical in zip(vectors, alike, strict=True):
            dense = nothing if vector is None else search_dense(self._index, narrowed, vector)
            found.add(grants, dense, lexical, weight=1 / len(queries))
        return found

    def _sieve(self, grant: Grant, within: Filter | None) -> Sieve | None:
        return within.sieve(partial(self._store.folder_key, grant)) if within else None

    def _open(self, best: Sequence[tuple[str, float]], found: _Found) -> tuple[RankedPassage, ...]:
        opened = {}
        for grant in dict.fromkeys(found.owner[name] for name, _ in best):
            ids = [PassageId(name) for name, _ in best if found.owner[name] == grant]
            opened.update({passage.id: passage for passage in self._store.passages(grant, ids)})
        return tuple(
            RankedPassage(opened[PassageId(name)], score, found.dense.get(name), found.lexical.get(name))
            for name, score in best
            if PassageId(name) in opened
        )
