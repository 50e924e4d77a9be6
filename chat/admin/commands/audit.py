"""`huisclos audit …`: the record."""

import typer

from chat.admin.options import STATE, AsJson, State, examples, group
from chat.admin.outcomes import ExitCode
from chat.admin.output import say, show_json
from chat.admin.session import run

application = group("The record of what was done: who, what, when; ids and never a text.")


@application.command("verify", epilog=examples("huisclos audit verify", "huisclos audit verify --json"))
def verify(state: State = STATE, as_json: AsJson = False) -> None:
    """Check that no entry of the record was changed, moved or taken out. Exit 1 when one was."""
    for report in run(state, "audit.verify"):
        is_whole = report["broken_at"] is None
        if as_json:
            show_json(report)
        elif is_whole:
            say(f"the record is whole: {report['entries']} entries")
        else:
            say(f"the record is broken at entry {report['broken_at']}; copy the state folder, and ask who had it")
        if not is_whole:
            raise typer.Exit(ExitCode.FAILED)
