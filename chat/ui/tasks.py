"""A task in the chat: its progress as steps, its result as one message."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import chainlit as cl
from chainlit.utils import utc_now

from chat.logs import record
from chat.markdown import escape_piece
from chat.texts import texts
from chat.ui.answers import reading
from chat.ui.closed import from_open
from chat.ui.commands import asked_for, is_yes, length_in, meant_by
from chat.ui.events import events
from chat.ui.mount import house
from chat.ui.progress import Progress, being_read, searching, waiting
from chat.ui.works import show_work
from rag.answering.answer import Language, Queued, Reading, Searching, Written
from rag.retrieval.filters import Filter
from rag.tasks.tasks import allowed_tasks
from rag.tasks.work import Delivered, Length, Progressed, Request, Task, TaskEvent, Trouble
from security.access import Grant

_PENDING, _MEANT = "pending", "meant"
_PICK_CHARACTERS_MAX = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task that somebody gave, what it is to look at, and the documents that they picked for it."""

    task: Task
    text: str
    picks: tuple[int, ...] = ()
    within: Filter | None = None

    @property
    def reads_documents(self) -> bool:
        """Whether a filter of documents is anything to it."""
        return self.task is not Task.WITHOUT_DOCUMENTS

    def request(self, language: Language) -> Request:
        """As tasks take it."""
        text, length = length_in(self.text) if self.task is Task.SUMMARISE else (self.text, Length.MEDIUM)
        return Request(text, language, length, self.picks, self.within)

    def narrowed(self, within: Filter) -> "Wanted":
        """To look at what comes through; what was begun looks on at what its numbers were told of."""
        return self if self.picks else replace(self, within=within)


@dataclass(frozen=True, slots=True)
class Mistyped:
    """A word after a slash that is no command, and the task that was perhaps meant."""

    said: str
    meant: Wanted


def allowed() -> tuple[Task, ...]:
    """The tasks that the settings allow."""
    return allowed_tasks(without_documents=house().settings.answering.without_documents)


def wanted(command: str | None, content: str) -> Wanted | Mistyped | None:
    """The task that a message gives, or goes on with by the number of a document or a yes; None for a question."""
    pending, meant = _taken(_PENDING), _taken(_MEANT)
    said = content.strip()
    if meant and is_yes(said):
        return meant
    if pending and said.isdecimal() and len(said) <= _PICK_CHARACTERS_MAX:
        return replace(pending, picks=(*pending.picks, int(said)))
    task, text = asked_for(command, content)
    if task:
        return Wanted(task, text)
    near = None if command else meant_by(content, allowed())
    return Mistyped(near[0], Wanted(near[1], near[2])) if near else None


def _taken(name: str) -> Wanted | None:
    """What waits for the next message, and for no other."""
    kept: Wanted | None = cl.user_session.get(name)
    cl.user_session.set(name, None)
    return kept


async def offer_nearest(mistyped: Mistyped, words: dict[str, Any]) -> None:
    """Say that there is no such command, and which is nearest: a yes begins it."""
    cl.user_session.set(_MEANT, mistyped.meant)
    told = words["tasks"][mistyped.meant.task]
    said = {"said": mistyped.said, "name": told["name"], "description": told["description"]}
    await cl.Message(words["mistyped"].format(**said)).send()


async def perform(given: Wanted, grants: Sequence[Grant], language: Language, cancelled: threading.Event) -> None:
    """Do a task over open collections and show what it gives. What it gives is no part of later questions."""
    words, progress = texts(language), Progress()
    reply: cl.Message | None = None
    try:
        if given.task in allowed() and not given.reads_documents:
            await progress.begin(words["alone"])
        async for event in events(lambda cancel: _run(given, grants, language, cancel), cancelled):
            match event:
                case Written(text):
                    await progress.end()
                    reply = reply or await _labelled(words)
                    await reply.stream_token(escape_piece(text))
                case Delivered(work):
                    await progress.end()
                    if work.trouble is Trouble.WHICH_DOCUMENT:
                        cl.user_session.set(_PENDING, given)
                    reply = reply or cl.Message("", created_at=utc_now())
                    reply.content = show_work(work, words)
                    await reply.send()
                    record("task_done", task=given.task.value, trouble=work.trouble, total=work.total)
                case _:
                    await _tell(event, progress, words)
    finally:
        await progress.end()


def _run(given: Wanted, grants: Sequence[Grant], language: Language, cancelled: threading.Event) -> Iterator[TaskEvent]:
    """The events of a task, which stands in the record before anything is searched or asked."""
    if not given.reads_documents:
        house().audit.record(grants[0].principal.user_id, f"task.{given.task.value}", "model", "begun")
        return house().tasks.run(given.task, (), given.request(language), cancelled)
    for grant in grants:
        house().audit.record(grant.principal.user_id, f"task.{given.task.value}", grant.collection_id, "begun")
    return from_open(grants, lambda left: house().tasks.run(given.task, left, given.request(language), cancelled))


async def _labelled(words: dict[str, Any]) -> cl.Message:
    """A message that says, before its first word, that no document stands behind it."""
    reply = cl.Message("", created_at=utc_now())
    await reply.stream_token(f"{words['ungrounded']}\n\n")
    return reply


async def _tell(event: TaskEvent, progress: Progress, words: dict[str, Any]) -> None:
    """What is being done, as a step."""
    match event:
        case Searching(within):
            await progress.begin(searching(within, words))
        case Queued(place, seconds):
            await progress.wait(waiting(place, seconds, words))
        case Reading(passages, left_out):
            listed = reading(passages, left_out, words)
            await progress.begin(being_read(len(passages), words), listed)
        case Progressed(done, total):
            await progress.wait(words["progressed"].format(done=done, total=total))
