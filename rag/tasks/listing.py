"""Every document that mentions something: looked up by its words, opened, verified, and quoted. No model is asked."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rag.answering.answer import Language, Searching
from rag.documents import DocumentInfo, Passage, PassageId
from rag.retrieval.search import sieve_of
from rag.retrieval.words import language_of, spoken
from rag.store.values import words_of
from rag.tasks.errors import TaskFailed
from rag.tasks.phrases import Phrase
from rag.tasks.tools import Tools
from rag.tasks.work import (
    Citing,
    Delivered,
    Line,
    Progressed,
    Request,
    Section,
    Standing,
    Task,
    TaskEvent,
    Trouble,
    Work,
    in_batches,
)
from security.access import Grant

LISTED_MAX = 100
"""Documents shown; all are counted."""
QUOTES_MAX = 3
"""Quotes shown of a document; its other passages are counted."""
OPENED_MAX = 20_000
"""Passages opened for one list: some seconds."""
OPENED_AT_ONCE = 200
_Span = tuple[int, int]


@dataclass(slots=True)
class _Mention:
    """A document with the passages that say it: the first ones with their quotes, the others counted."""

    document: DocumentInfo
    quotes: list[tuple[Passage, _Span]] = field(default_factory=list)
    passages: int = 0

    def add(self, passage: Passage, span: _Span) -> None:
        self.passages += 1
        if len(self.quotes) < QUOTES_MAX:
            self.quotes.append((passage, span))


def list_documents(
    tools: Tools, grants: Sequence[Grant], request: Request, cancelled: threading.Event
) -> Iterator[TaskEvent]:
    """Events up to Delivered: every document of the granted collections that says the phrase, by path.

    Nothing is left out but a phrase that begins on one page and ends on the next.
    """
    phrase = Phrase.of(request.text)
    if not phrase.readings:
        raise TaskFailed(Trouble.EMPTY)
    yield Searching(request.within)
    held = [(grant, _holding(tools, grant, phrase, request)) for grant in grants]
    total = sum(len(ids) for _, ids in held)
    if total > OPENED_MAX:
        raise TaskFailed(Trouble.TOO_COMMON)
    mentions: dict[str, _Mention] = {}
    done = 0
    for grant, ids in held:
        for part in in_batches(ids, OPENED_AT_ONCE):
            if cancelled.is_set():
                raise TaskFailed(Trouble.STOPPED)
            _look(tools, grant, part, phrase, mentions)
            done += len(part)
            yield Progressed(done, total)
    if not mentions:
        raise TaskFailed(Trouble.NOTHING_FOUND)
    yield Delivered(_work(request, sorted(mentions.values(), key=lambda mention: mention.document.path)))


def _holding(tools: Tools, grant: Grant, phrase: Phrase, request: Request) -> list[PassageId]:
    return tools.index.holding(grant, phrase.stems, sieve_of(tools.documents, grant, request.within))


def _look(tools: Tools, grant: Grant, ids: Sequence[str], phrase: Phrase, mentions: dict[str, _Mention]) -> None:
    """Add the passages that say the phrase as somebody who reads sees them: what is masked is not found.

    A title that says it counts once.
    """
    for passage in tools.documents.passages(grant, [PassageId(name) for name in ids]):
        language = language_of(words_of(passage.document.title, passage.chunk.headings, passage.chunk.text))
        span = phrase.place_in(passage.chunk.text, language, _above(passage))
        if span is None and passage.document.id not in mentions and _is_named(passage, phrase, language):
            span = (0, 0)
        if span is not None:
            mentions.setdefault(passage.document.id, _Mention(passage.document)).add(passage, span)


def _is_named(passage: Passage, phrase: Phrase, language: Language) -> bool:
    return any(phrase.stands_in(name, language) for name in _above(passage))


def _work(request: Request, found: Sequence[_Mention]) -> Work:
    citing = Citing()
    language = spoken(request.text) or request.otherwise or language_of(request.text)
    sections = tuple(_section(mention, citing) for mention in found[:LISTED_MAX])
    more = len(found) - len(sections)
    return Work(Task.LIST, language, sections, citing.all, total=len(found), more=more)


def _section(mention: _Mention, citing: Citing) -> Section:
    lines = tuple(
        Line(_said(passage, span), Standing.QUOTED, (citing.number(passage, *span),))
        for passage, span in mention.quotes
    )
    return Section(mention.document.title, lines, mention.passages - len(lines))


def _said(passage: Passage, span: _Span) -> str:
    """The quote; where the title or a heading says it, these."""
    quote = passage.chunk.text[slice(*span)]
    return quote or " > ".join(_above(passage))


def _above(passage: Passage) -> tuple[str, ...]:
    return tuple(dict.fromkeys((passage.document.title, *passage.chunk.headings[-2:])))
