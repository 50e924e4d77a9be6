"""Every command as an operation: the house and plain arguments in, JSON objects out, as they come."""

import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from chat.assembly import House
from chat.errors import Refused
from chat.places import range_name
from chat.servers import looked_at, room
from models.catalogue import Task
from models.figures import Figures
from rag.answering.answer import (
    Answer,
    AnswerEvent,
    Checked,
    Citation,
    Finished,
    Queued,
    Reading,
    Searching,
    Sentence,
    Shortened,
    Turn,
    Understood,
    Why,
    Written,
)
from rag.documents import RankedPassage
from rag.errors import RagError
from rag.parsing.sandbox import confinement
from rag.retrieval.filters import read_filter
from security.access import Grant, Right
from security.errors import SecurityError
from security.hygiene import Finding, findings
from security.identity import OPERATOR, Principal, Role

Event = dict[str, Any]
Operation = Callable[..., Iterator[Event]]
OPERATIONS: dict[str, Operation] = {}
CANCELLABLE = frozenset({"ask", "collection.load", "source.sync", "job.follow", "eval.answers"}) | {
    f"task.{name}" for name in ("list", "summarise", "compare", "translate", "draft", "without_documents")
}
"""Operations that take `cancelled`: setting it stops them at their next step, from another thread too."""

PASSWORD_BYTES = 12
TIMINGS = ("retrieve_ms", "first_token_ms", "total_ms", "prompt_tokens", "answer_tokens")


def operation(name: str) -> Callable[[Operation], Operation]:
    """Register an operation under the name the command line and the socket use."""

    def register(function: Operation) -> Operation:
        OPERATIONS[name] = function
        return function

    return register


@operation("user.add")
def add_user(house: House, name: str, role: str = "employee", password: str = "") -> Iterator[Event]:
    """Add a person; without a password one is drawn and shown this once."""
    drawn = "" if password else secrets.token_urlsafe(PASSWORD_BYTES)
    identifier = house.directory.add_user(name, password or drawn, Role(role))
    house.audit.record(OPERATOR.user_id, "user.add", identifier, "done")
    yield {"id": identifier, "name": name, "role": role} | ({"password": drawn} if drawn else {})


@operation("user.list")
def list_users(house: House) -> Iterator[Event]:
    """Every person."""
    listed = house.directory.groups.list()
    for user in house.directory.users():
        own = set(house.directory.groups.of(user.id))
        groups = [group.name for group in listed if group.id in own]
        yield {
            "id": user.id,
            "name": user.name,
            "role": user.role.value,
            "disabled": user.disabled,
            "groups": groups,
        }


@operation("user.password")
def set_password(house: House, name: str, password: str = "") -> Iterator[Event]:
    """Replace a password; running sessions end."""
    drawn = "" if password else secrets.token_urlsafe(PASSWORD_BYTES)
    person = person_named(house, name)
    house.audit.record(OPERATOR.user_id, "user.password", person.user_id, "begun")
    house.directory.set_password(person.user_id, password or drawn)
    yield {"name": name} | ({"password": drawn} if drawn else {})


@operation("user.disable")
def disable_user(house: House, name: str) -> Iterator[Event]:
    """Keep a person from signing in; running sessions end."""
    person = person_named(house, name)
    house.audit.record(OPERATOR.user_id, "user.disable", person.user_id, "begun")
    house.directory.disable(person.user_id)
    yield {"disabled": name}


@operation("search")
def search(
    house: House, collection: str, question: str, user: str = "", k: int = 10, within: Event | None = None
) -> Iterator[Event]:
    """Passages, best first; none where nothing passes the filter `within`."""
    wanted = read_filter(within)
    grant = granted(house, asker(house, user), collection, Right.READ)
    house.audit.record(grant.principal.user_id, "search", grant.collection_id, "begun")
    for item in house.searcher.search([grant], question, k, within=wanted).passages:
        passage = item.passage
        yield {
            "doc": passage.document.path,
            "title": passage.document.title,
            "page": passage.chunk.page,
            "cells": range_name(passage.chunk.cells) or None,
            "score": round(item.score, 4),
            "text": passage.chunk.text,
        }


@operation("ask")
def ask(
    house: House,
    collection: str,
    question: str,
    user: str = "",
    history: list[dict[str, str]] | None = None,
    cancelled: threading.Event | None = None,
    within: Event | None = None,
    is_batch: bool = False,
) -> Iterator[Event]:
    """The steps of an answer as events; the last holds the answer as JSON. Closing the iterator stops the engine.

    `is_batch` gives way to people who wait.
    """
    wanted = read_filter(within)
    grant = granted(house, asker(house, user), collection, Right.READ)
    house.audit.record(grant.principal.user_id, "ask", grant.collection_id, "begun")
    turns = [Turn(turn["role"], turn["content"]) for turn in history or ()]
    stop = cancelled or threading.Event()
    try:
        for event in house.answerer.answer([grant], question, turns, stop, within=wanted, is_batch=is_batch):
            yield _step(event)
    finally:
        stop.set()


def _step(event: AnswerEvent) -> Event:
    match event:
        case Understood(question, by):
            return {"step": "understood", "question": question, "by": by.value}
        case Searching(within):
            return {"step": "searching", "filter": within.told() if within else None}
        case Shortened(shortened, left_out):
            return {"step": "shortened", "shortened": shortened, "left_out": left_out}
        case Queued(place, seconds, passages):
            titles = [item.passage.document.title for item in passages]
            return {"step": "queued", "place": place, "seconds": seconds, "titles": titles}
        case Reading(passages, _):
            return {"step": "reading", "titles": [item.passage.document.title for item in passages]}
        case Written(text):
            return {"step": "written", "text": text}
        case Checked(sentence):
            return {"step": "checked", "sentence": _sentence_json(sentence)}
        case Finished(answer):
            return {"step": "finished", "answer": answer_json(answer)}


@operation("audit.verify")
def verify_audit(house: House) -> Iterator[Event]:
    """Whether the record is whole."""
    yield asdict(house.audit.verify())


@operation("doctor")
def doctor(house: House) -> Iterator[Event]:
    """How private the machine and the folders are, whether the weights in use are here, and the record whole."""
    found = (*findings(house.state, house.memory_dir), *_weights(house), *_servers(house))
    found += (_record(house), _epochs(house))
    found += (*_receipts(house), *_indexes(house), *_readers(house), *house.syncing.findings())
    for finding in (*found, *_collections(house)):
        yield asdict(finding)


def _weights(house: House) -> Iterator[Finding]:
    """Whether the files lie there, and the model of a served house answers: an opening that is due is tried now.

    Every start checks their bytes, and so does `huisclos models verify`.
    """
    for task in (Task.EMBED,) if house.settings.models.servers else (Task.GENERATE, Task.EMBED):
        entry = house.models.chosen(task)
        is_here = (house.models.folder / entry.file).is_file()
        remedy = f"{entry.file} is not in {house.models.folder}: run `huisclos models pull {entry.name}`"
        yield Finding(f"weights that {task.value}", is_here, remedy)
    if "generator" in house.__dict__:  # where cached_property keeps what it made: the house is being served
        trouble = house.generator.look()
        figures = house.generator.figures
        where = ", on the GPU" if figures and figures.is_on_gpu else ""
        yield Finding(f"model that answers{where}", not trouble, f"people get passages and no answers: {trouble}")
        if figures and not house.settings.models.servers:
            yield _checks(figures)
    is_here = house.models.tessdata() is not None
    yield Finding("reading of scans", is_here, "scans and pictures are not read: run `huisclos models pull`")


def _checks(figures: Figures) -> Finding:
    """Whether the engine, when nobody was served, always wrote what it wrote at its start."""
    remedy = (
        f"{figures.failed_checks} of its checks since the start found that it wrote something else, or failed; its "
        "context was opened anew. Where that comes again restart the server, and test this machine's memory"
    )
    return Finding("model writes what it did", not figures.failed_checks, remedy)


def _servers(house: House) -> Iterator[Finding]:
    """Whether each server that writes answers does answer, and what it says of itself."""
    for server in looked_at(house.settings):
        facts = server.facts
        says = f" writes with {facts.model} ({facts.kind.value}), {room(facts)}" if facts else ""
        yield Finding(f"server {server.address.shown}{says}", facts is not None, server.trouble)


def _record(house: House) -> Finding:
    is_whole = house.audit.verify().broken_at is None
    return Finding("the record", is_whole, "an entry was changed or taken out: run `huisclos audit verify`")


def _epochs(house: House) -> Finding:
    trouble = house.keyring.epochs.trouble
    return Finding("epochs", not trouble, f"an older database would not be told from the present one: {trouble}")


def _receipts(house: House) -> Iterator[Finding]:
    """Destructions of keys that were cut short and could not be brought to their end."""
    for owner, reason in house.shredder.unfinished.items():
        yield Finding(f"receipt of {owner}", False, f"not signed: {reason}; it is tried again at the next start")


def _readers(house: House) -> Iterator[Finding]:
    """What the kernel takes from the processes that read documents."""
    granted = confinement(house.memory_dir)
    remedy = "this kernel leaves them the network (no seccomp, no namespaces): use a newer one, or allow it"
    yield Finding("readers have no network", granted.network, remedy)
    remedy = "this kernel leaves them other files (no Landlock): Linux 5.13 or newer, with `lsm=landlock`"
    yield Finding("readers reach no other file", granted.files, remedy)


def _indexes(house: House) -> Iterator[Finding]:
    """Indexes that could not be sealed or made; they are searched as they are, and tried again each minute."""
    for collection_id, error in (house.upkeep.failed if house.upkeep else {}).items():
        remedy = f"not sealed ({error}): free the disk and the memory folder, or the next start makes it anew"
        yield Finding(f"index of collection {collection_id}", False, remedy)


def _collections(house: House) -> Iterator[Finding]:
    """Collections that are closed because they are not what was written, or whose policy is not understood."""
    for record in house.collections.list():
        reason = house.documents.integrity.reason(record.id)
        try:
            house.documents.policy(house.policy.for_indexing(record.id))
        except (RagError, SecurityError) as error:
            reason = reason or str(error)
        yield Finding(f"collection {record.name}", not reason, reason)


def answer_json(answer: Answer) -> Event:
    """An answer in the shape other tools rely on."""
    understood, quotes = answer.understood, {cite.passage.id: cite.quote for cite in answer.quotes}
    return {
        "answer": answer.text,
        "refused": answer.refused,
        "reason": answer.reason.value if answer.reason else None,
        "language": answer.language.value,
        "understood": {"question": understood.question, "by": understood.by.value} if understood else None,
        "filter": answer.within.told() if answer.within else None,
        "sentences": [_sentence_json(sentence) for sentence in answer.sentences],
        "withheld": answer.withheld,
        "quoted": answer.is_quoted,
        "citations": [citation_json(citation) for citation in answer.citations],
        "nearest": [
            {**_where(item), "text": item.passage.chunk.text, "quote": quotes.get(item.passage.id)}
            for item in answer.nearest
        ],
        "evidence": {
            "read": [_where(item) for item in answer.read],
            "left_out": [{**_where(left.item), "why": left.why.value} for left in answer.left_out],
        },
        "ranked_docs": list(answer.ranked_docs),
        "timings": {name: getattr(answer.timings, name) for name in TIMINGS},
    }


def _where(item: RankedPassage) -> Event:
    return {"doc": item.passage.document.path, "page": item.passage.chunk.page}


def _sentence_json(sentence: Sentence) -> Event:
    return {
        "text": sentence.text,
        "citations": list(sentence.citations),
        "supported": sentence.supported,
        "why": [why_json(why) for why in sentence.why],
    }


def why_json(why: Why) -> Event:
    """A doubt and what it is about."""
    return {"doubt": why.doubt.value, "text": why.text, "operands": list(why.operands)}


def citation_json(citation: Citation) -> Event:
    """Where a quote stands."""
    return {
        "n": citation.n,
        "doc": citation.passage.document.path,
        "title": citation.passage.document.title,
        "page": citation.passage.chunk.page,
        "cells": range_name(citation.passage.chunk.cells) or None,
        "quote": citation.quote,
        "start": citation.start,
        "end": citation.end,
    }


def asker(house: House, user: str) -> Principal:
    """Who asks: the person named, or the operator."""
    return person_named(house, user) if user else OPERATOR


def person_named(house: House, name: str) -> Principal:
    """The person of that name; Refused where there is none."""
    found = house.directory.find_user(name)
    if found is None:
        raise Refused("no such user; see `huisclos user list`")
    return found.principal


def granted(house: House, principal: Principal, name: str, right: Right) -> Grant:
    """A grant, or one refusal whether the collection exists or not."""
    found = house.collections.find(name)
    if found is None or right not in house.directory.rights(principal.user_id, found.id):
        raise Refused("no such collection, or no right to it; ask IT for it")
    return house.policy.grant(principal, found.id, right)
