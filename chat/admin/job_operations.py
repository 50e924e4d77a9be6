"""Operations on jobs: loads and syncs that are asked for, followed, held, and done again."""

import threading
from collections.abc import Generator, Iterator
from contextlib import closing, suppress

from chat.admin.operations import Event, granted, operation
from chat.assembly import House
from chat.errors import JobMoved, LoadFailed, Refused
from rag.loading import FileLoaded
from rag.store.jobs import Job, JobKind, JobState, Priority
from security.access import Grant, Right
from security.identity import OPERATOR

_LEFT = {
    JobState.PAUSED: "job {job} was paused; `huisclos job resume {job}` has it go on",
    JobState.CANCELLED: "job {job} was cancelled; what was loaded is kept",
    JobState.WAITING: "the server stopped; job {job} goes on with its next start",
    JobState.RUNNING: "the server stopped; job {job} goes on with its next start",
}
"""Why a job that was followed is not done, where it has no reason of its own."""

FILE_FIELDS = ("doc", "state", "reason", "pages", "passages", "seconds", "done", "total")


@operation("collection.load")
def load_collection(
    house: House,
    name: str,
    path: str,
    release: list[str] | None = None,
    priority: str = "normal",
    is_detached: bool = False,
    cancelled: threading.Event | None = None,
) -> Iterator[Event]:
    """Bring a collection in step with a folder, one event a file. Stopped, it keeps what was loaded.

    Where the house is served it is done in its turn, of which events with `job` tell; detached, it goes on by itself.
    """
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    wanted, released = priority_of(priority), tuple(release or ())
    if is_detached:
        yield _detached(house, grant, JobKind.LOAD, path, wanted, released)
        return
    for event in job_events(house, grant, JobKind.LOAD, path, cancelled, priority=wanted, released=released):
        yield file_told(event) if isinstance(event, FileLoaded) else told(house, event)


def job_events(
    house: House,
    grant: Grant,
    kind: JobKind,
    target: str,
    cancelled: threading.Event | None,
    *,
    priority: Priority = Priority.NORMAL,
    released: tuple[str, ...] = (),
) -> Generator[FileLoaded | Job, None, None]:
    """Have a job done and give its files as they end; where the house is served, the job too now and then.

    Closed, or once `cancelled` is set, the job is cancelled, unless it is the server that ends. Raises LoadFailed for a
    job that was not done elsewhere, and what a load raises where it is done here.
    """
    if not house.jobs.is_served:
        job = house.jobs.submit(grant, kind, target, priority=priority, released=released)
        with closing(house.jobs.run(grant, job)) as files:
            yield from files
        return
    job, heard = house.jobs.submitted(grant, kind, target, priority=priority, released=released)
    try:
        for event in heard:
            job = event if isinstance(event, Job) else job
            yield event
            if cancelled and cancelled.is_set():
                return
    finally:
        if not house.jobs.is_closing and job.state in (JobState.WAITING, JobState.RUNNING):
            with suppress(JobMoved):
                house.jobs.cancel(grant, job)
    if job.state is not JobState.DONE:
        raise LoadFailed(job.reason or _LEFT[job.state].format(job=job.id))


@operation("job.list")
def list_jobs(house: House, name: str = "", is_whole: bool = False) -> Iterator[Event]:
    """Jobs that have not ended, or all that are kept; of one collection, or of each."""
    jobs = house.jobs.all(granted(house, OPERATOR, name, Right.MANAGE)) if name else house.jobs.everywhere()
    for job in jobs:
        if is_whole or not job.is_ended:
            yield told(house, job)


@operation("job.show")
def show_job(house: House, job: str) -> Iterator[Event]:
    """One job, with the files that are being read or embedded now."""
    _, found = house.jobs.find(job)
    yield told(house, found) | {"at_hand": {doc: stage.value for doc, stage in house.jobs.at_hand(found).items()}}


@operation("job.follow")
def follow_job(house: House, job: str, cancelled: threading.Event | None = None) -> Iterator[Event]:
    """Files as they end, and the job now and then, until it has ended. Who stops following changes nothing."""
    if not house.jobs.is_served:
        raise Refused("no server runs, so no job does; `huisclos serve` goes on with them")
    grant, found = house.jobs.find(job)
    with closing(house.jobs.follow(grant, found)) as heard:
        for event in heard:
            yield file_told(event) if isinstance(event, FileLoaded) else told(house, event)
            if cancelled and cancelled.is_set():
                return


@operation("job.cancel")
def cancel_job(house: House, job: str) -> Iterator[Event]:
    """End a job; what it loaded stays."""
    grant, found = _asked(house, "job.cancel", job)
    yield told(house, house.jobs.cancel(grant, found))


@operation("job.pause")
def pause_job(house: House, job: str) -> Iterator[Event]:
    """Have a job wait until it is resumed."""
    grant, found = _asked(house, "job.pause", job)
    yield told(house, house.jobs.pause(grant, found))


@operation("job.resume")
def resume_job(house: House, job: str) -> Iterator[Event]:
    """Have a paused job take its turn."""
    grant, found = _asked(house, "job.resume", job)
    yield told(house, house.jobs.resume(grant, found))


@operation("job.retry")
def retry_job(house: House, job: str) -> Iterator[Event]:
    """Do an ended job again, reading again what did not come in."""
    grant, found = _asked(house, "job.retry", job)
    yield told(house, house.jobs.retry(grant, found))


@operation("job.prioritise")
def prioritise_job(house: House, job: str, priority: str) -> Iterator[Event]:
    """Say how urgent a job is."""
    wanted = priority_of(priority)
    grant, found = _asked(house, "job.prioritise", job)
    yield told(house, house.jobs.prioritise(grant, found, wanted))


def told(house: House, job: Job) -> Event:
    """A job in the shape other tools rely on: `before` is its place in line, `seconds_left` a guess while it runs."""
    is_running, is_waiting = job.state is JobState.RUNNING, job.state is JobState.WAITING
    left = job.seconds / job.done * (job.total - job.done) if is_running and job.done else None
    return {
        "job": job.id,
        "collection": house.collections.get(job.collection_id).name,
        "kind": job.kind.value,
        "target": job.target,
        "state": job.state.value,
        "priority": job.priority.value,
        "before": house.jobs.before(job) if is_waiting else None,
        "done": job.done,
        "total": job.total,
        "files": dict(job.files),
        "passages": job.passages,
        "seconds": job.seconds,
        "passages_per_minute": round(job.passages / job.seconds * 60, 1) if job.seconds else None,
        "seconds_left": None if left is None else round(left),
        "reason": job.reason or None,
        "created_at": job.created_at.isoformat(timespec="seconds"),
        "ended_at": job.ended_at.isoformat(timespec="seconds") if job.ended_at else None,
    }


def priority_of(name: str) -> Priority:
    """The priority of that name. Raises Refused."""
    try:
        return Priority(name)
    except ValueError as error:
        raise Refused(f"no such priority; expected one of {', '.join(Priority)}") from error


def _detached(
    house: House, grant: Grant, kind: JobKind, target: str, priority: Priority, released: tuple[str, ...]
) -> Event:
    return told(house, house.jobs.submit(grant, kind, target, priority=priority, released=released))


def _asked(house: House, action: str, job_id: str) -> tuple[Grant, Job]:
    grant, found = house.jobs.find(job_id)
    house.audit.record(OPERATOR.user_id, action, f"{grant.collection_id}/{found.id}", "begun")
    return grant, found


def file_told(file: FileLoaded) -> Event:
    """How a file ended."""
    return {field: getattr(file, field) for field in FILE_FIELDS}
