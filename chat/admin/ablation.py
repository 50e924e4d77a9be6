"""What each stage of a search is worth on a BEIR folder: indexed once, searched without each stage and by one alone."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chat.admin.beir import Query, read_corpus, read_golds, read_queries
from chat.admin.bench import (
    PASSAGES_A_DOCUMENT,
    Report,
    Step,
    best_documents,
    index_corpus,
    temporary_grant,
    temporary_house,
)
from chat.settings import Settings
from rag.documents import SearchResult
from rag.evaluating.ndcg import DEPTH, ndcg
from rag.evaluating.recall import recall
from rag.retrieval.search import Searcher
from rag.retrieval.stages import ALL_STAGES, Stage, Stages
from security.access import Right

WARM_UP = 10
"""Questions searched before anything is measured."""
VARIANTS: Mapping[str, Stages] = {
    "all": ALL_STAGES,
    "without languages": ALL_STAGES.without(Stage.LANGUAGES),
    "without dense": ALL_STAGES.without(Stage.DENSE),
    "without lexical": ALL_STAGES.without(Stage.LEXICAL),
    "without fusion": ALL_STAGES.without(Stage.FUSION),
    "without rerank": ALL_STAGES.without(Stage.RERANK),
    "dense alone": ALL_STAGES.only(Stage.LANGUAGES, Stage.DENSE),
    "lexical alone": ALL_STAGES.only(Stage.LEXICAL),
}
"""Collapse and neighbours are not here: they change what is read, never what is ranked."""

Search = Callable[[str], SearchResult]


@dataclass(frozen=True, slots=True)
class AblationRow:
    """Means over the questions, and what a search took, its embedding included. `delta` is of nDCG@10 to all stages."""

    stages: str
    ndcg10: float
    recall1: float
    recall10: float
    median_ms: float
    delta: float


def run_ablation(folder: Path, settings: Settings, report: Report) -> Iterator[AblationRow]:
    """A row a variant, as they come. Raises InputWrong before any work where a file is not what it should be."""
    corpus, queries, golds = read_corpus(folder), read_queries(folder), read_golds(folder)
    with temporary_house(settings) as house:
        index_corpus(house, temporary_grant(house, Right.MANAGE), corpus, report)
        grant = temporary_grant(house, Right.READ)

        def searching(stages: Stages) -> Search:
            searcher = Searcher(house.documents, house.index, house.embedder, stages)
            return lambda question: searcher.search([grant], question, DEPTH * PASSAGES_A_DOCUMENT)

        yield from ablation(searching, queries, golds, report)


def ablation(
    searching: Callable[[Stages], Search],
    queries: Sequence[Query],
    golds: Mapping[str, frozenset[str]],
    report: Report = lambda _: None,
) -> Iterator[AblationRow]:
    """A row a variant of what `searching` makes of it. Queries without a gold are left out; none left gives no row."""
    judged = [query for query in queries if golds.get(query.id)]
    best = 0.0
    for done, (name, stages) in enumerate(VARIANTS.items() if judged else ()):
        report(Step("measuring", done, len(VARIANTS)))
        row = _measured(name, searching(stages), judged, golds)
        best = row.ndcg10 if stages is ALL_STAGES else best
        yield replace(row, delta=round(row.ndcg10 - best, 4))


def _measured(name: str, search: Search, queries: Sequence[Query], golds: Mapping[str, frozenset[str]]) -> AblationRow:
    for query in queries[:WARM_UP]:
        search(query.text)
    rows, spans = [], []
    for query in queries:
        started = time.perf_counter()
        found = search(query.text)
        spans.append((time.perf_counter() - started) * 1000)
        ranked, wanted = [path for path, _ in best_documents(found)], golds[query.id]
        rows.append((ndcg(ranked, wanted), recall(ranked, wanted, 1), recall(ranked, wanted)))
    ndcg10, recall1, recall10 = (round(statistics.fmean(column), 4) for column in zip(*rows, strict=True))
    return AblationRow(name, ndcg10, recall1, recall10, round(statistics.median(spans), 1), 0.0)
