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
from chat.ui.commands import asked_for, length_in
from chat.ui.events import events
from chat.ui.mount import house
from chat.ui.progress import Progress
from chat.ui.works import show_work
from rag.answering.answer import Language, Queued, Reading, Searching, Written
from rag.tasks.work import Delivered, Length, Progressed, Request, Task, TaskEvent, Trouble
from security.access import Grant

_PENDING = "pending"
_PICK_CHARACTERS_MAX = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task that somebody gave, and the documents that they picked for it."""

    task: Task
    text: str
    picks: tuple[int, ...] = ()

    def request(self, language: Language) -> Request:
        """As tasks take it."""
        text, length = length_in(self.text) if self.task is Task.SUMMARISE else (self.text, Length.MEDIUM)
        return Request(text, language, length, self.picks)


def wanted(command: str | None, content: str) -> Wanted | None:
    """The task that a message gives, or goes on with by the number of a document; None for a question."""
    pending: Wanted | None = cl.user_session.get(_PENDING)
    cl.user_session.set(_PENDING, None)
    said = content.strip()
    if pending and said.isdecimal() and len(said) <= _PICK_CHARACTERS_MAX:
        return replace(pending, picks=(*pending.picks, int(said)))
    task, text = asked_for(command, content)
    return Wanted(task, text) if task else None


async def perform(given: Wanted, grants: Sequence[Grant], language: Language, cancelled: threading.Event) -> None:
    """Do a task over open collections and show what it gives. What it gives is no part of later questions."""
    words, progress = texts(language), Progress()
    reply: cl.Message | None = None
    try:
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
    if given.task is Task.WITHOUT_DOCUMENTS:
        house().audit.record(grants[0].principal.user_id, f"task.{given.task.value}", "model", "begun")
        return house().tasks.run(given.task, (), given.request(language), cancelled)
    for grant in grants:
        house().audit.record(grant.principal.user_id, f"task.{given.task.value}", grant.collection_id, "begun")
    return house().tasks.run(given.task, grants, given.request(language), cancelled)


async def _labelled(words: dict[str, Any]) -> cl.Message:
    """A message that says, before its first word, that no document stands behind it."""
    reply = cl.Message("", created_at=utc_now())
    await reply.stream_token(f"{words['ungrounded']}\n\n")
    return reply


async def _tell(event: TaskEvent, progress: Progress, words: dict[str, Any]) -> None:
    """What is being done, as a step."""
    match event:
        case Searching():
            await progress.begin(words["searching"])
        case Queued(place):
            await progress.wait(words["queued"].format(place=place))
        case Reading(passages, left_out):
            listed = reading(passages, left_out, words)
            await progress.begin(words["reading"].format(count=len(passages)), listed)
        case Progressed(done, total):
            await progress.wait(words["progressed"].format(done=done, total=total))
