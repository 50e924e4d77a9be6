"""What happens in the chat: a question becomes steps, a streamed answer, and sources that open."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import chainlit as cl
from chainlit.context import init_ws_context
from chainlit.input_widget import InputWidget, MultiSelect, TextInput
from chainlit.server import sio
from chainlit.session import WebsocketSession, ws_sessions_id
from chainlit.types import ThreadDict
from chainlit.user import User
from chainlit.utils import utc_now

from chat.feedback import EVIDENCE, evidence_of
from chat.logs import record, record_failure
from chat.markdown import escape, escape_piece
from chat.narrowing import AFTER, BEFORE, FIELDS, FOLDERS, TYPES, read_written
from chat.texts import preferred, texts
from chat.ui.answers import reading, show, written
from chat.ui.closed import from_open, open_grants, tell_closed
from chat.ui.commands import offered
from chat.ui.data_layer import SealedDataLayer
from chat.ui.events import events
from chat.ui.model import tell_model
from chat.ui.mount import house
from chat.ui.progress import Progress, being_read, searching, waiting
from chat.ui.tasks import Mistyped, allowed, offer_nearest, perform, wanted
from chat.visitor import current_visitor
from rag.answering.answer import (
    Answer,
    AnswerEvent,
    Checked,
    Finished,
    Language,
    Queued,
    Reading,
    Searching,
    Shortened,
    Turn,
    Understood,
    Written,
)
from rag.errors import FilterWrong, StoreBroken
from rag.retrieval.filters import Filter
from security.access import Grant
from security.errors import AccessDenied

HISTORY_TURNS_MAX = 200
_HISTORY, _CHOSEN, _FILTER, _PLAIN = "history", "collections", "filter", "plain"
_OFFERED = "offered"
_UNUSED_EVENTS = ("edit_message", "message_favorite", "fetch_favorites", "window_message", "chat_settings_edit")
_AUDIO_EVENTS = ("audio_start", "audio_chunk", "audio_end")


@dataclass(slots=True)
class _Asking:
    """A question being answered, and whether the person stopped it."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    is_stopped: bool = False


_running: WeakKeyDictionary[asyncio.Task[Any], _Asking] = WeakKeyDictionary()
"""By the task that answers: a stop that comes too late is forgotten with its task and never meets the next question."""

for _event in (*_UNUSED_EVENTS, *_AUDIO_EVENTS):
    sio.handlers["/"].pop(_event, None)


@sio.on("stop")
async def stop(socket_id: str) -> None:
    """Stop the engine; what was written until then is checked and shown. Replaces Chainlit's, which drops it."""
    session = WebsocketSession.get(socket_id)
    task = session.current_task if session else None
    if task and not task.done():
        asking = _running.setdefault(task, _Asking())  # the question may not have come as far as `ask` yet
        asking.is_stopped = True
        asking.cancelled.set()


@cl.data_layer
def data_layer() -> SealedDataLayer:
    """Where Chainlit keeps conversations."""
    forget = house().answerer.forget
    return SealedDataLayer(house().conversations, house().directory, house().feedback, offer, forget)


@cl.set_starters
async def starters(_user: User | None, language: str | None = None) -> list[cl.Starter]:
    """Suggested questions in the person's language."""
    return [cl.Starter(label=text, message=text) for text in texts(preferred(language or "en"))["starters"]]


@cl.on_chat_start
async def start() -> None:
    """A new conversation asks every granted collection until the person chooses."""
    cl.user_session.set(_HISTORY, [])
    await _offer_tasks()
    await _offer_choice()
    await tell_model(_words())


@cl.on_chat_resume
async def resume(thread: ThreadDict) -> None:
    """Take up a conversation where it was left."""
    cl.user_session.set(_HISTORY, list(_turns(thread))[-HISTORY_TURNS_MAX:])
    kept = thread.get("metadata") or {}
    cl.user_session.set(_CHOSEN, kept.get(_CHOSEN))
    cl.user_session.set(_FILTER, kept.get(_FILTER))
    await _offer_tasks()
    await _offer_choice(kept.get(_CHOSEN), kept.get(_FILTER))
    await tell_model(_words())


@cl.on_settings_update
async def choose(settings: dict[str, Any]) -> None:
    """Remember which collections to ask, and what to look at in them."""
    cl.user_session.set(_CHOSEN, settings.get(_CHOSEN))
    cl.user_session.set(_FILTER, {name: settings.get(name) for name in FIELDS})


async def offer(step_id: str) -> None:
    """Say once of a message that its rating may go to owners. Shown and not kept: it is no part of the conversation.

    It is told where the person has that conversation open: the socket that the page names with a rating may be an
    earlier one, or another person's.
    """
    principal = current_visitor().principal
    if not await asyncio.to_thread(house().feedback.offers, principal, step_id):
        return
    thread_id = await asyncio.to_thread(house().conversations.thread_of, principal, step_id)
    for session in tuple(ws_sessions_id.values()):
        if session.user and session.user.identifier == principal.user_id and session.thread_id == thread_id:
            init_ws_context(session)
            told: set[str] = cl.user_session.get(_OFFERED) or set()
            if step_id not in told:
                cl.user_session.set(_OFFERED, told | {step_id})
                said = _words()["feedback_offer"].format(address=f"/feedback/{step_id}")
                await cl.context.emitter.send_step(cl.Message(said, created_at=utc_now()).to_dict())


@cl.on_message
async def ask(message: cl.Message) -> None:
    """Answer one question; what fails is one sentence in the person's language."""
    words, task, asking = _words(), asyncio.current_task(), _Asking()
    if task:
        asking = _running.setdefault(task, asking)
    try:
        grants = await asyncio.to_thread(_grants, cl.user_session.get(_CHOSEN))
        if not grants:
            await cl.Message(words["none"]).send()
            return
        await tell_closed(grants, words)
        if left := open_grants(grants):
            await _heed(left, message, words, asking)
            await tell_closed(grants, words)
    except FilterWrong:
        await cl.Message(words["filter_wrong"]).send()
    except StoreBroken as error:
        record_failure("collection_closed", error)
        await tell_closed(grants, words)
    except AccessDenied:
        await cl.Message(words["expired"]).send()
    except Exception as error:  # noqa: BLE001 - the edge of a question: Chainlit would show the error's own text
        record_failure("question_failed", error)
        await cl.Message(words["failed"]).send()
    finally:
        await tell_model(words)


async def _heed(grants: Sequence[Grant], message: cl.Message, words: dict[str, Any], asking: _Asking) -> None:
    """Do what a message gives: a task or a question. Of a mistyped command, say which is nearest."""
    given = wanted(message.command, message.content)
    if isinstance(given, Mistyped):
        await offer_nearest(given, words)
    elif given and not given.reads_documents:
        await perform(given, grants, _language(), asking.cancelled)
    else:
        within = read_written(cl.user_session.get(_FILTER) or {})
        if given:
            await perform(given.narrowed(within), grants, _language(), asking.cancelled)
        else:
            await _answer(grants, message.content, within, words, asking)


async def _answer(
    grants: Sequence[Grant], question: str, within: Filter, words: dict[str, Any], asking: _Asking
) -> None:
    history: list[Turn] = cl.user_session.get(_HISTORY) or []
    progress, reply, otherwise = Progress(), None, _language()
    conversation = cl.context.session.thread_id
    checked: list[Checked] = []

    def answer(cancel: threading.Event) -> Iterator[AnswerEvent]:
        for grant in grants:
            house().audit.record(grant.principal.user_id, "ask", grant.collection_id, "begun")
        answerer = house().answerer
        return from_open(
            grants,
            lambda left: answerer.answer(left, question, history, cancel, otherwise, within, conversation=conversation),
        )

    try:
        async for event in events(answer, asking.cancelled):
            match event:
                case Written(text):
                    await progress.end()
                    reply = reply or cl.Message("", created_at=utc_now())
                    await reply.stream_token(escape_piece(text))
                case Checked(rest=rest):
                    await progress.end()
                    checked.append(event)
                    reply = reply or cl.Message("", created_at=utc_now())
                    await reply.stream_token(_so_far(checked, rest, words), is_sequence=True)
                case Finished(finished):
                    await progress.end()
                    reply = reply or cl.Message("", created_at=utc_now())
                    reply.content = show(finished, words, is_stopped=asking.is_stopped)
                    reply.metadata = _kept(question, finished)
                    await reply.send()
                    record("question_answered", reason=finished.reason, **asdict(finished.timings))
                    said = [Turn("assistant", reply.metadata[_PLAIN])] if reply.metadata else []
                    turns = [*history, Turn("user", question), *said]
                    cl.user_session.set(_HISTORY, turns[-HISTORY_TURNS_MAX:])
                case _:
                    await _tell(event, progress, words)
    finally:
        await progress.end()


def _kept(question: str, answer: Answer) -> dict[str, Any]:
    """What a message keeps for later questions and for owners; nothing where the model wrote nothing of it."""
    if answer.is_unwritten and answer.refused:
        return {}
    return {_PLAIN: answer.text, EVIDENCE: evidence_of(question, answer, house().writer)}


async def _tell(event: AnswerEvent, progress: Progress, words: dict[str, Any]) -> None:
    """What is being done before the first word, as a step."""
    match event:
        case Searching(within):
            await progress.begin(searching(within, words))
        case Queued(place, seconds, passages):
            await progress.wait(waiting(place, seconds, words), reading(passages, (), words))
        case Understood(meant, _):
            await progress.begin(words["understood"], escape(meant))
        case Shortened(shortened, left_out):
            await progress.begin(words["shortened"].format(shortened=shortened, left_out=left_out))
        case Reading(passages, left_out):
            listed = reading(passages, left_out, words)
            await progress.begin(being_read(len(passages), words), listed)


def _so_far(checked: Sequence[Checked], rest: str, words: dict[str, Any]) -> str:
    """What is written while it is written: sentences with their marks, and the beginning of the next."""
    citations = [citation for each in checked for citation in each.citations]
    return f"{written([each.sentence for each in checked], citations, words)} {escape_piece(rest)}"


def _turns(thread: ThreadDict) -> Iterator[Turn]:
    """Questions with their answers; what had none, and what tasks gave, is no part of the conversation."""
    asked = ""
    for step in thread["steps"] or []:
        if step["type"] == "user_message":
            asked = step["output"]
        elif step["type"] == "assistant_message" and (plain := (step.get("metadata") or {}).get(_PLAIN)):
            yield from (Turn("user", asked), Turn("assistant", plain))


async def _offer_tasks() -> None:
    """What the settings allow: nothing is opened for it, the page does not wait."""
    await cl.context.emitter.set_commands(offered(_words(), allowed()))


async def _offer_choice(chosen: list[str] | None = None, kept: dict[str, Any] | None = None) -> None:
    names = await asyncio.to_thread(_collection_names)
    if names:
        await cl.ChatSettings([*_collections_offered(names, chosen), *_filter_offered(kept or {})]).send()


def _collections_offered(names: Sequence[str], chosen: list[str] | None) -> list[InputWidget]:
    """Which to ask, where there are several."""
    initial = [name for name in names if chosen is None or name in chosen]
    items = {name: name for name in names}
    offered = MultiSelect(id=_CHOSEN, label=_words()["collections"], items=items, initial=initial)
    return [offered] if len(names) > 1 else []


def _filter_offered(kept: dict[str, Any]) -> list[InputWidget]:
    """All types, whatever the collections hold: nobody learns from the list what is there."""
    words = _words()

    def line(name: str, hint: str) -> InputWidget:
        return TextInput(id=name, label=words[name], initial=kept.get(name) or "", placeholder=words[hint])

    types = {text: kind for kind, text in words["types"].items()}
    wanted = MultiSelect(id=TYPES, label=words["types_asked"], items=types, initial=kept.get(TYPES) or [])
    return [line(AFTER, "day_hint"), line(BEFORE, "day_hint"), wanted, line(FOLDERS, "folder_hint")]


def _collection_names() -> list[str]:
    """What the visitor may ask; nothing once their session has ended."""
    try:
        grants = _grants(None)
    except AccessDenied:
        return []
    return sorted(house().collections.get(grant.collection_id).name for grant in grants)


def _grants(chosen: list[str] | None) -> list[Grant]:
    """Grants read anew for this question, of the chosen collections; AccessDenied once the session ended."""
    visitor = current_visitor()
    if house().directory.session(visitor.token) is None:
        raise AccessDenied("the session has ended; sign in again")
    granted = house().policy.grants(visitor.principal)
    return [grant for grant in granted if not chosen or house().collections.get(grant.collection_id).name in chosen]


def _words() -> dict[str, Any]:
    return texts(_language())


def _language() -> Language:
    """The language of the page that asks."""
    environ = getattr(cl.context.session, "environ", None) or {}
    return preferred(environ.get("HTTP_ACCEPT_LANGUAGE", "en"))
