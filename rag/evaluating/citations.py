"""How right the citations of an answer are, by document and by page."""

from collections.abc import Collection

from rag.evaluating.evaluation import CitationScores
from rag.evaluating.question import Gold


def scores(cited: Collection[tuple[str, int | None]], golds: Collection[Gold]) -> CitationScores | None:
    """Precision: the share of cited pages that are golds. Recall: the share of golds that are cited.

    A page that is cited twice counts once. None where nothing is cited, or there is no gold to compare with.
    """
    pages, docs = set(cited), {doc for doc, _ in cited}
    if not pages or not golds:
        return None
    wanted = {gold.doc for gold in golds}
    hit = [gold for gold in golds if any(gold.is_at(*page) for page in pages)]
    right = [page for page in pages if any(gold.is_at(*page) for gold in golds)]
    return CitationScores(
        len(docs & wanted) / len(docs), len(docs & wanted) / len(wanted), len(right) / len(pages), len(hit) / len(golds)
    )
