"""`huisclos models …`: weights, fetched and checked by these commands alone, never by the server."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import DownloadColumn, TransferSpeedColumn

from chat.admin.options import STATE, AsJson, State, examples, group
from chat.admin.outcomes import ExitCode
from chat.admin.output import Event, note, say, show, show_json
from chat.admin.progress import Count, Waiting
from chat.admin.session import stopped_cleanly

if TYPE_CHECKING:
    from models.catalogue import ModelEntry
    from models.setup import ModelSetup

application = group("Weights: what is here, fetch them, check them, choose them.")


class TaskName(StrEnum):
    """What weights can be for."""

    GENERATE = "generate"
    EMBED = "embed"


Name = Annotated[str, typer.Argument(metavar="NAME", help="A name of the catalogue (`huisclos models list`).")]


@application.command("list", epilog=examples("huisclos models list", "huisclos models list --json"))
def list_(state: State = STATE, as_json: AsJson = False) -> None:
    """List the weights of the catalogue: their task, whether they are here and in use."""
    store = _store(state)
    show((_row(store, entry) for entry in store.entries), as_json)


@application.command(
    "pull",
    epilog=examples(
        "huisclos models pull", "huisclos models pull qwen2.5-coder-0.5b-instruct", "huisclos models pull --for-tests"
    ),
)
def pull(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Weights to fetch; those in use when left out.")] = "",
    for_tests: Annotated[bool, typer.Option("--for-tests", help="What the tests need.")] = False,
    state: State = STATE,
) -> None:
    """Fetch weights that are not here yet, and check every byte. Stopped and run again, it continues."""
    from models.catalogue import Task
    from models.errors import SourceFailed

    store = _store(state)
    with stopped_cleanly("what was fetched is kept: run the same command again, it continues"):
        for entry in _wanted(store, name, for_tests):
            try:
                _pull(store, entry)
            except SourceFailed as error:
                if name or entry.task is not Task.READ:
                    raise
                note(f"{error}. Scans are not read without it; the rest works")


@application.command("verify", epilog=examples("huisclos models verify", "huisclos models verify --json"))
def verify(state: State = STATE, as_json: AsJson = False) -> None:
    """Check every byte of the weights that are here. Exit 1 when some are wrong, or those in use are missing."""
    from models.errors import ModelError

    store, is_fine = _store(state), True
    for entry in store.entries:
        row = _row(store, entry)
        if row["status"] != "present" and not row["in_use"]:
            continue
        with Waiting() as waiting:
            waiting(f"checking {entry.file}")
            try:
                store.verify(entry)
                verdict: Event = {"name": entry.name, "file": entry.file, "fine": True, "reason": None}
            except ModelError as error:
                verdict = {"name": entry.name, "file": entry.file, "fine": False, "reason": str(error)}
        is_fine = is_fine and verdict["fine"]
        if as_json:
            show_json(verdict)
        else:
            say(f"{entry.file}: as the catalogue says" if verdict["fine"] else str(verdict["reason"]))
    if not is_fine:
        raise typer.Exit(ExitCode.FAILED)


@application.command(
    "add",
    epilog=examples(
        "huisclos models add ~/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        "huisclos models add Qwen3-8B-Q4_K_M.gguf qwen3-8b --task generate",
    ),
)
def add(
    path: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A GGUF file.")],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Its name in the catalogue, or a new one; by file name if left out.")
    ] = "",
    task: Annotated[TaskName | None, typer.Option(help="What weights of a new name are for.")] = None,
    chat_format: Annotated[
        str, typer.Option(metavar="FORMAT", help="How new weights mark turns; proposed from the file if left out.")
    ] = "",
    state: State = STATE,
) -> None:
    """Copy weights of one's own in: those of the catalogue on a machine that cannot fetch them, or others."""
    from models.catalogue import Task

    store = _store(state)
    known = next((entry.name for entry in store.entries if entry.file == path.name), "")
    if not (name or known):
        raise typer.BadParameter(f"no weights of the catalogue have the file name {path.name}; give a NAME too")
    with Count(path.name, path.stat().st_size, DownloadColumn(), TransferSpeedColumn(), unit="MB") as count:
        added = store.add(
            path,
            name or known,
            Task(task.value) if task else None,
            chat_format,
            lambda report: count.update(report.done_bytes),
        )
    say(f"{added.name}: added; `huisclos models use {added.name}` chooses it")


@application.command("use", epilog=examples("huisclos models use qwen2.5-coder-0.5b-instruct"))
def use(name: Name, state: State = STATE) -> None:
    """Choose weights for their task. Felt at the next start."""
    store = _store(state)
    chosen = store.use(name)
    say(f"{chosen.name}: in use from the next start")
    if named := store.named.get(chosen.task):
        note(f"the setting models.{chosen.task} names {named}, which goes first: leave it empty")


def _store(state: Path) -> "ModelSetup":
    from chat.settings import load_settings
    from models.setup import ModelSetup

    settings = load_settings(state).models
    return ModelSetup(settings.folder, named=settings.named)


def _row(store: "ModelSetup", entry: "ModelEntry") -> Event:
    return {
        "name": entry.name,
        "task": entry.task.value,
        "status": store.status(entry).value,
        "in_use": entry in store.in_use(entry.task),
        "bytes": entry.bytes,
        "licence": entry.licence,
    }


def _wanted(store: "ModelSetup", name: str, for_tests: bool) -> "list[ModelEntry]":
    from models.catalogue import Task

    if name:
        return [store.entry(name)]
    if for_tests:
        return [entry for entry in store.entries if entry.is_for_tests]
    return [entry for task in (Task.GENERATE, Task.EMBED, Task.READ) for entry in store.in_use(task)]


def _pull(store: "ModelSetup", entry: "ModelEntry") -> None:
    if store.status(entry).value == "present":
        with Waiting() as waiting:
            waiting(f"checking {entry.file}")
            store.verify(entry)
        note(f"{entry.file}: here, and as the catalogue says")
        return
    note(f"{entry.file}: fetching {entry.bytes / 1e6:.0f} MB")
    with Count(entry.file, entry.bytes or None, DownloadColumn(), TransferSpeedColumn(), unit="MB") as count:
        for failure in store.pull(entry, lambda report: count.update(report.done_bytes)):
            count.say(f"  passed over: {failure}")
    note(f"{entry.file}: fetched, and as the catalogue says")
