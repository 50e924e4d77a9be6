"""Loads as jobs that outlive their process: what is loaded, how far it is, how it ended. Sealed with their collection.

row    jobs(id, collection, sealed JSON); context ("jobs", id, "about")
state  the ids of jobs that have not ended stand in the collection's sealed state: a row that was put back, or comes
       from elsewhere, is not among them and never runs
"""

import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock
from typing import Any, NewType

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select, update

from rag.errors import JobUnknown
from rag.store.ledger import Change, changing, stated
from rag.store.room import room
from rag.store.tables import jobs
from security.access import Grant, Right
from security.errors import AccessDenied, SecurityError
from security.identity import CollectionId
from security.keyring import Keyring
from security.sealing import Context, DataKey

JobId = NewType("JobId", str)
ENDED_KEPT = 50
"""Jobs of a collection that ended and are still shown."""
REASON_CHARACTERS_MAX = 500
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class JobKind(StrEnum):
    """What a job brings a collection in step with: a folder or file of this machine, or one of its sources."""

    LOAD = "load"
    SYNC = "sync"


class JobState(StrEnum):
    """Where a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    """Whose turn comes first."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Job:
    """A load. `target` is a path or a source's id. `done` of `total` files are through, `files` counts their ends.

    `passages` were stored by it; `seconds` is how long it ran, all its runs together. With `is_rereading` it reads
    files again that did not come in.
    """

    id: JobId
    collection_id: CollectionId
    kind: JobKind
    target: str
    created_at: datetime
    priority: Priority = Priority.NORMAL
    released: tuple[str, ...] = ()
    state: JobState = JobState.WAITING
    reason: str = ""
    ended_at: datetime | None = None
    done: int = 0
    total: int = 0
    passages: int = 0
    seconds: float = 0.0
    files: Mapping[str, int] = field(default_factory=dict)
    is_rereading: bool = False

    @property
    def is_ended(self) -> bool:
        """Whether nothing is done for it any more."""
        return self.state in ENDED

    def ended(self, state: JobState, at: datetime, reason: str = "") -> "Job":
        """The same at its end."""
        return replace(self, state=state, ended_at=at, reason=reason[:REASON_CHARACTERS_MAX])

    def again(self) -> "Job":
        """The same, waiting for its turn, to read again what did not come in."""
        return replace(self, state=JobState.WAITING, reason="", ended_at=None, is_rereading=True)


JobChange = Callable[[Job], Job]


def new_job_id() -> JobId:
    """An id for a new job."""
    return JobId(secrets.token_hex(4))


class JobBook:
    """Where jobs are written down. `key` opens a collection for a grant, `writing` is the store's lock."""

    def __init__(self, engine: Engine, keyring: Keyring, key: Callable[[Grant], DataKey], writing: Lock) -> None:
        self._engine, self._keyring, self._key_for, self._writing = engine, keyring, key, writing

    def add(self, grant: Grant, job: Job) -> None:
        """Write down a job that has not ended. Of those that ended, the oldest above ENDED_KEPT go."""
        with self._writing, room():
            key = self._key(grant)
            with self._changing(key, grant) as (connection, change):
                known = self._opened(connection, key, grant)
                connection.execute(insert(jobs).values(_row(key, job)))
                change.jobs(_with(job.id, {each.id for each in known}))
                _prune(connection, [each for each in known if each.is_ended])

    def all(self, grant: Grant) -> tuple[Job, ...]:
        """The collection's jobs, oldest first. One whose record was changed, or put back, is shown as failed."""
        with self._writing:
            return self._all(grant)

    def find(self, grant: Grant, job_id: str) -> Job:
        """One of them. Raises JobUnknown."""
        return _of_id(self.all(grant), job_id)

    def change(self, grant: Grant, job_id: str, change: JobChange) -> Job:
        """Write down what `change` makes of a job; gives that. Raises JobUnknown."""
        with self._writing, room():
            key = self._key(grant)
            before = _of_id(self._all(grant), job_id)
            after = change(before)
            if before.is_ended == after.is_ended:
                with self._engine.begin() as connection:
                    _update(connection, key, after)
            else:
                with self._changing(key, grant) as (connection, ledger):
                    _update(connection, key, after)
                    ledger.jobs(_without(after.id) if after.is_ended else lambda ids: (*ids, after.id))
        return after

    def _all(self, grant: Grant) -> tuple[Job, ...]:
        key = self._key(grant)
        listed = set(stated(self._engine, self._keyring.epochs, key, grant.collection_id).jobs)
        with self._engine.connect() as connection:
            found = self._opened(connection, key, grant)
        honest = (each if each.is_ended or each.id in listed else _put_back(each) for each in found)
        return tuple(sorted(honest, key=lambda job: job.created_at))

    def _opened(self, connection: Connection, key: DataKey, grant: Grant) -> list[Job]:
        query = select(jobs).where(jobs.c.collection_id == grant.collection_id)
        return [_open(key, row) for row in connection.execute(query).mappings()]

    def _key(self, grant: Grant) -> DataKey:
        if grant.right is not Right.MANAGE:
            raise AccessDenied(f"this needs the right to manage; the grant is to {grant.right.value}")
        return self._key_for(grant)

    def _changing(self, key: DataKey, grant: Grant) -> AbstractContextManager[tuple[Connection, Change]]:
        return changing(self._engine, self._keyring.epochs, key, grant.collection_id)


def job_context(job_id: str) -> Context:
    """Where what is known of a job lives."""
    return Context("jobs", job_id, "about")


def _of_id(found: Iterable[Job], job_id: str) -> Job:
    job = next((each for each in found if each.id == job_id), None)
    if job is None:
        raise JobUnknown("there is no such job; see `huisclos job list`")
    return job


def _with(job_id: JobId, known: Collection[JobId]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """One more, and none of which the record was taken out."""
    return lambda ids: (*(each for each in ids if each in known), job_id)


def _without(job_id: JobId) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    return lambda ids: tuple(each for each in ids if each != job_id)


def _prune(connection: Connection, ended: Sequence[Job]) -> None:
    """Remove the oldest of those that ended, above the number that is kept."""
    oldest = sorted(ended, key=lambda job: job.ended_at or job.created_at)[: max(len(ended) - ENDED_KEPT, 0)]
    if oldest:
        connection.execute(delete(jobs).where(jobs.c.id.in_([each.id for each in oldest])))


def _put_back(job: Job) -> Job:
    reason = "its record was changed or put back, so it is not run; start it again"
    return replace(job, state=JobState.FAILED, reason=reason)


def _row(key: DataKey, job: Job) -> dict[str, Any]:
    return {"id": job.id, "collection_id": job.collection_id, "about": _sealed(key, job)}


def _update(connection: Connection, key: DataKey, job: Job) -> None:
    connection.execute(update(jobs).where(jobs.c.id == job.id).values(about=_sealed(key, job)))


def _sealed(key: DataKey, job: Job) -> bytes:
    about = {
        "kind": job.kind.value,
        "target": job.target,
        "created_at": job.created_at.isoformat(),
        "priority": job.priority.value,
        "released": list(job.released),
        "state": job.state.value,
        "reason": job.reason,
        "ended_at": job.ended_at.isoformat() if job.ended_at else None,
        "done": job.done,
        "total": job.total,
        "passages": job.passages,
        "seconds": job.seconds,
        "files": dict(job.files),
        "is_rereading": job.is_rereading,
    }
    return key.seal(json.dumps(about).encode(), job_context(job.id))


def _open(key: DataKey, row: RowMapping) -> Job:
    """A job out of its row; one that does not open is shown as failed."""
    identifier, collection_id = JobId(row["id"]), CollectionId(row["collection_id"])
    try:
        about = json.loads(key.open(row["about"], job_context(identifier)))
    except SecurityError:
        return _put_back(Job(identifier, collection_id, JobKind.LOAD, "", _BEFORE_ALL))
    return Job(
        identifier,
        collection_id,
        JobKind(about["kind"]),
        about["target"],
        datetime.fromisoformat(about["created_at"]),
        Priority(about["priority"]),
        tuple(about["released"]),
        JobState(about["state"]),
        about["reason"],
        datetime.fromisoformat(about["ended_at"]) if about["ended_at"] else None,
        about["done"],
        about["total"],
        about["passages"],
        about["seconds"],
        about["files"],
        about["is_rereading"],
    )
