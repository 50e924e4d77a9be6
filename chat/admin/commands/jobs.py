"""`huisclos job …`: loads and syncs that are waiting, running, held or ended."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chat.admin.commands.loading import follow, in_line
from chat.admin.options import STATE, AsJson, State, examples, group
from chat.admin.outcomes import ExitCode
from chat.admin.output import Event, say, show, show_fields, show_json
from chat.admin.session import run, stopped_cleanly

application = group("Jobs: loads and syncs, in their turn while the house is served.")

Job = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, as the list shows it.")]
SEEN = ("job", "collection", "kind", "target", "state", "priority", "done", "total", "passages", "reason")
"""What people see of a job in a list."""


class Urgency(StrEnum):
    """Whose turn comes first."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@application.command("list", epilog=examples("huisclos job list", "huisclos job list contracts --all"))
def list_(
    name: Annotated[str, typer.Argument(metavar="[COLLECTION]", help="Of one collection; of all if not given.")] = "",
    is_whole: Annotated[bool, typer.Option("--all", help="Those that ended too: the last fifty a collection.")] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """List the jobs that have not ended: what waits, runs or is paused."""
    rows = run(state, "job.list", name=name, is_whole=is_whole)
    if not as_json:
        rows = ({field: row[field] for field in SEEN} for row in rows)
    show(rows, as_json, "no job; `huisclos collection load` and `huisclos source sync` make one")


@application.command("show", epilog=examples("huisclos job show 1f2e3d4c"))
def show_one(job: Job, state: State = STATE, as_json: AsJson = False) -> None:
    """Show one job: how far it is, how fast, how long it may still take, and the files at hand."""
    for found in run(state, "job.show", job=job):
        if as_json:
            show_json(found)
        else:
            show_fields({key: value for key, value in found.items() if value not in (None, {})})


@application.command("follow", epilog=examples("huisclos job follow 1f2e3d4c"))
def follow_one(job: Job, state: State = STATE, as_json: AsJson = False) -> None:
    """Follow a job of the running server to its end, file by file. Ctrl-C ends the following, not the job."""
    with stopped_cleanly("the job goes on; `huisclos job cancel` ends it"):
        followed = follow(run(state, "job.follow", job=job), as_json)
    if followed.job.get("state") == "failed":
        say(f"job {job} failed: {followed.job['reason']}")
        raise typer.Exit(ExitCode.FAILED)


@application.command("pause", epilog=examples("huisclos job pause 1f2e3d4c"))
def pause(job: Job, state: State = STATE, as_json: AsJson = False) -> None:
    """Have a job wait until it is resumed; what it loaded can be searched meanwhile."""
    _ask(state, "job.pause", job, as_json)


@application.command("resume", epilog=examples("huisclos job resume 1f2e3d4c"))
def resume(job: Job, state: State = STATE, as_json: AsJson = False) -> None:
    """Have a paused job go on when its turn comes."""
    _ask(state, "job.resume", job, as_json)


@application.command("cancel", epilog=examples("huisclos job cancel 1f2e3d4c"))
def cancel(job: Job, state: State = STATE, as_json: AsJson = False) -> None:
    """End a job. What it loaded stays."""
    _ask(state, "job.cancel", job, as_json)


@application.command("retry", epilog=examples("huisclos job retry 1f2e3d4c"))
def retry(job: Job, state: State = STATE, as_json: AsJson = False) -> None:
    """Do an ended job again; files that did not come in are read again, even unchanged ones."""
    _ask(state, "job.retry", job, as_json)


@application.command("prioritise", epilog=examples("huisclos job prioritise 1f2e3d4c high"))
def prioritise(job: Job, urgency: Urgency, state: State = STATE, as_json: AsJson = False) -> None:
    """Say how urgent a job is. One that runs gives way to a more urgent one at its next file."""
    for changed in run(state, "job.prioritise", job=job, priority=urgency.value):
        _tell(changed, as_json)


def _ask(state: Path, operation: str, job: str, as_json: bool) -> None:
    for changed in run(state, operation, job=job):
        _tell(changed, as_json)


def _tell(job: Event, as_json: bool) -> None:
    if as_json:
        show_json(job)
    else:
        say(in_line(job))
