"""A question to a checked answer: search, weigh the evidence, write, align each sentence, or refuse."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Generator as Generator_
from dataclasses import dataclass, replace
from functools import partial

from models.chat_format import Message
from models.generation import (
    Done,
    GenerationEvent,
    GenerationRequest,
    Generator,
    Memory,
    OnBehalf,
    Started,
    Token,
    Waiting,
)
from rag.answering.across import Meanings
from rag.answering.alignment import Alignment
from rag.answering.answer import (
    Answer,
    AnswerEvent,
    Citation,
    Finished,
    FollowUp,
    Language,
    Queued,
    Reading,
    Reason,
    Searching,
    Sentence,
    Shortened,
    Timings,
    Turn,
    Understood,
    Unsupported,
    WhyLeftOut,
    Written,
)
from rag.answering.arithmetic import WorkedOut, worked_out
from rag.answering.checking import plain
from rag.answering.evidence import Evidence, choose
from rag.answering.extract import nearest_quote, quote_of_each
from rag.answering.followup import by_model, by_rules
from rag.answering.history import remember
from rag.answering.policy import AnswerPolicy
from rag.answering.prompt import HISTORY_TOKENS, build, public_message
from rag.answering.refusal import NO_ANSWER, NOTHING_PASSES, TOO_LONG, UNABLE, UNWRITTEN, reason_of
from rag.answering.streaming import SentenceStream
from rag.answering.threads import Prompt, Thread, Threads, begun, continued
from rag.documents import RankedPassage, SearchResult
from rag.retrieval.filters import Filter
from rag.retrieval.neighbours import Completed
from rag.retrieval.search import Searcher
from rag.retrieval.words import language_of, spoken
from security.access import Grant

ANSWER_TOKENS_MAX = 160
RANKED_DOCUMENTS = 10
CANDIDATE_PASSAGES = 60
EARLIER_QUESTIONS = 2
NEAREST_PASSAGES = 3
UNWRITTEN_PASSAGES = 8
"""What somebody gets to read whom the model writes nothing."""
QUESTION_CHARACTERS_MAX = 4000


@dataclass(frozen=True, slots=True)
class _Draft:
    """What was written; `missing` is why the model did not come to its end."""

    stream: SentenceStream
    done: Done | None
    missing: Reason | None = None

    @property
    def is_cancelled(self) -> bool:
        return self.done is not None and self.done.reason == "cancelled"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known when the model begins: `meant` is the question as it is answered."""

    meant: str
    understood: Understood | None
    language: Language
    found: SearchResult
    evidence: Evidence
    within: Filter | None
    read: tuple[Completed, ...] = ()


class Answerer:
    """Answers from granted collections."""

    def __init__(
        self,
        searcher: Searcher,
        generator: Generator,
        policy: AnswerPolicy | None = None,
        meanings: Meanings | None = None,
        memory: Memory | None = None,
        told: Callable[[Answer], None] = lambda _answer: None,
    ) -> None:
        """Without `meanings`, what is written in one language is supported by passages in that language alone.

        `memory` tells whether a conversation goes on for less than a prompt of its own would cost: none without it.
        Each finished answer is `told`, refusals too.
        """
        self._memory, self._told_of = memory, told
        self._searcher, self._generator, self._meanings = searcher, generator, meanings
        self._policy = policy or AnswerPolicy()
        self._threads = Threads()

    def answer(
        self,
        grants: Sequence[Grant],
        question: str,
        history: Sequence[Turn] = (),
        cancelled: threading.Event | None = None,
        otherwise: Language | None = None,
        within: Filter | None = None,
        *,
        conversation: str = "",
        is_batch: bool = False,
    ) -> Iterator[AnswerEvent]:
        """Events up to Finished. `is_batch` gives way to people who wait.

        In a `conversation` (its opaque name; `history` its turns) the model goes on from what it has read and written.

        Where the model is away, busy or fails, the answer holds what was written and checked until then, and passages.
        `otherwise` is the language to answer in where neither question nor conversation tells: the page's. `within`
        narrows what is looked at; where nothing passes, the refusal says so.

        A question over the bound is refused with a sentence that says so. Cancelling ends with what was written,
        checked as far as it goes; it is not a refusal, because nothing was found out.
        """
        started = time.perf_counter()
        if len(question) > QUESTION_CHARACTERS_MAX:
            yield self._finished(_too_long(question, _since(started)))
            return
        yield Searching(within)
        understood = self._understood(question, history, otherwise)
        if understood:
            yield understood
        meant, searching = understood.question if understood else question, time.perf_counter()
        found = self._searcher.search(grants, question, CANDIDATE_PASSAGES, _beside(understood, history), within)
        retrieve_ms = _since(searching)
        language = _language(question, history, otherwise, found)
        evidence = self._evidence(found, meant)
        seen = _Seen(meant, understood, language, found, evidence, within)
        if worked := worked_out(meant, found.passages, language):
            yield from self._worked(seen, worked, Timings(retrieve_ms, None, _since(started), 0, 0))
            return
        if evidence.is_weak:
            timings = Timings(retrieve_ms, None, _since(started), 0, 0)
            is_emptied = bool(within) and not found.passages
            yield self._finished(_refuse(Reason.FILTERED_OUT if is_emptied else Reason.WEAK_EVIDENCE, seen, timings))
            return
        read = [
            self._searcher.completed(grants, item.passage, self._generator.count_tokens) for item in evidence.passages
        ]
        seen, before_ms = replace(seen, read=tuple(read)), _since(started)
        whose = (person_of(grants), conversation)
        engine = OnBehalf(self._generator, *whose, is_batch=is_batch)
        prompt = yield from self._prompt(seen, history, self._thread(whose, seen, grants, history))
        draft = yield from self._write(seen, prompt.messages, cancelled or threading.Event(), engine)
        answer = _checked(draft, seen, _timings(draft.done, retrieve_ms, before_ms, started))
        self._remember(whose, prompt, draft, question, answer)
        yield self._finished(answer)

    def _thread(
        self, whose: tuple[str, str], seen: _Seen, grants: Sequence[Grant], history: Sequence[Turn]
    ) -> Thread | None:
        """How far the model has read the conversation, where this question may go on from there."""
        thread = self._threads.get(whose) if self._memory and self._memory.remembers(*whose) else None
        return thread if thread and thread.fits(seen.language, grants, history, seen.within) else None

    def _remember(self, whose: tuple[str, str], prompt: Prompt, draft: _Draft, question: str, answer: Answer) -> None:
        """Where the next question goes on; not from a refusal: a model that reads its own refuses again."""
        if answer.reason or not draft.done or draft.is_cancelled:
            self._threads.drop(whose)
            return
        said = (Turn("user", question), Turn("assistant", answer.text))
        tokens = draft.done.prompt_tokens + draft.done.answer_tokens
        self._threads.put(whose, prompt.answered(said, answer.within, tokens))

    def _finished(self, answer: Answer) -> Finished:
        self._told_of(answer)
        return Finished(answer)

    def forget(self, person: str, conversation: str) -> None:
        """Forget what the model has read and written of a conversation that is deleted."""
        self._threads.drop((person, conversation))
        if self._memory:
            self._memory.forget(person, conversation)

    def _evidence(self, found: SearchResult, meant: str) -> Evidence:
        _, duplicates = self._searcher.distinct(found.passages)
        budget, most = self._policy.evidence_tokens, self._policy.passages_max
        return choose(found.passages, meant, self._generator.count_tokens, budget, most, duplicates)

    def _understood(self, question: str, history: Sequence[Turn], otherwise: Language | None) -> Understood | None:
        """A follow-up made standalone as the installation has it; None where the question stands for itself."""
        language = spoken(question) or spoken(earlier(history)) or otherwise or Language.ENGLISH
        if self._policy.follow_up is FollowUp.MODEL:
            return by_model(question, history, language, public_message(language), self._generator)
        return by_rules(question, history, language) if self._policy.follow_up else None

    def _prompt(
        self, seen: _Seen, history: Sequence[Turn], thread: Thread | None
    ) -> Generator_[AnswerEvent, None, Prompt]:
        """What the model reads: the conversation's prompt with what is new, or one of its own."""
        count = self._generator.count_tokens
        if thread and (prompt := continued(thread, seen.read, seen.meant, count)):
            return prompt
        remembered = remember(history, HISTORY_TOKENS, count, seen.language)
        if remembered.shortened or remembered.left_out:
            yield Shortened(remembered.shortened, remembered.left_out)
        return begun(build(seen.language, seen.read, remembered, seen.meant), seen.read)

    def _write(
        self, seen: _Seen, messages: tuple[Message, ...], cancelled: threading.Event, engine: Generator
    ) -> Generator_[AnswerEvent, None, _Draft]:
        stream, done = self._stream(seen), None
        try:
            for event in engine.generate(GenerationRequest(messages, ANSWER_TOKENS_MAX), cancelled):
                yield from self._told(event, seen, stream)
                done = event if isinstance(event, Done) else None
        except UNABLE as error:
            return _Draft(stream, None, reason_of(error))  # without the sentence that was begun
        yield from stream.end()
        return _Draft(stream, done)

    def _told(self, event: GenerationEvent, seen: "_Seen", stream: SentenceStream) -> Iterator[AnswerEvent]:
        match event:
            case Waiting(place, seconds):
                yield Queued(place, seconds, seen.evidence.passages)
            case Started():
                yield Reading(seen.evidence.passages, seen.evidence.left_out)
                stream.prepare()
            case Token(text):
                if self._policy.unsupported is Unsupported.MARK:
                    yield Written(text)
                yield from stream.feed(text)

    def _worked(self, seen: _Seen, worked: WorkedOut, timings: Timings) -> Iterator[AnswerEvent]:
        """What follows from a table's row: no model writes, and it is checked like what one writes."""
        seen = replace(seen, evidence=replace(seen.evidence, passages=(worked.item,), left_out=()))
        stream = self._stream(seen)
        yield Reading(seen.evidence.passages)
        if self._policy.unsupported is Unsupported.MARK:
            yield Written(worked.text)
        yield from (*stream.feed(worked.text), *stream.end())
        yield self._finished(_checked(_Draft(stream, None), seen, timings))

    def _stream(self, seen: _Seen) -> SentenceStream:
        passages = (*seen.evidence.passages, *_beside_them(seen))
        align = partial(Alignment, passages, seen.meant, seen.language, self._meanings)
        return SentenceStream(align, self._policy.unsupported)


def person_of(grants: Sequence[Grant]) -> str:
    """Whose turn in line it is: nobody's in particular where nothing is granted."""
    return grants[0].principal.user_id if grants else ""


def earlier(history: Sequence[Turn]) -> str:
    """What the person asked last, newest first: a follow-up is searched with it too."""
    asked = [turn.content for turn in history if turn.role == "user"][-EARLIER_QUESTIONS:]
    return "\n".join(reversed(asked))


def _beside(understood: Understood | None, history: Sequence[Turn]) -> str:
    """What a question is searched with, beside being searched alone."""
    rewritten = understood.question if understood and understood.by is FollowUp.MODEL else ""
    return "\n".join(filter(None, (rewritten, earlier(history))))


def _language(question: str, history: Sequence[Turn], otherwise: Language | None, found: SearchResult) -> Language:
    """The question's language; when a few words do not tell, the conversation's, the page's, the best passage's."""
    best = found.passages[0].passage.chunk.text if found.passages else ""
    return spoken(question) or spoken(earlier(history)) or otherwise or language_of(best)


def _beside_them(seen: _Seen) -> Iterator[RankedPassage]:
    """The passages of which the model got the end or the beginning of a sentence, after those that it got whole."""
    whole = {item.passage.id for item in seen.evidence.passages}
    for completed in seen.read:
        for passage in (completed.earlier, completed.later):
            if passage and passage.id not in whole:
                whole.add(passage.id)
                yield RankedPassage(passage, 0.0, None, None)


def _checked(draft: _Draft, seen: _Seen, timings: Timings) -> Answer:
    """What was written, checked; nothing supported gives a quote or a refusal, the model not knowing a refusal."""
    stream = draft.stream
    if draft.missing:
        return _unwritten(stream, draft.missing, seen, timings)
    if stream.refusal and not draft.is_cancelled:
        if stream.refusal is Reason.NOTHING_SUPPORTED:
            near = nearest_quote(seen.meant, seen.evidence.passages, seen.language, stream.draft)
            if cite := near or stream.nearest_meant():
                return _quoted(cite, seen, timings)
        return _refuse(stream.refusal, seen, timings)
    return _written(_answer(seen, timings), stream, seen)


def _written(answer: Answer, stream: SentenceStream, seen: _Seen) -> Answer:
    """With what was written, as far as it may be shown."""
    return replace(
        answer,
        text=stream.text,
        sentences=stream.sentences,
        citations=stream.citations,
        read=seen.evidence.passages,
        withheld=stream.withheld,
    )


def _unwritten(stream: SentenceStream, reason: Reason, seen: _Seen, timings: Timings) -> Answer:
    """Passages in the place of an answer, or below what the model wrote and passages say until it failed."""
    said = {left.item.passage.id for left in seen.evidence.left_out if left.why is WhyLeftOut.DUPLICATE}
    nearest = [item for item in seen.found.passages if item.passage.id not in said][:UNWRITTEN_PASSAGES]
    answer = replace(
        _answer(seen, timings),
        reason=reason,
        nearest=tuple(nearest),
        quotes=quote_of_each(seen.meant, nearest, seen.language),
    )
    if stream.refusal:
        return replace(answer, text=UNWRITTEN[reason][seen.language])
    return _written(answer, stream, seen)


def _quoted(cite: Citation, seen: _Seen, timings: Timings) -> Answer:
    """What the documents say, in their words, in the place of what the model wrote and they do not say."""
    text = " ".join(plain(cite.quote).split())
    said = Sentence(text, (1,), supported=True)
    answer = replace(_answer(seen, timings), text=text, sentences=(said,), citations=(replace(cite, n=1),))
    return replace(answer, read=seen.evidence.passages, is_quoted=True)


def _refuse(reason: Reason, seen: _Seen, timings: Timings) -> Answer:
    nearest = seen.found.passages[:NEAREST_PASSAGES]
    read = () if reason in (Reason.WEAK_EVIDENCE, Reason.FILTERED_OUT) else seen.evidence.passages
    said = NOTHING_PASSES if reason is Reason.FILTERED_OUT else NO_ANSWER
    return replace(_answer(seen, timings), text=said[seen.language], reason=reason, nearest=nearest, read=read)


def _answer(seen: _Seen, timings: Timings) -> Answer:
    """What every answer says of how it came about."""
    return Answer(
        "",
        None,
        seen.language,
        (),
        (),
        (),
        _ranked(seen.found),
        timings,
        seen.understood,
        left_out=seen.evidence.left_out,
        within=seen.within,
    )


def _too_long(question: str, total_ms: float) -> Answer:
    language = language_of(question)
    text = TOO_LONG[language].format(length=len(question), most=QUESTION_CHARACTERS_MAX)
    return Answer(text, Reason.TOO_LONG, language, (), (), (), (), Timings(0.0, None, total_ms, 0, 0))


def _ranked(found: SearchResult) -> tuple[str, ...]:
    return tuple(info.path for info in found.ranked_documents[:RANKED_DOCUMENTS])


def _timings(done: Done | None, retrieve_ms: float, before_ms: float, started: float) -> Timings:
    """`before_ms` passed until the engine was asked: a follow-up that the model rewrote counts too."""
    first = done.first_token_ms + before_ms if done and done.first_token_ms else None
    return Timings(
        retrieve_ms, first, _since(started), done.prompt_tokens if done else 0, done.answer_tokens if done else 0
    )


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
