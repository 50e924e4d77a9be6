"""What becomes of a job that somebody moves."""

from dataclasses import replace

from chat.errors import JobMoved
from rag.store.jobs import Job, JobState


def unended(job: Job) -> Job:
    """A job that has not ended. Raises JobMoved."""
    if job.is_ended:
        raise JobMoved(f"the job has ended already ({job.state.value}); `huisclos job retry {job.id}` does it again")
    return job


def resumed(job: Job) -> Job:
    """A paused job, waiting for its turn. Raises JobMoved."""
    if job.state is not JobState.PAUSED:
        raise JobMoved(f"the job is {job.state.value}, not paused; `huisclos job show {job.id}` tells more")
    return replace(job, state=JobState.WAITING)


def retried(job: Job) -> Job:
    """An ended job, to be done again. Raises JobMoved."""
    if not job.is_ended:
        raise JobMoved("the job has not ended; cancel it first, or let it go on")
    return job.again()
