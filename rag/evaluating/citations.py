"""How right the citations of an answer are, by document and by page."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.answer import Language
from rag.evaluating.evaluation import CitationScores
from rag.evaluating.question import Gold, Question
from rag.evaluating.wording import shared, stands_in, wording

SHARED_MIN = 0.5
"""Of the words of a quote and a gold's passage, where pages do not tell whether they are the same place."""
TELLING_WORDS_MIN = 2
"""A quote that holds an expected wording of so many words is the place; one word may stand anywhere."""


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation: the document by its path, its page where it has pages, and the words that were quoted."""

    doc: str
    page: int | None
    quote: str


def scores(cited: Sequence[Cited], question: Question, language: Language) -> CitationScores | None:
    """Precision: the share of what is cited that is gold. Recall: the share of golds that are cited.

    Documents count once, places as often as they are cited. Nothing cited has no precision, and a recall of 0. None
    where there is no gold to compare with.
    """
    if not question.is_answerable:
        return None
    docs, wanted = {each.doc for each in cited}, question.docs
    hits = [[is_at(each, gold, question.answers, language) for gold in question.golds] for each in cited]
    found = [any(column) for column in zip(*hits, strict=True)] if hits else []
    return CitationScores(
        document_precision=len(docs & wanted) / len(docs) if docs else None,
        document_recall=len(docs & wanted) / len(wanted),
        page_precision=sum(map(any, hits)) / len(hits) if hits else None,
        page_recall=sum(found) / len(question.golds),
    )


def is_at(cited: Cited, gold: Gold, answers: Sequence[str], language: Language) -> bool:
    """Whether a citation points at a gold: at its page, else at its passage, else anywhere in its document."""
    if cited.doc != gold.doc:
        return False
    if gold.page is not None and cited.page is not None:
        return cited.page == gold.page
    if not gold.passage:
        return gold.page is None
    quote = wording(cited.quote, language)
    expected = (wording(answer, language) for answer in answers)
    is_said = any(len(words) >= TELLING_WORDS_MIN and stands_in(words, quote) for words in expected)
    return is_said or shared(quote, wording(gold.passage, language)) >= SHARED_MIN
