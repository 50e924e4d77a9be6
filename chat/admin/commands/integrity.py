"""`huisclos verify`, `huisclos repair`: whether everything is what was written, and what to do where it is not."""

from typing import Annotated

import typer

from chat.admin.options import STATE, AsJson, State, examples
from chat.admin.outcomes import ExitCode, InputWrong
from chat.admin.output import Event, note, say, show, show_json
from chat.admin.progress import Count
from chat.admin.session import run, stopped_cleanly

REASONS_SHOWN = 20


def add_to(application: typer.Typer) -> None:
    """Put the commands on the command line."""
    application.command("verify", epilog=VERIFY_EXAMPLES)(verify)
    application.command("repair", epilog=REPAIR_EXAMPLES)(repair)


VERIFY_EXAMPLES = examples("huisclos verify", "huisclos verify contracts", "huisclos verify --quick --json")
REPAIR_EXAMPLES = examples(
    "huisclos repair contracts",
    "huisclos repair --older",
    "huisclos repair --directory",
    "huisclos repair --conversations camille",
)


def verify(
    name: Annotated[str, typer.Argument(help="One collection; all, and the rest of the house, without it.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Compare rows, without opening every value.")] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Check that nothing was changed, moved, put back or taken out on the disk. Exit 1 when something was."""
    with stopped_cleanly("nothing was changed"):
        is_fine = _shown("verify", state, as_json, name=name, is_quick=quick)
    if not is_fine:
        raise typer.Exit(ExitCode.FAILED)


def repair(
    name: Annotated[str, typer.Argument(help="The collection to repair.")] = "",
    older: Annotated[bool, typer.Option("--older", help="Take over an older database that was put back.")] = False,
    directory: Annotated[bool, typer.Option("--directory", help="Take over users and grants as they stand.")] = False,
    conversations: Annotated[
        str, typer.Option(metavar="USER", help="Take over a person's conversations as they stand.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Go on with what is there, where there is no backup to restore.

    NAME removes what is damaged in a collection: load its folder again afterwards. --older takes over a database that
    is older than what was written down: documents, people and rights removed since then may be there again. --directory
    takes over users and grants and lists them: look at each. --conversations takes over a person's conversations as
    they stand.
    """
    if [bool(name), older, directory, bool(conversations)].count(True) != 1:
        raise InputWrong("name a collection, or give --older, --directory or --conversations: one of them")
    if not yes:
        typer.confirm("Restoring a backup loses less. Go on with what is there?", abort=True, err=True)
    with stopped_cleanly("run the same command again"):
        if directory:
            show(run(state, "repair.directory"), as_json, "neither users nor grants")
            note("look at every line: revoke and disable what should not be there")
        elif older:
            _shown("repair.older", state, as_json)
        elif conversations:
            _shown("repair.conversations", state, as_json, name=conversations)
        else:
            _shown("repair.collection", state, as_json, name=name)


def _shown(operation: str, state: State, as_json: bool, /, **arguments: object) -> bool:
    """Show how far it is, then what was found (as JSON, as it comes); gives whether all is fine."""
    is_fine, sentences = True, []
    with Count("opening", None, is_shown=not as_json) as count:
        for event in run(state, operation, **arguments):
            if "done" in event:
                count.update(event["done"], event["total"], f"opening {event['collection']}")
                continue
            is_fine = is_fine and event.get("is_fine", True)
            if as_json:
                show_json(event)
            else:
                sentences.append(_sentence(event))
    for sentence in sentences:
        say(sentence)
    return is_fine


def _sentence(event: Event) -> str:
    if "repaired" in event:
        return f"{event['repaired']} is open again; {event['removed']} documents went: load its folder again"
    if event["is_fine"]:
        return f"fine      {event['subject']}"
    reasons = event["reasons"]
    more = f"\n          and {len(reasons) - REASONS_SHOWN} more" if len(reasons) > REASONS_SHOWN else ""
    return f"NOT FINE  {event['subject']}: " + "\n          ".join(reasons[:REASONS_SHOWN]) + more
