"""Tasks beside questions, as operations."""

import threading
from collections.abc import Iterator, Sequence

from chat.admin.operations import Event, asker, citation_json, granted, operation, why_json
from chat.assembly import House
from rag.answering.answer import Queued, Reading, Searching, Written
from rag.retrieval.filters import read_filter
from rag.tasks.work import Delivered, Length, Line, Progressed, Request, Task, TaskEvent, Work
from security.access import Grant, Right


@operation("task.list")
def list_documents(
    house: House,
    collection: str,
    text: str,
    user: str = "",
    cancelled: threading.Event | None = None,
    within: Event | None = None,
) -> Iterator[Event]:
    """Every document that says a phrase."""
    yield from _run(house, Task.LIST, collection, user, Request(text, within=read_filter(within)), cancelled)


@operation("task.summarise")
def summarise(
    house: House,
    collection: str,
    text: str,
    user: str = "",
    length: str = Length.MEDIUM.value,
    picks: Sequence[int] = (),
    cancelled: threading.Event | None = None,
    within: Event | None = None,
) -> Iterator[Event]:
    """What a document says, in points."""
    request = Request(text, length=Length(length), picks=tuple(picks), within=read_filter(within))
    yield from _run(house, Task.SUMMARISE, collection, user, request, cancelled)


@operation("task.compare")
def compare(
    house: House,
    collection: str,
    text: str,
    user: str = "",
    picks: Sequence[int] = (),
    cancelled: threading.Event | None = None,
    within: Event | None = None,
) -> Iterator[Event]:
    """What two documents say of the same things."""
    request = Request(text, picks=tuple(picks), within=read_filter(within))
    yield from _run(house, Task.COMPARE, collection, user, request, cancelled)


@operation("task.translate")
def translate(
    house: House,
    collection: str,
    text: str,
    user: str = "",
    picks: Sequence[int] = (),
    cancelled: threading.Event | None = None,
    within: Event | None = None,
) -> Iterator[Event]:
    """A passage in the other language, beside its original."""
    request = Request(text, picks=tuple(picks), within=read_filter(within))
    yield from _run(house, Task.TRANSLATE, collection, user, request, cancelled)


@operation("task.draft")
def draft(
    house: House,
    collection: str,
    text: str,
    user: str = "",
    cancelled: threading.Event | None = None,
    within: Event | None = None,
) -> Iterator[Event]:
    """A reply to a message, from the documents."""
    yield from _run(house, Task.DRAFT, collection, user, Request(text, within=read_filter(within)), cancelled)


@operation("task.without_documents")
def without_documents(
    house: House, text: str, user: str = "", cancelled: threading.Event | None = None
) -> Iterator[Event]:
    """An answer of the model alone, where the settings allow it."""
    person = asker(house, user)
    house.audit.record(person.user_id, f"task.{Task.WITHOUT_DOCUMENTS.value}", "model", "begun")
    yield from _steps(house, Task.WITHOUT_DOCUMENTS, [], Request(text), cancelled)


def _run(
    house: House, task: Task, collection: str, user: str, request: Request, cancelled: threading.Event | None
) -> Iterator[Event]:
    grant = granted(house, asker(house, user), collection, Right.READ)
    house.audit.record(grant.principal.user_id, f"task.{task.value}", grant.collection_id, "begun")
    yield from _steps(house, task, [grant], request, cancelled)


def _steps(
    house: House, task: Task, grants: Sequence[Grant], request: Request, cancelled: threading.Event | None
) -> Iterator[Event]:
    """The steps as events; the last holds the result as JSON. Closing the iterator stops the engine."""
    stop = cancelled or threading.Event()
    try:
        for event in house.tasks.run(task, grants, request, stop):
            yield _step(event)
    finally:
        stop.set()


def _step(event: TaskEvent) -> Event:
    match event:
        case Searching(within):
            return {"step": "searching", "filter": within.told() if within else None}
        case Queued(place, seconds):
            return {"step": "queued", "place": place, "seconds": seconds}
        case Reading(passages):
            return {"step": "reading", "titles": [item.passage.document.title for item in passages]}
        case Progressed(done, total):
            return {"step": "progressed", "done": done, "total": total}
        case Written(text):
            return {"step": "written", "text": text}
        case Delivered(work):
            return {"step": "delivered", "work": work_json(work)}


def work_json(work: Work) -> Event:
    """A result in the shape other tools rely on."""
    return {
        "task": work.task.value,
        "kind": "ungrounded" if work.task is Task.WITHOUT_DOCUMENTS else "grounded",
        "language": work.language.value,
        "trouble": work.trouble.value if work.trouble else None,
        "candidates": [{"doc": info.path, "title": info.title} for info in work.candidates],
        "total": work.total,
        "more": work.more,
        "filter": work.within.told() if work.within else None,
        "documents": [{"doc": info.path, "title": info.title} for info in work.documents],
        "is_extract": work.is_extract,
        "sections": [
            {
                "heading": section.heading,
                "more": section.more,
                "note": section.note.value if section.note else None,
                "lines": [_line(line) if line else None for line in section.lines],
            }
            for section in work.sections
        ],
        "citations": [citation_json(citation) for citation in work.citations],
    }


def _line(line: Line) -> Event:
    return {
        "text": line.text,
        "standing": line.standing.value,
        "citations": list(line.citations),
        "why": [why_json(why) for why in line.why],
        "lost": [why_json(why) for why in line.lost],
    }
