"""A job while it runs."""

import threading
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum

from rag.loading import FileLoaded
from rag.reconciling import FileState
from rag.store.jobs import Job, JobState


class Wish(StrEnum):
    """What a running job is asked to do instead of going on."""

    CANCEL = "cancel"
    PAUSE = "pause"
    STOP = "stop"
    GIVE_WAY = "give way"


AFTER = {
    Wish.CANCEL: JobState.CANCELLED,
    Wish.PAUSE: JobState.PAUSED,
    Wish.STOP: JobState.WAITING,
    Wish.GIVE_WAY: JobState.WAITING,
}
"""The state of a job that did as it was asked."""


@dataclass
class Run:
    """A job while it runs: how far it is, and what it is asked to do."""

    job: Job
    began: float
    written: float
    stopped: threading.Event = field(default_factory=threading.Event)
    wish: Wish | None = None

    def ask(self, wish: Wish) -> None:
        """Have it end: between two files to give way, within a file otherwise."""
        self.wish = wish
        if wish is not Wish.GIVE_WAY:
            self.stopped.set()

    def count(self, file: FileLoaded) -> None:
        """One more file ended."""
        files = {**self.job.files, file.state.value: self.job.files.get(file.state.value, 0) + 1}
        passages = self.job.passages + (file.passages if file.state is FileState.INDEXED else 0)
        self.job = replace(self.job, done=file.done, total=file.total, passages=passages, files=files)

    def present(self, written: Job) -> Job:
        """The job as it stands now; how urgent it is, is what was written down."""
        seconds = round(self.job.seconds + time.monotonic() - self.began, 1)
        return replace(self.job, seconds=seconds, priority=written.priority, released=written.released)


def started(job: Job) -> Job:
    """A job at the beginning of a run: what is unchanged is counted again."""
    return replace(job, state=JobState.RUNNING, done=0, total=0, files={})
