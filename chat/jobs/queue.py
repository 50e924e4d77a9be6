"""Loads and syncs as jobs: each in its turn while the house is served, or at once for a command that opened the house.

A job is written down before anything is done for it. It is stopped between two files, or within one where an operator
says so, and goes on later without repeating what is sealed. More urgent jobs go first: one that is under way gives way
to them, in its collection or where all workers are busy, once it ran for a while.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from chat.background import running
from chat.database import empty_log
from chat.jobs.changes import resumed, retried, unended
from chat.jobs.followers import Followers
from chat.jobs.run import AFTER, Run, Wish
from chat.jobs.runner import Runner
from chat.logs import record, record_failure
from chat.syncing import Syncing
from rag.errors import JobUnknown, LoadRunning, RagError
from rag.loading import FileLoaded, Loader
from rag.preparing import Stage
from rag.reading import give_way
from rag.sources.record import SourceRecord
from rag.store.collections import CollectionStore
from rag.store.documents import DocumentStore
from rag.store.jobs import Job, JobBook, JobChange, JobId, JobKind, JobState, Priority, new_job_id
from security.access import AccessPolicy, Grant, Right
from security.audit import AuditLog
from security.clock import Clock, utc_now
from security.errors import SecurityError
from security.identity import OPERATOR, CollectionId

LOOK_SECONDS = 10.0
"""Between two looks at which sources are due."""

RUN_SECONDS_MIN = 10.0
"""A job runs so long before it gives way: one that always gives way comes nowhere."""

_TURN_SECONDS = 0.5
_ORDER = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}


@dataclass
class Jobs:
    """Every job of a house. `documents` and `loader` are opened at their first use."""

    engine: Engine
    audit: AuditLog
    policy: AccessPolicy
    collections: CollectionStore
    syncing: Syncing
    documents: Callable[[], DocumentStore]
    loader: Callable[[], Loader]
    workers: int
    clock: Clock = utc_now
    is_served: bool = False
    is_closing: bool = False
    _runs: dict[JobId, Run] = field(default_factory=dict)
    _followers: Followers = field(default_factory=Followers)
    _change: threading.Condition = field(default_factory=threading.Condition)

    def submit(
        self,
        grant: Grant,
        kind: JobKind,
        target: str,
        *,
        priority: Priority = Priority.NORMAL,
        released: tuple[str, ...] = (),
    ) -> Job:
        """Write down what is to be loaded. A job for the same that has not ended is taken instead, made as urgent."""
        with self._change:
            same = next((job for job in self._open(grant) if (job.kind, job.target) == (kind, target)), None)
            if same is None:
                job = Job(new_job_id(), grant.collection_id, kind, target, self.clock(), priority, released)
                self._book.add(grant, job)
            else:
                urgent = min(same.priority, priority, key=_ORDER.__getitem__)
                both = (*same.released, *(doc for doc in released if doc not in same.released))
                job = self._book.change(grant, same.id, lambda job: replace(job, priority=urgent, released=both))
            self._change.notify_all()
        return job

    def submitted(
        self,
        grant: Grant,
        kind: JobKind,
        target: str,
        *,
        priority: Priority = Priority.NORMAL,
        released: tuple[str, ...] = (),
    ) -> tuple[Job, Generator[FileLoaded | Job, None, None]]:
        """Submit a job and follow it from its first file on: see `follow`."""
        with self._change:
            job = self.submit(grant, kind, target, priority=priority, released=released)
            return job, self.follow(grant, job)

    def all(self, grant: Grant) -> tuple[Job, ...]:
        """The collection's jobs as they stand now, oldest first."""
        return tuple(map(self._present, self._book.all(grant)))

    def everywhere(self) -> Iterator[Job]:
        """The jobs of every collection that can be read."""
        for grant in self.managed():
            with suppress(RagError, SecurityError):
                yield from self.all(grant)

    def states(self) -> dict[str, int]:
        """How many jobs wait, run and are paused, of every collection that can be read."""
        states = [self._present(job).state for _, job in self._unended()]
        return {state.value: states.count(state) for state in (JobState.WAITING, JobState.RUNNING, JobState.PAUSED)}

    def find(self, job_id: str) -> tuple[Grant, Job]:
        """A job by its id, whatever its collection, with the grant to manage that. Raises JobUnknown."""
        for grant in self.managed():
            with suppress(RagError, SecurityError):  # that collection is damaged, and said so elsewhere
                return grant, self._present(self._book.find(grant, job_id))
        raise JobUnknown("there is no such job; see `huisclos job list`")

    def managed(self) -> Iterator[Grant]:
        """The right to manage every collection that is not closed."""
        for collection in self.collections.list():
            if not self.documents().integrity.is_closed(collection.id):
                with suppress(SecurityError):
                    yield self.policy.grant(OPERATOR, collection.id, Right.MANAGE)

    def before(self, job: Job) -> int:
        """How many jobs come before a waiting one, those that run among them."""
        ahead = [self._present(each) for _, each in self._unended()]
        return sum(each.state is JobState.RUNNING or _turn(each) < _turn(job) for each in ahead if each.id != job.id)

    def at_hand(self, job: Job) -> dict[str, Stage]:
        """The files that a job is reading or embedding now, by path."""
        return self.loader().at_hand(job.collection_id) if job.id in self._runs else {}

    def cancel(self, grant: Grant, job: Job) -> Job:
        """End a job; what it loaded stays. Raises JobMoved for one that ended."""
        return self._move(grant, job, Wish.CANCEL, lambda each: each.ended(JobState.CANCELLED, self.clock()))

    def pause(self, grant: Grant, job: Job) -> Job:
        """Have a job wait until it is resumed. Raises JobMoved for one that ended."""
        return self._move(grant, job, Wish.PAUSE, lambda each: replace(each, state=JobState.PAUSED))

    def resume(self, grant: Grant, job: Job) -> Job:
        """Have a paused job take its turn. Raises JobMoved for one that is not paused."""
        return self._write(grant, job, resumed)

    def retry(self, grant: Grant, job: Job) -> Job:
        """Do an ended job again, and read again what did not come in. Raises JobMoved for one that has not ended."""
        return self._write(grant, job, retried)

    def prioritise(self, grant: Grant, job: Job, priority: Priority) -> Job:
        """Say how urgent a job is. Raises JobMoved for one that ended."""
        return self._write(grant, job, lambda each: replace(unended(each), priority=priority))

    def run(self, grant: Grant, job: Job) -> Generator[FileLoaded, None, None]:
        """Do a job now, giving each file as it ends, and write down how the job ended. Closed, it is cancelled.

        Raises LoadRunning where another one of its collection runs, and what a load raises.
        """
        with self._change:
            if self._blocking(job.collection_id):
                raise LoadRunning("a load into this collection is running; wait for its end")
            run = self._claim(job)
        yield from self._steps(grant, run)

    def follow(self, grant: Grant, job: Job) -> Generator[FileLoaded | Job, None, None]:
        """What becomes of a job that is done elsewhere: files as they end, and the job now and then; last, its end."""

        def look() -> tuple[Job, bool]:
            present = self._present(self._book.find(grant, job.id))
            return present, present.is_ended or present.state is JobState.PAUSED or self.is_closing

        return self._followers.follow(job.id, look)

    @contextmanager
    def served(self) -> Iterator[None]:
        """During the block jobs are done in their turn, by threads of low priority, and sources synced when due."""
        with ExitStack() as threads:
            for number in range(self.workers):
                threads.enter_context(running(f"jobs-{number}", self._work))
            threads.enter_context(running("sources", self._watch))
            threads.callback(self.stop)
            self.is_served = True
            yield
        self.is_served = False

    def stop(self) -> None:
        """Have every job end where it is, and who follows one hear so; it goes on with the next start."""
        with self._change:
            self.is_closing = True
            for run in self._runs.values():
                run.ask(Wish.STOP)
            self._change.notify_all()

    def _work(self, stopped: threading.Event) -> None:
        give_way()
        while not stopped.is_set():
            try:
                turn = self._next()
                if turn:
                    self._do(*turn)
            except Exception as error:  # noqa: BLE001 - the edge of the thread: the next turn comes
                record_failure("jobs_not_looked_at", error)
                stopped.wait(LOOK_SECONDS)

    def _watch(self, stopped: threading.Event) -> None:
        give_way()
        while not stopped.wait(LOOK_SECONDS):
            for grant, source in self.syncing.due():
                try:
                    self._submit_due(grant, source)
                except Exception as error:  # noqa: BLE001 - the edge of one source: the next has its turn
                    record_failure("source_not_submitted", error, collection_id=grant.collection_id)

    def _submit_due(self, grant: Grant, source: SourceRecord) -> None:
        """Submit what was due a moment ago, unless a job for it has not ended, or has ended since."""
        with self._change:
            waits = any((job.kind, job.target) == (JobKind.SYNC, source.id) for job in self._open(grant))
            if not waits and self.syncing.find(grant, source.id).is_due(self.clock()):
                self.submit(grant, JobKind.SYNC, source.id)

    def _do(self, grant: Grant, run: Run) -> None:
        about = {"job_id": run.job.id, "collection_id": run.job.collection_id}
        try:
            for _ in self._steps(grant, run):
                pass
        except Exception as error:  # noqa: BLE001 - the edge of one job: the next has its turn
            record_failure("job_failed", error, **about)
        else:
            record("job_left", state=run.job.state.value, files=run.job.done, **about)

    def _next(self) -> tuple[Grant, Run] | None:
        """The most urgent job that can run, claimed. Waits a moment where there is none."""
        with self._change:
            waiting = [] if self.is_closing else self._waiting()
            for grant, job in waiting:
                blocking = self._blocking(job.collection_id)
                if blocking is None and len(self._runs) < self.workers:
                    return grant, self._claim(job)
                self._have_way_given(job, blocking)
            self._change.wait(_TURN_SECONDS if waiting or self.is_closing else LOOK_SECONDS)
        return None

    def _waiting(self) -> list[tuple[Grant, Job]]:
        """Jobs whose turn has not come, the most urgent first; those that a killed process left running wait too."""
        return sorted(
            (each for each in self._unended() if each[1].state is not JobState.PAUSED and each[1].id not in self._runs),
            key=lambda each: _turn(each[1]),
        )

    def _have_way_given(self, job: Job, blocking: Run | None) -> None:
        """Have a less urgent run make room, once it ran for a while: that of the collection, or any."""
        for run in [blocking] if blocking else self._runs.values():
            is_less = _ORDER[run.job.priority] > _ORDER[job.priority]
            if is_less and run.wish is None and time.monotonic() - run.began > RUN_SECONDS_MIN:
                run.ask(Wish.GIVE_WAY)
                return

    def _blocking(self, collection_id: CollectionId) -> Run | None:
        return next((run for run in self._runs.values() if run.job.collection_id == collection_id), None)

    def _claim(self, job: Job) -> Run:
        now = time.monotonic()
        run = self._runs[job.id] = Run(job, now, now)
        return run

    def _steps(self, grant: Grant, run: Run) -> Generator[FileLoaded, None, None]:
        """Do a claimed job, and tell who follows it; whatever happens, it is written down and no longer claimed."""
        runner = Runner(self.audit, self.syncing, self.documents, self.loader, self.clock)
        try:
            with closing(runner.do(grant, run)) as files:
                for file in files:
                    self._followers.tell(run.job.id, file)
                    yield file
        finally:
            runner.leave(grant, run)
            self._make_room(run)

    def _make_room(self, run: Run) -> None:
        """Let the next have its turn."""
        with self._change:
            self._runs.pop(run.job.id, None)
            self._change.notify_all()
        with suppress(OperationalError):  # without room it is left to the next load, and what went wrong is told
            empty_log(self.engine)

    def _move(self, grant: Grant, job: Job, wish: Wish, change: JobChange) -> Job:
        """Ask the run of a job to end, or change one that does not run."""
        with self._change:
            run = self._runs.get(job.id)
            if run:
                run.ask(wish)
                return replace(run.present(job), state=AFTER[wish])
            return self._write(grant, job, lambda each: change(unended(each)))

    def _write(self, grant: Grant, job: Job, change: JobChange) -> Job:
        with self._change:
            changed = self._book.change(grant, job.id, change)
            self._change.notify_all()
        return changed

    def _present(self, job: Job) -> Job:
        """What is known of a job; one that is written down as running and is not was left by a killed process."""
        run = self._runs.get(job.id)
        if run:
            return run.present(job)
        return replace(job, state=JobState.WAITING) if job.state is JobState.RUNNING else job

    def _unended(self) -> Iterator[tuple[Grant, Job]]:
        """Every job that has not ended, of every collection that can be read: a damaged one holds up no other."""
        for grant in self.managed():
            with suppress(RagError, SecurityError):
                yield from ((grant, job) for job in self._open(grant))

    def _open(self, grant: Grant) -> list[Job]:
        return [job for job in self._book.all(grant) if not job.is_ended]

    @property
    def _book(self) -> JobBook:
        return self.documents().jobs


def _turn(job: Job) -> tuple[int, float]:
    return _ORDER[job.priority], job.created_at.timestamp()
