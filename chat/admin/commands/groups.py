"""`huisclos group …`: people who read the same collections."""

from typing import Annotated

import typer

from chat.admin.options import STATE, AsJson, State, examples, group
from chat.admin.output import Event, say, show, show_fields, show_json
from chat.admin.session import run

application = group("Groups of people. What a group may read is `huisclos collection grant NAME --group GROUP`.")

Name = Annotated[str, typer.Argument(metavar="GROUP", help="The group's name.")]
People = Annotated[list[str], typer.Argument(metavar="USER…", help="People, by the names they sign in with.")]


@application.command("add", epilog=examples("huisclos group add legal"))
def add(name: Name, state: State = STATE, as_json: AsJson = False) -> None:
    """Add a group, with nobody in it."""
    for added in run(state, "group.add", name=name):
        _tell(added, as_json, f"group {name} is added; `huisclos group join {name} USER` puts people into it")


@application.command("list", epilog=examples("huisclos group list", "huisclos group list --json"))
def list_(state: State = STATE, as_json: AsJson = False) -> None:
    """List the groups, with how many people and collections each has."""
    show(run(state, "group.list"), as_json, "no group yet; `huisclos group add NAME` adds one")


@application.command("show", epilog=examples("huisclos group show legal"))
def show_one(name: Name, state: State = STATE, as_json: AsJson = False) -> None:
    """Show one group: who is in it, and what it may read."""
    for found in run(state, "group.show", name=name):
        if as_json:
            show_json(found)
            continue
        show_fields({key: value for key, value in found.items() if key != "grants"})
        show(found["grants"], as_json=False, when_empty="nothing to read yet; `huisclos collection grant NAME --group`")


@application.command("remove", epilog=examples("huisclos group remove legal"))
def remove(name: Name, state: State = STATE, as_json: AsJson = False) -> None:
    """Remove a group. What people could read through it alone, is felt as gone at their next question."""
    for removed in run(state, "group.remove", name=name):
        _tell(removed, as_json, f"group {name} is gone, with what it could read")


@application.command("join", epilog=examples("huisclos group join legal camille dominique"))
def join(name: Name, people: People, state: State = STATE, as_json: AsJson = False) -> None:
    """Put people into a group: they may read what it may read."""
    for joined in run(state, "group.join", name=name, users=people):
        _tell(joined, as_json, f"{', '.join(people)}: in group {name}")


@application.command("leave", epilog=examples("huisclos group leave legal camille"))
def leave(name: Name, people: People, state: State = STATE, as_json: AsJson = False) -> None:
    """Take people out of a group; felt at their next question. What they are granted themselves, they keep."""
    for left in run(state, "group.leave", name=name, users=people):
        _tell(left, as_json, f"{', '.join(people)}: not in group {name} any more")


def _tell(event: Event, as_json: bool, sentence: str) -> None:
    if as_json:
        show_json(event)
    else:
        say(sentence)
