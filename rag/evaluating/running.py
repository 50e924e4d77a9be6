"""Asks the owners' questions, as a person would, and looks at what comes."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rag.answering.answer import Answer, Finished
from rag.answering.answerer import CANDIDATE_PASSAGES, Answerer
from rag.documents import Passage, SearchResult
from rag.errors import AnswerUnwritten
from rag.evaluating.citations import Cited, scores
from rag.evaluating.containing import contains
from rag.evaluating.evaluation import Outcome
from rag.evaluating.ndcg import ndcg
from rag.evaluating.question import Question
from rag.evaluating.recall import document_rank, page_rank, recall
from rag.retrieval.search import Searcher
from rag.retrieval.words import language_of
from security.access import Grant

Ask = Callable[[Question], Answer | None]
"""Gives the answer to a question; None where it was not asked to be answered."""


def unanswered(_question: Question) -> None:
    """For a run that only searches."""


def asked_of(answerer: Answerer, grant: Grant, cancelled: threading.Event) -> Ask:
    """For a run that answers too. It raises AnswerUnwritten where the model does not."""

    def ask(question: Question) -> Answer | None:
        events = answerer.answer([grant], question.text, (), cancelled, is_batch=True)
        answer = next((event.answer for event in events if isinstance(event, Finished)), None)
        if answer and answer.is_unwritten:
            raise AnswerUnwritten(f"question {question.id}: {answer.reason}; see `huisclos doctor`, then run it again")
        return answer

    return ask


def run(searcher: Searcher, grant: Grant, questions: Sequence[Question], ask: Ask) -> Iterator[Outcome]:
    """How each question goes, one after the other."""
    for question in questions:
        found = searcher.search([grant], question.text, CANDIDATE_PASSAGES)
        yield outcome_of(question, found, ask(question))


def outcome_of(question: Question, found: SearchResult, answer: Answer | None) -> Outcome:
    """How a question went that found this and was answered so."""
    docs = [info.path for info in found.ranked_documents]
    pages = list(dict.fromkeys(_page(item.passage) for item in found.passages))
    outcome = Outcome(
        question.id,
        rank=document_rank(docs, question.docs),
        page_rank=page_rank(pages, question.golds),
        ndcg=ndcg(docs, question.docs) if question.is_answerable else None,
        recall=recall(docs, question.docs) if question.is_answerable else None,
    )
    return judged(outcome, question, answer) if answer else outcome


def judged(outcome: Outcome, question: Question, answer: Answer) -> Outcome:
    """The outcome with how right the answer is, read in the question's language."""
    language = language_of(question.text)
    cited = [Cited(*_page(each.passage), each.quote) for each in answer.citations]
    return replace(
        outcome,
        refused=answer.refused,
        reason=answer.reason.value if answer.reason else "",
        citations=scores(cited, question, language),
        contained=contains("" if answer.refused else answer.text, question.answers, language),
    )


def _page(passage: Passage) -> tuple[str, int | None]:
    return passage.document.path, passage.chunk.page
