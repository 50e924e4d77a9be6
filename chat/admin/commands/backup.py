"""`huisclos backup`, `verify-backup`, `restore`: the data in one sealed file, and back. The keyring goes apart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from chat.admin.gateway import SOCKET, Event, closing_at_end, is_alive
from chat.admin.options import STATE, AsJson, State, examples
from chat.admin.outcomes import ExitCode, InputWrong
from chat.admin.output import note, say, show_json
from chat.admin.progress import Count, Waiting
from chat.admin.secret import secret_for
from chat.admin.session import check_state, guarded_settings, run, stopped_cleanly
from chat.errors import StateMissing

BACKUP_EXAMPLES = examples(
    "huisclos backup /mnt/backup/huisclos-2026-11-25",
    "huisclos backup --replace /mnt/backup/huisclos-latest",
)
VERIFY_EXAMPLES = examples("huisclos verify-backup /mnt/backup/huisclos-2026-11-25")
RESTORE_EXAMPLES = examples(
    "huisclos keys restore --state /srv/new /media/usb/keyring-2026-11.json",
    "huisclos restore --state /srv/new /mnt/backup/huisclos-2026-11-25",
)
DOING = {"writing": "backing up", "reading": "reading the backup (MB)", "checking": "opening documents"}
COUNTED = ("collections", "documents", "passages", "people", "conversations")


def add_to(application: typer.Typer) -> None:
    """Put the commands on the command line."""
    application.command("backup", epilog=BACKUP_EXAMPLES)(backup)
    application.command("verify-backup", epilog=VERIFY_EXAMPLES)(verify_backup)
    application.command("restore", epilog=RESTORE_EXAMPLES)(restore)


def backup(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Where the backup goes; on another disk than the data.")],
    replace: Annotated[bool, typer.Option("--replace", help="In place of a file that is there.")] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Write all data into one sealed file, while people ask and load.

    It opens with the keyring alone, which is not in it: `huisclos keys backup` copies that, to be kept apart.
    """
    _check_out(out, state, replace)
    with stopped_cleanly("there is no new backup: run the same command again"):
        made = _followed(run(state, "backup", file=str(out.resolve())), as_json)
    if not as_json:
        say(f"backup {made['id']} lies in {out}: {_holds(made)}")
        _tell_missing(made)


def verify_backup(
    file: Annotated[Path, typer.Argument(help="The backup.")], state: State = STATE, as_json: AsJson = False
) -> None:
    """Read a backup from its head to its end: that it is whole, ours, and opens with this keyring."""
    with stopped_cleanly("run the same command again"):
        found = _followed(_verified(state, file.resolve()), as_json)
    if not as_json:
        say(f"backup {found['id']} of {found['at']} is whole: {_holds(found)}")
        _tell_missing(found)


def restore(
    file: Annotated[Path, typer.Argument(help="The backup.")], state: State = STATE, as_json: AsJson = False
) -> None:
    """Bring everything back from a backup, into a folder that holds the keyring alone (`huisclos keys restore`).

    All of it or nothing; everything is opened once before it is said to be done. What the keyring does not open is
    left out and named. Nobody is signed in afterwards; rights and passwords are those of the day of the backup.
    """
    _check_keyring(state)
    with stopped_cleanly("nothing was restored: run the same command again"):
        ended = _followed(_restored(state, file.resolve()), as_json)
    if not as_json:
        _tell_restored(ended, state)
    if ended["damaged"]:
        raise typer.Exit(ExitCode.FAILED)


def _check_out(out: Path, state: Path, replace: bool) -> None:
    if out.exists() and not replace:
        raise InputWrong(f"{out} is there already; name a new file, or pass --replace")
    if not out.parent.is_dir() or out.is_dir():
        raise InputWrong(f"{out} cannot be a file there; name a file in a folder that exists")
    if out.resolve().is_relative_to(state.resolve()):
        raise InputWrong(f"{out} lies in the state folder; name a place on another disk")


def _check_keyring(state: Path) -> None:
    from security.keystore import keyring_path

    if not keyring_path(state).exists():
        raise StateMissing(f"{state} has no keyring; first run `huisclos keys restore COPY --state {state}`")


def _followed(events: Iterator[Event], as_json: bool) -> Event:
    """Show how far it is; gives the last event."""
    event: Event = {}
    with Count("working", None, is_shown=not as_json) as count, closing_at_end(events):
        for event in events:
            if as_json:
                show_json(event)
            elif "doing" in event:
                count.update(event["done"], event["total"], DOING[event["doing"]])
    return event


def _verified(state: Path, file: Path) -> Iterator[Event]:
    """Through the running server, or with the keyring alone: data need not be there."""
    settings = guarded_settings(state)
    check_state(state)
    if is_alive(settings.memory_for(state) / SOCKET):
        yield from run(state, "backup.verify", file=str(file))
        return
    from chat.admin.backup_operations import verified
    from chat.opening import open_keyring_alone

    with open_keyring_alone(state, settings, secret_for(state)) as keyring:
        yield from verified(keyring, str(file))


def _restored(state: Path, file: Path) -> Iterator[Event]:
    settings = guarded_settings(state)
    with Waiting() as waiting:
        waiting("opening the house")
        from chat.admin.backup_operations import restored
        from chat.opening import open_for_restore

        with open_for_restore(state, settings, secret_for(state)) as house:
            waiting.done()
            yield from restored(house, file)


def _holds(made: Event) -> str:
    return f"{sum(made['rows'].values())} rows, {made['files']} files, {made['bytes'] / 1e6:.1f} MB"


def _tell_missing(made: Event) -> None:
    if made["missing"]:
        note(f"{len(made['missing'])} documents had no original any more, the first {made['missing'][0]}: load again")


def _tell_restored(ended: Event, state: Path) -> None:
    counts = ", ".join(f"{ended[name]} {name}" for name in COUNTED)
    say(f"{state} is restored from backup {ended['id']} of {ended['at']}: {counts}")
    note("nobody is signed in; rights and passwords are those of that day: look through them")
    for kind, ids in ended["left_out"].items():
        if ids:
            note(f"left out, for the keyring does not open them (destroyed, or newer than its copy): {kind} {_in(ids)}")
    if ended["settings_kept"]:
        note(f"{state / 'huisclos.toml'} was there already and was kept; the backup's is another")
    if ended["damaged"]:
        note(f"damaged when the backup was made, and so now: {_in(ended['damaged'])}")


def _in(ids: list[str]) -> str:
    return ", ".join(ids)
