"""`huisclos worker …`: other machines that read files for a house whose data lie in PostgreSQL."""

import re
from pathlib import Path
from typing import Annotated

import typer

from chat.admin.options import STATE, AsJson, State, examples, group
from chat.admin.outcomes import InputWrong
from chat.admin.output import note, say, show, show_json
from chat.admin.session import guarded_settings, run, stopped_cleanly

application = group("Workers: other machines that read files for a house whose data lie in PostgreSQL.")

PLACES_MAX = 16
_NAME = re.compile(r"[A-Za-z0-9._-]{1,60}")
KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file of the workers' key.")]


@application.command(
    "key",
    epilog=examples(
        "huisclos worker key workers.key --role huisclos_worker", "huisclos worker key workers.key --renew"
    ),
)
def key(
    file: KeyFile,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="Let this role of the server work there.")] = "",
    is_renewed: Annotated[
        bool, typer.Option("--renew", help="Another key: no worker with an earlier one works.")
    ] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Make the database ready for workers, and write the key with which they open the files that they read."""
    for made in run(state, "worker.key", path=str(file.absolute()), role=role, is_renewed=is_renewed):
        if as_json:
            show_json(made)
        else:
            say(f"{file} holds the workers' key; copy it to each worker, mode 0600, by a safe way")


@application.command("list", epilog=examples("huisclos worker list", "huisclos worker list --json"))
def list_(state: State = STATE, as_json: AsJson = False) -> None:
    """List the workers that live, and whether they get files: they read with what the server reads with."""
    show(run(state, "worker.list"), as_json, "no worker; `huisclos worker run` on another machine starts one")


@application.command(
    "run", epilog=examples("huisclos worker run workers.key", "huisclos worker run workers.key --places 4")
)
def run_(
    file: KeyFile,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Its name in the list; this machine's if not given.")
    ] = "",
    places: Annotated[int, typer.Option("--places", min=2, max=PLACES_MAX, help="Files at once.")] = 2,
    state: State = STATE,
) -> None:
    """Read files for a house until stopped with Ctrl-C or the TERM signal. Needs no state folder, but its settings."""
    from chat.logs import configure_logs
    from chat.workers.running import own_name, run_worker

    settings = guarded_settings(state)
    configure_logs()
    called = name or own_name()
    if not _NAME.fullmatch(called):
        raise InputWrong(f"{called} is no name for a worker; expected letters, digits, dots and dashes, at most 60")
    with stopped_cleanly("files at hand go to other workers, or are read by the server"):
        run_worker(state, settings, file, called, places, note)
