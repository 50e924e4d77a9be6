"""Conversations: threads, messages and feedback, each sealed under the key of the person they belong to."""

import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NewType

from sqlalchemy import Engine, delete, select, update

from chat.tables import ID_CHARACTERS_MAX, feedback, steps, tallies, threads
from chat.tally import Change, Tally, difference, epoch_name, found, present, write
from security.errors import AccessDenied
from security.identity import Principal, Role, UserId
from security.keyring import Keyring, person_owner
from security.sealing import Context

ThreadId = NewType("ThreadId", str)


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation without its messages."""

    id: ThreadId
    name: str
    created_at: datetime
    updated_at: datetime
    metadata: Mapping[str, Any]


class Conversations:
    """A person's conversations. Every call takes the person and sees nothing of anybody else's."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self._engine, self._keyring = engine, keyring
        self._turn = threading.RLock()  # a row is looked for, then made or replaced; one writer at a time
        self._tallies: dict[UserId, Tally] = {}  # as committed: nobody else writes them, and a message costs 2 ms less

    def adopt(self) -> None:
        """Count what people wrote before there was a tally."""
        with self._engine.connect() as connection:
            writers = connection.execute(select(threads.c.user_id).distinct()).scalars().all()
        for user_id in map(UserId, writers):
            if self._keyring.has(person_owner(user_id)) and not self._keyring.epochs.known(epoch_name(user_id)):
                with self._changing(Principal(user_id, Role.EMPLOYEE)):
                    pass

    def look(self, owner: Principal) -> str:
        """How the person's rows are not what was written, in words; empty where they are. Opens none of them."""
        key = self._keyring.for_person(owner)
        with self._turn, self._engine.connect() as connection:
            tally = present(connection, self._keyring.epochs, key, owner.user_id)
            there = found(connection, key, owner.user_id)
        self._keyring.epochs.note(epoch_name(owner.user_id), tally.epoch)
        return difference(tally, there)

    def accept(self, owner: Principal) -> None:
        """Take the person's rows as they stand for what was written."""
        key, epochs = self._keyring.for_person(owner), self._keyring.epochs
        with self._turn:
            with self._engine.begin() as connection:
                before = present(connection, epochs, key, owner.user_id)
                after = Tally(before.epoch + 1, found(connection, key, owner.user_id))
                write(connection, key, owner.user_id, after)
            self._kept(owner, after)

    @contextmanager
    def _changing(self, owner: Principal) -> Iterator[Change]:
        """A transaction that changes the person's rows and their tally; its epoch is written down after the commit."""
        key = self._keyring.for_person(owner)
        with self._turn:
            with self._engine.begin() as connection:
                known = self._tallies.get(owner.user_id)
                before = known or present(connection, self._keyring.epochs, key, owner.user_id)
                change = Change(connection, key)
                yield change
                after = before.changed(change.added, change.removed)
                write(connection, key, owner.user_id, after)
            self._kept(owner, after)

    def _kept(self, owner: Principal, tally: Tally) -> None:
        """After the commit."""
        self._tallies[owner.user_id] = tally
        self._keyring.epochs.note(epoch_name(owner.user_id), tally.epoch)

    def put(
        self, owner: Principal, thread_id: ThreadId, name: str | None = None, about: Mapping[str, Any] | None = None
    ) -> None:
        """Make a conversation, or change its name or metadata."""
        with self._turn:
            self._put(owner, thread_id, name, about)

    def _put(
        self, owner: Principal, thread_id: ThreadId, name: str | None = None, about: Mapping[str, Any] | None = None
    ) -> None:
        held = self.find(owner, thread_id)
        now = datetime.now(UTC).isoformat()
        body = {
            "name": (name if name is not None else held.name if held else "")[:200],
            "metadata": dict(about if about is not None else held.metadata if held else {}),
        }
        sealed = self._seal(owner, body, Context("threads", thread_id, "about"))
        with self._changing(owner) as change:
            if held:
                change.update(threads, threads.c.id == thread_id, about=sealed)
                return
            row = {"id": thread_id, "user_id": owner.user_id, "created_at": now, "updated_at": now}
            change.insert(threads, **row, about=sealed)

    def find(self, owner: Principal, thread_id: ThreadId) -> Thread | None:
        """The conversation; None when there is none. Somebody else's raises AccessDenied."""
        _check_id(thread_id)
        with self._engine.connect() as connection:
            row = connection.execute(select(threads).where(threads.c.id == thread_id)).mappings().first()
        if row is None:
            return None
        if row["user_id"] != owner.user_id:
            raise AccessDenied("no such conversation; open one from your own list")
        return self._thread(owner, row)

    def list(self, owner: Principal) -> tuple[Thread, ...]:
        """The person's conversations, newest first, without messages."""
        query = select(threads).where(threads.c.user_id == owner.user_id).order_by(threads.c.updated_at.desc())
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(self._thread(owner, row) for row in rows)

    def remove(self, owner: Principal, thread_id: ThreadId) -> None:
        """Delete a conversation with its messages and feedback."""
        if self.find(owner, thread_id):
            with self._changing(owner) as change:
                for table in (feedback, steps):
                    change.delete(table, table.c.thread_id == thread_id)
                change.delete(threads, threads.c.id == thread_id)

    def remove_all(self, user_id: UserId) -> int:
        """Delete every conversation of a person whose key is destroyed; gives how many."""
        own = select(threads.c.id).where(threads.c.user_id == user_id)
        with self._turn:
            with self._engine.begin() as connection:
                for table in (feedback, steps):
                    connection.execute(delete(table).where(table.c.thread_id.in_(own)))
                removed = connection.execute(delete(threads).where(threads.c.user_id == user_id)).rowcount
                connection.execute(delete(tallies).where(tallies.c.user_id == user_id))
            self._tallies.pop(user_id, None)
            self._keyring.epochs.forget(epoch_name(user_id))
        return removed

    def put_step(self, owner: Principal, thread_id: ThreadId, step_id: str, body: Mapping[str, Any]) -> None:
        """Keep a message, replacing an earlier version of it."""
        with self._turn:
            self._put_step(owner, thread_id, step_id, body)

    def _put_step(self, owner: Principal, thread_id: ThreadId, step_id: str, body: Mapping[str, Any]) -> None:
        if self.find(owner, thread_id) is None:
            self._put(owner, thread_id)
        _check_id(step_id)
        sealed = self._seal(owner, body, Context("steps", f"{thread_id}/{step_id}", "body"))
        now = datetime.now(UTC).isoformat()
        with self._changing(owner) as change:
            query = select(steps.c.thread_id).where(steps.c.id == step_id)
            earlier = change.connection.execute(query).scalar_one_or_none()
            if earlier not in (None, thread_id):
                raise AccessDenied("no such message; reload the page")
            created = str(body.get("createdAt") or now)[:32].replace("\0", "")
            if earlier:
                change.delete(steps, steps.c.id == step_id)
            change.insert(steps, id=step_id, thread_id=thread_id, created_at=created, body=sealed)
            change.connection.execute(update(threads).where(threads.c.id == thread_id).values(updated_at=now))

    def steps(self, owner: Principal, thread_id: ThreadId) -> tuple[dict[str, Any], ...]:
        """The messages, oldest first; none of a conversation that is not there."""
        if self.find(owner, thread_id) is None:
            return ()
        key = self._keyring.for_person(owner)
        query = select(steps).where(steps.c.thread_id == thread_id).order_by(steps.c.created_at)
        marks = select(feedback).where(feedback.c.thread_id == thread_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
            given = {row["step_id"]: row for row in connection.execute(marks).mappings()}
        opened = []
        for row in rows:
            body = json.loads(key.open(row["body"], Context("steps", f"{thread_id}/{row['id']}", "body")))
            if mark := given.get(row["id"]):
                context = Context("feedback", f"{thread_id}/{row['id']}", "body")
                body["feedback"] = {"id": mark["id"], "forId": row["id"], **json.loads(key.open(mark["body"], context))}
            opened.append(body)
        return tuple(opened)

    def thread_of(self, owner: Principal, step_id: str) -> ThreadId:
        """The conversation a message belongs to; raises AccessDenied unless it is the person's own."""
        _check_id(step_id)
        with self._engine.connect() as connection:
            found = connection.execute(select(steps.c.thread_id).where(steps.c.id == step_id)).scalar_one_or_none()
        return self._own(owner, found)

    def rate(self, owner: Principal, step_id: str, value: int, comment: str | None) -> str:
        """Keep a thumb (0 or 1) with a comment on one of the person's own conversations; gives its id."""
        thread_id = self.thread_of(owner, step_id)
        body = {"value": value, "comment": comment}
        sealed = self._seal(owner, body, Context("feedback", f"{thread_id}/{step_id}", "body"))
        identifier = secrets.token_hex(16)
        with self._changing(owner) as change:
            change.delete(feedback, feedback.c.step_id == step_id)
            change.insert(feedback, id=identifier, step_id=step_id, thread_id=thread_id, body=sealed)
        return identifier

    def rated(self, owner: Principal, feedback_id: str) -> str:
        """The message that a thumb was given to; raises AccessDenied unless it is one of the person's own."""
        _check_id(feedback_id)
        with self._engine.connect() as connection:
            query = select(feedback.c.thread_id, feedback.c.step_id).where(feedback.c.id == feedback_id)
            found = connection.execute(query).one_or_none()
        self._own(owner, found.thread_id if found else None)
        return str(found.step_id) if found else ""

    def unrate(self, owner: Principal, feedback_id: str) -> None:
        """Take a thumb back; raises AccessDenied unless it was given to one of the person's own messages."""
        self.rated(owner, feedback_id)
        with self._changing(owner) as change:
            change.delete(feedback, feedback.c.id == feedback_id)

    def _own(self, owner: Principal, thread_id: str | None) -> ThreadId:
        """The conversation if it is the person's own; one refusal for somebody else's and for none."""
        query = select(threads.c.user_id).where(threads.c.id == thread_id)
        with self._engine.connect() as connection:
            if connection.execute(query).scalar_one_or_none() != owner.user_id:
                raise AccessDenied("no such message; reload the page")
        return ThreadId(str(thread_id))

    def _thread(self, owner: Principal, row: Mapping[Any, Any]) -> Thread:
        context = Context("threads", row["id"], "about")
        about = json.loads(self._keyring.for_person(owner).open(row["about"], context))
        created, changed = (datetime.fromisoformat(row[name]) for name in ("created_at", "updated_at"))
        return Thread(ThreadId(row["id"]), about["name"], created, changed, about["metadata"])

    def _seal(self, owner: Principal, body: Mapping[str, Any], context: Context) -> bytes:
        return self._keyring.for_person(owner).seal(json.dumps(body, ensure_ascii=False, default=str).encode(), context)


def _check_id(identifier: str) -> None:
    """Ids come from the page. What PostgreSQL could not hold is nobody's, on SQLite too."""
    if len(identifier) > ID_CHARACTERS_MAX or "\0" in identifier:
        raise AccessDenied("no such conversation; open one from your own list")
