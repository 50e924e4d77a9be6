"""What people see of a load while it lasts: its turn, a bar, a line for each file that did not come in."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn

from chat.admin.output import Event, show_json
from chat.admin.progress import Count

Release = Annotated[
    list[str] | None,
    typer.Option(metavar="DOC", help="A quarantined file that you looked at, as the load names it; more than once."),
]


@dataclass
class Followed:
    """How a load went: files by how they ended, and the job as it was told last, where there was one."""

    counts: dict[str, int] = field(default_factory=dict)
    job: Event = field(default_factory=dict)


def follow(events: Iterable[Event], as_json: bool, what: str = "loading") -> Followed:
    """Show a load to its end."""
    followed = Followed()
    with Count(what, None, MofNCompleteColumn(), is_shown=not as_json) as count:
        for event in events:
            show_step(event, followed, count, as_json)
    return followed


def show_step(event: Event, followed: Followed, count: Count, as_json: bool) -> None:
    """Show one event of a load: a file that ended, or where its job is."""
    if "job" in event:
        if event["state"] == "waiting" and followed.job.get("before") != event["before"] and not as_json:
            count.say(in_line(event))
        followed.job = event
        return
    count.update(event.pop("done"), event.pop("total"))
    followed.counts[event["state"]] = followed.counts.get(event["state"], 0) + 1
    if as_json:
        show_json(event)
    elif event["reason"]:
        count.say(f"{event['doc']}: {event['state']}: {event['reason']}")


def summary(counts: dict[str, int]) -> str:
    """How a load ended, in one line."""
    ends = ", ".join(f"{number} {end}" for end, number in counts.items())
    return f"{sum(counts.values())} files: {ends}" if counts else "no files there"


def in_line(job: Event) -> str:
    """Where a job is, in one sentence."""
    told = f"job {job['job']} is {job['state']}"
    if job["state"] == "waiting":
        told += f"; {job['before']} before it" if job["before"] else "; its turn is next, while a server runs"
    return told
