"""A question to a checked answer: search, weigh the evidence, write, align each sentence, or refuse."""

import threading
import time
from collections.abc import Generator as Generator_
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.generation import Done, GenerationRequest, Generator, Started, Token, Waiting
from rag.answering.alignment import Alignment
from rag.answering.answer import (
    Answer,
    AnswerEvent,
    Finished,
    Language,
    Queued,
    Reading,
    Reason,
    Searching,
    Timings,
    Turn,
    Written,
)
from rag.answering.checking import check, cited, plain, refusal_of
from rag.answering.evidence import Evidence, choose
from rag.answering.prompt import build
from rag.answering.refusal import NO_ANSWER, TOO_LONG
from rag.documents import RankedPassage, SearchResult
from rag.retrieval.search import Searcher
from rag.retrieval.words import language_of, spoken
from security.access import Grant

ANSWER_TOKENS_MAX = 160
RANKED_DOCUMENTS = 10
CANDIDATE_PASSAGES = 60
EARLIER_QUESTIONS = 2
NEAREST_PASSAGES = 3
QUESTION_CHARACTERS_MAX = 4000


@dataclass(frozen=True, slots=True)
class _Draft:
    text: str
    done: Done | None

    @property
    def is_cancelled(self) -> bool:
        return self.done is not None and self.done.reason == "cancelled"


class Answerer:
    """Answers from granted collections."""

    def __init__(self, searcher: Searcher, generator: Generator) -> None:
        self._searcher, self._generator = searcher, generator

    def answer(
        self,
        grants: Sequence[Grant],
        question: str,
        history: Sequence[Turn] = (),
        cancelled: threading.Event | None = None,
        otherwise: Language | None = None,
    ) -> Iterator[AnswerEvent]:
        """Events up to Finished. EngineBusy and other engine errors pass.

        `otherwise` is the language to answer in where neither question nor conversation tells: the page's.

        A question over the bound is refused with a sentence that says so. Cancelling ends with what was written,
        checked as far as it goes; it is not a refusal, because nothing was found out.
        """
        started = time.perf_counter()
        if len(question) > QUESTION_CHARACTERS_MAX:
            yield Finished(_too_long(question, _since(started)))
            return
        yield Searching()
        found = self._searcher.search(grants, question, CANDIDATE_PASSAGES, earlier(history))
        retrieve_ms = _since(started)
        language = _language(question, history, otherwise, found)
        evidence = choose(found.passages, question, self._generator.count_tokens)
        if evidence.is_weak:
            timings = Timings(retrieve_ms, None, _since(started), 0, 0)
            yield Finished(_refuse(Reason.WEAK_EVIDENCE, language, found, timings))
            return
        draft = yield from self._write(language, evidence, history, question, cancelled or threading.Event())
        timings = _timings(draft.done, retrieve_ms, started)
        yield Finished(_checked(draft, language, evidence, found, question, timings))

    def _write(
        self,
        language: Language,
        evidence: Evidence,
        history: Sequence[Turn],
        question: str,
        cancelled: threading.Event,
    ) -> Generator_[AnswerEvent, None, _Draft]:
        messages = build(language, evidence.passages, history, question, self._generator.count_tokens)
        text, done = "", None
        for event in self._generator.generate(GenerationRequest(messages, ANSWER_TOKENS_MAX), cancelled):
            if isinstance(event, Waiting):
                yield Queued(event.place)
            elif isinstance(event, Started):
                yield Reading(evidence.passages)
            elif isinstance(event, Token):
                text += event.text
                yield Written(event.text)
            elif isinstance(event, Done):
                done = event
        return _Draft(text, done)


def earlier(history: Sequence[Turn]) -> str:
    """What the person asked last, newest first: a follow-up is searched with it too."""
    asked = [turn.content for turn in history if turn.role == "user"][-EARLIER_QUESTIONS:]
    return "\n".join(reversed(asked))


def _language(question: str, history: Sequence[Turn], otherwise: Language | None, found: SearchResult) -> Language:
    """The question's language; when a few words do not tell, the conversation's, the page's, the best passage's."""
    best = found.passages[0].passage.chunk.text if found.passages else ""
    return spoken(question) or spoken(earlier(history)) or otherwise or language_of(best)


def _checked(
    draft: _Draft, language: Language, evidence: Evidence, found: SearchResult, question: str, timings: Timings
) -> Answer:
    """Align each sentence; nothing supported, or the model saying that it does not know, is a refusal."""
    text = plain(draft.text)
    supports = check(text, Alignment(evidence.passages, question, language))
    reason = refusal_of(supports)
    if reason and not draft.is_cancelled:
        return _refuse(reason, language, found, timings)
    sentences, citations = cited(supports)
    return Answer(text, None, language, sentences, citations, (), _ranked(found), timings)


def _refuse(reason: Reason, language: Language, found: SearchResult, timings: Timings) -> Answer:
    nearest: tuple[RankedPassage, ...] = found.passages[:NEAREST_PASSAGES]
    return Answer(NO_ANSWER[language], reason, language, (), (), nearest, _ranked(found), timings)


def _too_long(question: str, total_ms: float) -> Answer:
    language = language_of(question)
    text = TOO_LONG[language].format(length=len(question), most=QUESTION_CHARACTERS_MAX)
    return Answer(text, Reason.TOO_LONG, language, (), (), (), (), Timings(0.0, None, total_ms, 0, 0))


def _ranked(found: SearchResult) -> tuple[str, ...]:
    return tuple(info.path for info in found.ranked_documents[:RANKED_DOCUMENTS])


def _timings(done: Done | None, retrieve_ms: float, started: float) -> Timings:
    first = done.first_token_ms + retrieve_ms if done and done.first_token_ms else None
    return Timings(
        retrieve_ms, first, _since(started), done.prompt_tokens if done else 0, done.answer_tokens if done else 0
    )


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
