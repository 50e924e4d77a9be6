"""From a question and grants to ranked passages: stage after stage, only the best ones unsealed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.languages import LanguageAxis
from rag.documents import Passage, PassageId, RankedPassage, SearchResult
from rag.index.memory import MemoryIndex
from rag.retrieval.collapse import collapse
from rag.retrieval.dense import search_dense
from rag.retrieval.filters import Filter, Sieve
from rag.retrieval.fusion import DENSE_WEIGHT, Ranking, fuse, interleave
from rag.retrieval.lexical import search_lexical
from rag.retrieval.neighbours import Completed, complete
from rag.retrieval.rerank import DEPTH, Comparison
from rag.retrieval.stages import ALL_STAGES, Stage, Stages
from rag.store.documents import DocumentStore
from security.access import Grant

_Answers = Sequence[dict[str, float]]
AHEAD = DEPTH
"""Of the 30 that are reranked 18 are among the 30 best by words. These cost 6 ms, and a question's vector takes 25."""


def sieve_of(store: DocumentStore, grant: Grant, within: Filter | None) -> Sieve | None:
    """A filter as the index of the granted collection reads it; None where nothing is narrowed."""
    return within.sieve(partial(store.folder_key, grant)) if within else None


class QueryEmbedder(Protocol):
    """Gives the vector of a question."""

    @property
    def language_axis(self) -> LanguageAxis | None:
        """Where vectors tell their language, if they do."""
        ...

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


class _Opened:
    """Passages unsealed for one search, each once."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._passages: dict[str, Passage] = {}

    def of(self, grant: Grant, names: Iterable[str]) -> Iterator[Passage]:
        """Those of the granted collection, in their order; one that is not there any more is left out."""
        names = list(names)
        missing = [PassageId(name) for name in names if name not in self._passages]
        self._passages.update({passage.id: passage for passage in self._store.passages(grant, missing)})
        return (self._passages[name] for name in names if name in self._passages)


class Searcher:
    """Searches the granted collections and nothing else, with the stages that are on."""

    def __init__(
        self, store: DocumentStore, index: MemoryIndex, embedder: QueryEmbedder, stages: Stages = ALL_STAGES
    ) -> None:
        self._store, self._index, self._embedder, self._stages = store, index, embedder, stages

    def warm(self) -> None:
        """Work out what the first search would wait a second for."""
        _ = self._axis

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
        opened, compared = _Opened(self._store), Comparison(queries) if Stage.RERANK in self._stages else None
        found = self._find(grants, queries, within, opened, compared)
        joined = (fuse if Stage.FUSION in self._stages else interleave)(found.rankings)
        ranked = _ranked(list(joined.items())[: max(k, DEPTH) if compared else k], found, opened)
        return SearchResult(compared.rerank(ranked)[:k] if compared else ranked)

    def distinct(self, ranked: Sequence[RankedPassage]) -> tuple[tuple[RankedPassage, ...], tuple[RankedPassage, ...]]:
        """Those that say something new, and those that an earlier one holds already, where that stage is on."""
        return collapse(ranked) if Stage.COLLAPSE in self._stages else (tuple(ranked), ())

    def completed(self, grants: Sequence[Grant], passage: Passage, count_tokens: Callable[[str], int]) -> Completed:
        """The passage with the rest of its cut sentences, where that stage is on."""
        grant = next(each for each in grants if each.collection_id == passage.document.collection_id)
        if Stage.NEIGHBOURS not in self._stages:
            return Completed(passage)
        return complete(passage, self._store.around(grant, passage), count_tokens)

    @property
    def _axis(self) -> LanguageAxis | None:
        return self._embedder.language_axis if Stage.LANGUAGES in self._stages else None

    def _find(
        self,
        grants: Sequence[Grant],
        queries: Sequence[str],
        within: Filter | None,
        opened: _Opened,
        compared: Comparison | None,
    ) -> _Found:
        """What the retrievers that are on give to each query.

        While the question is embedded, words are looked up, and what has most of them is unsealed and looked at.
        """
        found = _Found()
        nothing: _Answers = [{} for _ in grants]
        with ThreadPoolExecutor(1) as beside:
            embedding = beside.submit(self._embedder.embed_queries, queries) if Stage.DENSE in self._stages else None
            narrowed = [(grant, sieve_of(self._store, grant, within)) for grant in grants]
            by_words = Stage.LEXICAL in self._stages
            alike = [search_lexical(self._index, narrowed, query) if by_words else nothing for query in queries]
            if compared:
                _look_ahead(grants, alike, opened, compared)
            vectors = embedding.result() if embedding else [None] * len(queries)
        for vector, lexical in zip(vectors, alike, strict=True):
            dense = nothing if vector is None else search_dense(self._index, narrowed, vector, self._axis)
            found.add(grants, dense, lexical, weight=1 / len(queries))
        return found


def _look_ahead(grants: Sequence[Grant], alike: Sequence[_Answers], opened: _Opened, compared: Comparison) -> None:
    """Unseal the best by words of all collections, AHEAD of each query, and look at them."""
    for answers in alike:
        best = sorted(((score, place, name) for place, answer in enumerate(answers) for name, score in answer.items()))
        for place, grant in enumerate(grants):
            for passage in opened.of(grant, [name for _, where, name in best[-AHEAD:] if where == place]):
                compared.look(passage)


def _ranked(best: Sequence[tuple[str, float]], found: _Found, opened: _Opened) -> tuple[RankedPassage, ...]:
    passages: dict[str, Passage] = {}
    for grant in dict.fromkeys(found.owner[name] for name, _ in best):
        names = (name for name, _ in best if found.owner[name] == grant)
        passages.update({passage.id: passage for passage in opened.of(grant, names)})
    return tuple(
        RankedPassage(passages[name], score, found.dense.get(name), found.lexical.get(name))
        for name, score in best
        if name in passages
    )
