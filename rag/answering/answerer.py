"""A question to a checked answer: search, weigh the evidence, write, align each sentence, or refuse."""

import re
import threading
import time
from collections.abc import Generator as Generator_
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from models.generator import Done, GenerationRequest, Generator, Token, Waiting
from rag.answering.alignment import Alignment
from rag.answering.answer import (
    Answer,
    AnswerEvent,
    Citation,
    Finished,
    Language,
    Queued,
    Reading,
    Searching,
    Sentence,
    Timings,
    Turn,
    Written,
)
from rag.answering.evidence import Evidence, choose
from rag.answering.prompt import build
from rag.answering.sentences import split_sentences
from rag.documents import RankedPassage, SearchResult
from rag.retrieval.search import Searcher
from rag.retrieval.words import fold, language_of
from security.access import Grant

ANSWER_TOKENS_MAX = 160
RANKED_DOCUMENTS = 10
CANDIDATE_PASSAGES = 60
QUESTION_CHARACTERS_MAX = 4000

_REFUSAL = {
    Language.FRENCH: "Les documents auxquels vous avez accès ne répondent pas à cette question.",
    Language.ENGLISH: "The documents you have access to do not answer this question.",
}
_SAYS_NOTHING = re.compile(
    r"(documents?|passages?|textes?|texts?|informations?)\b.{0,60}"
    r"\b(ne\b.{0,40}\bpas|n'|do(?:es)? not|don't|no\b|aucune?)"
    r"|(je ne|i do not|i don't|pas d'information|no information|not (?:mentioned|specified|provided|stated))"
)
_MARKS = re.compile(
    r"\s?\[\d+(?:\s?,\s?\d+)*\]|<[^>\n]{0,200}>|!?\[([^\]\n]*)\]\([^)\n]*\)|https?://\S+"
    r"|[*_`#]{1,3}(?=\S)|(?<=\S)[*`]{1,3}"
)


@dataclass(frozen=True, slots=True)
class _Draft:
    text: str
    done: Done | None


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
    ) -> Iterator[AnswerEvent]:
        """Events up to Finished. EngineBusy and other engine errors pass; cancelling ends with what was written."""
        started = time.perf_counter()
        asked = question[:QUESTION_CHARACTERS_MAX]
        yield Searching()
        found = self._searcher.search(grants, standalone(asked, history), CANDIDATE_PASSAGES)
        retrieve_ms = _since(started)
        evidence = choose(found.passages, asked, self._generator.count_tokens)
        language = language_of(asked)
        if evidence.is_weak:
            timings = Timings(retrieve_ms, None, _since(started), 0, 0)
            yield Finished(_refuse(language, found, timings))
            return
        yield Reading(evidence.passages)
        draft = yield from self._write(language, evidence, history, asked, cancelled or threading.Event())
        timings = _timings(draft.done, retrieve_ms, started)
        yield Finished(_checked(draft.text, language, evidence, found, asked, timings))

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
            elif isinstance(event, Token):
                text += event.text
                yield Written(event.text)
            elif isinstance(event, Done):
                done = event
        return _Draft(text, done)


def standalone(question: str, history: Sequence[Turn]) -> str:
    """What is searched: the question with the last two things the person asked before it."""
    earlier = [turn.content for turn in history if turn.role == "user"][-2:]
    return "\n".join((question, *reversed(earlier)))


def plain(text: str) -> str:
    """Text without marks, links, images or tags: nothing a document says can become one."""
    return re.sub(r"[ \t]{2,}", " ", _MARKS.sub(lambda match: match.group(1) or "", text)).strip()


def _checked(
    draft: str, language: Language, evidence: Evidence, found: SearchResult, question: str, timings: Timings
) -> Answer:
    """Align each sentence; nothing supported, or the model saying that it does not know, is a refusal."""
    text = plain(draft)
    alignment = Alignment(evidence.passages, question)
    pairs = [alignment.check(text[start:end]) for start, end in split_sentences(text)]
    if not any(sentence.supported for sentence, _ in pairs) or _SAYS_NOTHING.search(fold(text)):
        return _refuse(language, found, timings)
    sentences, citations = _renumber(pairs)
    return Answer(text, False, language, sentences, citations, (), _ranked(found), timings)


def _renumber(
    pairs: Sequence[tuple[Sentence, Citation | None]],
) -> tuple[tuple[Sentence, ...], tuple[Citation, ...]]:
    """Citations numbered by first use; the same quote has one number."""
    numbers: dict[tuple[str, int], Citation] = {}
    sentences = []
    for sentence, citation in pairs:
        if citation is not None:
            key = (citation.passage.id, citation.start)
            held = numbers.setdefault(key, replace(citation, n=len(numbers) + 1))
            sentences.append(replace(sentence, citations=(held.n,)))
        else:
            sentences.append(sentence)
    return tuple(sentences), tuple(numbers.values())


def _refuse(language: Language, found: SearchResult, timings: Timings) -> Answer:
    nearest: tuple[RankedPassage, ...] = found.passages[:3]
    return Answer(_REFUSAL[language], True, language, (), (), nearest, _ranked(found), timings)


def _ranked(found: SearchResult) -> tuple[str, ...]:
    return tuple(info.path for info in found.ranked_documents[:RANKED_DOCUMENTS])


def _timings(done: Done | None, retrieve_ms: float, started: float) -> Timings:
    first = done.first_token_ms + retrieve_ms if done and done.first_token_ms else None
    return Timings(
        retrieve_ms, first, _since(started), done.prompt_tokens if done else 0, done.answer_tokens if done else 0
    )


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
