"""What doing a job is: its files in turn, how far it is and how it ended written down, the record told."""

import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from chat.jobs.run import AFTER, Run, Wish, started
from chat.syncing import Syncing, sentence
from rag.errors import RagError
from rag.loading import FileLoaded, Loader
from rag.store.documents import DocumentStore
from rag.store.jobs import JobKind, JobState
from security.access import Grant
from security.audit import AuditLog
from security.clock import Clock
from security.errors import AuditBroken, SecurityError
from security.identity import OPERATOR

LOAD, RELEASE = "collection.load", "collection.release"
"""The actions under which the record tells of a load."""

WRITE_SECONDS = 2.0
"""Between two times that a job's progress is written down."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Does a job whose turn has come. `documents` and `loader` are opened at their first use."""

    audit: AuditLog
    syncing: Syncing
    documents: Callable[[], DocumentStore]
    loader: Callable[[], Loader]
    clock: Clock

    def do(self, grant: Grant, run: Run) -> Generator[FileLoaded, None, None]:
        """Do it until its end, or until it is asked to end, giving each file as it ends. `leave` is called after it.

        Raises what a load raises, unless the job was stopped: then it is what the stop has set off.
        """
        try:
            run.job = self.documents().jobs.change(grant, run.job.id, started)
            yield from self._counted(grant, run)
            if run.wish is None:
                run.job = run.job.ended(JobState.DONE, self.clock())
        except Exception as error:
            if not run.stopped.is_set():
                run.job = run.job.ended(JobState.FAILED, self.clock(), sentence(error))
                raise

    def leave(self, grant: Grant, run: Run) -> None:
        """Write down what became of a run, as far as the collection is still there."""
        job = run.job
        if not job.is_ended:
            state = AFTER[run.wish or Wish.CANCEL]
            run.job = job.ended(state, self.clock()) if state is JobState.CANCELLED else replace(job, state=state)
        with suppress(RagError, SecurityError):
            run.job = self.documents().jobs.change(grant, job.id, run.present)
            if run.job.state is JobState.CANCELLED and job.kind is JobKind.SYNC:
                self.syncing.keep(grant, job.target, "cancelled", job.files)

    def _counted(self, grant: Grant, run: Run) -> Generator[FileLoaded, None, None]:
        with closing(self._files(grant, run)) as files:
            for file in files:
                run.count(file)
                yield file
                if time.monotonic() - run.written > WRITE_SECONDS:
                    run.written = time.monotonic()
                    self.documents().jobs.change(grant, run.job.id, run.present)
                if run.wish:
                    return

    def _files(self, grant: Grant, run: Run) -> Generator[FileLoaded, None, None]:
        job = run.job
        if job.released:
            self.audit.record(OPERATOR.user_id, RELEASE, job.collection_id, "begun")
        if job.kind is JobKind.SYNC:
            source = self.syncing.find(grant, job.target)
            return self.syncing.run(grant, source, run.stopped, job.released, is_rereading=job.is_rereading)
        return self._load(grant, run)

    def _load(self, grant: Grant, run: Run) -> Generator[FileLoaded, None, None]:
        job = run.job
        self.audit.record(OPERATOR.user_id, LOAD, job.collection_id, "begun")
        try:
            path, rereading = Path(job.target), job.is_rereading
            yield from self.loader().load(grant, path, job.released, is_rereading=rereading, stopped=run.stopped)
        except BaseException:
            with suppress(AuditBroken):  # a full disk is told as what it is; an end that is missing reads as of a crash
                self.audit.record(OPERATOR.user_id, LOAD, job.collection_id, "stopped")
            raise
        self.audit.record(OPERATOR.user_id, LOAD, job.collection_id, "done")
