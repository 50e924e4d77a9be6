"""One command and a state folder: settings, egress guard, the way to the house, and what people see meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from chat.admin.gateway import WORKING, Event, Operate, closing_at_end, opened
from chat.admin.outcomes import ExitCode
from chat.admin.output import note
from chat.admin.progress import Waiting
from chat.admin.secret import secret_for
from chat.errors import SettingsWrong, StateMissing

if TYPE_CHECKING:
    from chat.settings import Settings


def guarded_settings(state: Path) -> "Settings":
    """The settings of a state folder, the egress guard of this process armed with them. Raises SettingsWrong."""
    from chat.settings import load_settings
    from security.egress import install

    settings = load_settings(state)
    try:
        install(settings.egress.allowed)
    except ValueError as error:
        raise SettingsWrong(str(error)) from error
    return settings


def check_state(state: Path) -> None:
    """Raise StateMissing unless the folder is an initialised state folder."""
    from security.keystore import keyring_path

    if not keyring_path(state).exists():
        raise StateMissing(
            f"{state} is not a state folder; name yours with --state or HUISCLOS_STATE, or make this one with "
            f"`huisclos init --state {state}`"
        )


@contextmanager
def operations(state: Path) -> Iterator[Operate]:
    """What runs operations for one command, through the running server or not; the house is opened once."""
    settings = guarded_settings(state)
    check_state(state)
    with Waiting() as waiting, opened(state, settings, lambda: secret_for(state), waiting) as operate:

        def shown(name: str, /, **arguments: Any) -> Iterator[Event]:
            waiting(WORKING)
            with closing_at_end(operate(name, **arguments)) as events:
                for event in events:
                    waiting.done()
                    yield event
            waiting.done()

        waiting.done()
        yield shown


def run(state: Path, name: str, /, **arguments: Any) -> Iterator[Event]:
    """The events of one operation."""
    with operations(state) as operate:
        yield from operate(name, **arguments)


@contextmanager
def stopped_cleanly(what_now: str) -> Iterator[None]:
    """Ctrl-C, or the TERM signal, in the block ends the command with one sentence that says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        note(f"stopped; {what_now}")
        raise typer.Exit(ExitCode.FAILED) from None
