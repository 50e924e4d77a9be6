"""`huisclos init`, `serve`, `demo`, `doctor`: the house as a whole."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import MofNCompleteColumn

from chat.admin import demo as demo_parts
from chat.admin.gateway import SOCKET, Event, Operate, is_alive, local, opened, warm
from chat.admin.options import STATE, AsJson, State, examples
from chat.admin.outcomes import ExitCode, InputWrong
from chat.admin.output import note, say, show_json
from chat.admin.progress import Count, Waiting
from chat.admin.secret import new_passphrase, secret_for
from chat.admin.session import check_state, guarded_settings, operations, run, stopped_cleanly
from chat.errors import ChatError, Refused, StateInUse

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from chat.assembly import House
    from chat.settings import Settings

OURS = frozenset({"huisclos.toml", "keys", "lock", "truth.db", "truth.db-wal", "truth.db-shm", "originals"})
"""What a state folder may hold before it has its keyring: what an interrupted `init` leaves, and settings."""


def add_to(application: typer.Typer) -> None:
    """Put the commands on the command line."""
    application.command("init", epilog=INIT_EXAMPLES)(init)
    application.command("serve", epilog=SERVE_EXAMPLES)(serve)
    application.command("demo", epilog=DEMO_EXAMPLES)(demo)
    application.command("doctor", epilog=DOCTOR_EXAMPLES)(doctor)


INIT_EXAMPLES = examples(
    "huisclos init --state /srv/huisclos",
    "huisclos init --passphrase",
    "huisclos init --passphrase-stdin < passphrase.txt",
)
SERVE_EXAMPLES = examples(
    "huisclos serve",
    "HUISCLOS__SERVER__PORT=8001 huisclos serve --state /srv/huisclos",
    "HUISCLOS_PASSPHRASE_FILE=/run/credentials/passphrase huisclos serve",
)
DEMO_EXAMPLES = examples("huisclos demo", "huisclos demo --reset")
DOCTOR_EXAMPLES = examples("huisclos doctor", "huisclos doctor --json")


def init(
    state: State = STATE,
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Open with a passphrase, asked for twice.")] = False,
    passphrase_stdin: Annotated[
        bool, typer.Option("--passphrase-stdin", help="Open with a passphrase: the first line of standard input.")
    ] = False,
) -> None:
    """Make a state folder: its keys and an empty database. Run again, it changes nothing.

    It opens with a key file in the folder (the default), or with a passphrase, stretched by Argon2id. Without the one
    or the other nothing in it can ever be read again: keep a copy apart from the data.
    """
    _init(state, passphrase, passphrase_stdin)


def serve(
    state: State = STATE,
    with_demo: Annotated[bool, typer.Option("--demo", help="Make the demo first, unless it was made before.")] = False,
) -> None:
    """Serve the pages, and these commands, until stopped with Ctrl-C or the TERM signal."""
    if with_demo:
        _init(state, is_told=False)
    check_state(state)
    settings = guarded_settings(state)
    _check_free(state, settings)
    with stopped_cleanly("nothing is lost: run the same command again"):
        _serve(state, settings, with_demo)


def demo(
    state: State = STATE,
    reset: Annotated[
        bool,
        typer.Option("--reset", help="Start over: delete the state folder, if it holds the demo and nothing else."),
    ] = False,
) -> None:
    """Make the demo: a bilingual collection, an employee and an administrator. Run again, it changes nothing."""
    with stopped_cleanly("run the same command again, it continues"):
        if reset:
            _reset(state)
        _init(state, is_told=False)
        if demo_parts.is_made(state):
            people = demo_parts.made_people()
        else:
            with operations(state) as operate:
                people = _make_demo(operate, state)
    for line in demo_parts.sentences(people):
        say(line)


def doctor(state: State = STATE, as_json: AsJson = False) -> None:
    """Look at everything that must be private, present and whole. Exit 1 when something is not."""
    is_fine = True
    for finding in run(state, "doctor"):
        is_fine = is_fine and finding["is_fine"]
        if as_json:
            show_json(finding)
        else:
            say(f"fine      {finding['subject']}" if finding["is_fine"] else _not_fine(finding))
    if not is_fine:
        raise typer.Exit(ExitCode.FAILED)


def _not_fine(finding: Event) -> str:
    return f"NOT FINE  {finding['subject']}: {finding['remedy']}"


def _init(state: Path, passphrase: bool = False, passphrase_stdin: bool = False, *, is_told: bool = True) -> None:
    _check_folder(state)
    from chat.opening import KEY_FILE, initialise, is_initialised

    settings = guarded_settings(state)
    has_phrase = passphrase or passphrase_stdin
    if not is_initialised(state):
        initialise(state, settings, new_passphrase(passphrase_stdin) if has_phrase else None)
        what = "the passphrase well" if has_phrase else f"a copy of {state / KEY_FILE} apart from the data"
        note(f"{state} is ready. Keep {what}: without it nothing opens.")
    elif is_told:
        note(f"{state} was ready already; nothing changed.")


def _check_folder(state: Path) -> None:
    """A new folder, an empty one, or one that an interrupted start left: never somebody's own files."""
    if not state.exists():
        return
    if not state.is_dir():
        raise InputWrong(f"{state} is a file, expected a folder; name another with --state")
    if (state / "keys").exists():
        return
    strangers = sorted(path.name for path in state.iterdir() if path.name not in OURS)
    if strangers:
        raise InputWrong(f"{state} holds {strangers[0]}, which is not ours; name a new or an empty folder with --state")


def _check_free(state: Path, settings: "Settings") -> None:
    """Say before the weights are loaded that the address or the folder is taken."""
    where = settings.server
    if is_alive(settings.memory_for(state) / SOCKET):
        raise StateInUse(f"a server runs on {state} already: {address(settings)}")
    with socket.socket(socket.AF_INET6 if ":" in where.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((where.host, where.port))
        except OSError as error:
            raise ChatError(
                f"{where.host} port {where.port} cannot be listened on ({error.strerror}); stop what listens there, "
                f"or set server.port in {state / 'huisclos.toml'} (or HUISCLOS__SERVER__PORT)"
            ) from error


def address(settings: "Settings") -> str:
    """Where a browser finds the pages."""
    host = settings.server.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.server.port}/"


def _serve(state: Path, settings: "Settings", with_demo: bool) -> None:
    with Waiting() as waiting:
        waiting("opening the house")
        from chat.admin.socket import create_admin_app
        from chat.opening import open_house
        from chat.web.serve import create_pages
        from chat.web.serve import serve as serve_house

        with open_house(state, settings, secret_for(state)) as house:
            pages: list[ASGIApp] = []
            warm(house, waiting, meanwhile=lambda: pages.append(create_pages(house)))
            waiting.done()
            operate = local(house, lambda step: None)  # all is open: nothing is waited for
            people = _demo_to_serve(operate, state) if with_demo else ()
            serve_house(house, pages[0], create_admin_app(house), SOCKET, lambda: _announce(house, people))


def _demo_to_serve(operate: Operate, state: Path) -> tuple[demo_parts.DemoPerson, ...]:
    """The demo's people, made now in a house that holds nothing else; a house in use gets no demo unasked."""
    if demo_parts.is_made(state):
        return demo_parts.made_people()
    if demo_parts.others(operate):
        note(f"{state} holds collections or people of its own, so no demo is made in it (`huisclos demo` would)")
        return ()
    return _make_demo(operate, state)


def _announce(house: "House", people: tuple[demo_parts.DemoPerson, ...]) -> None:
    note(f"\nHuis Clos is open at {address(house.settings)}   (Ctrl-C stops it)")
    if trouble := house.generator.look():
        note(f"No answer is written, and people get passages, until this is put right: {trouble}")
    for line in demo_parts.sentences(people) if people else ():
        note(line)


def _make_demo(operate: Operate, state: Path) -> tuple[demo_parts.DemoPerson, ...]:
    with Count("loading the demo documents", None, MofNCompleteColumn()) as count:

        def loaded(event: Event) -> None:
            count.update(event["done"], event["total"])
            if event["reason"]:
                count.say(f"{event['doc']}: {event['state']}: {event['reason']}")

        demo_parts.load_demo(operate, loaded)
    return demo_parts.add_people(operate, state)


def _reset(state: Path) -> None:
    """Delete the demo's state folder; refused where it is served, or holds anything else."""
    _check_folder(state)
    if not (state / "keys").exists():
        return
    settings = guarded_settings(state)
    if settings.store.database:
        raise Refused(
            "this house keeps its truth on a PostgreSQL server, where nothing is deleted unasked; drop the database "
            f"and make it anew, delete {state}, and run `huisclos demo`"
        )
    if is_alive(settings.memory_for(state) / SOCKET):
        raise StateInUse(f"a server runs on {state}: stop it first (Ctrl-C where it was started)")
    with Waiting() as waiting, opened(state, settings, lambda: secret_for(state), waiting) as operate:
        demo_parts.check_only_demo(state, operate)
    demo_parts.delete(state)
    note(f"{state}: the demo is deleted; making it again")
