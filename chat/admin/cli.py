"""The command line. Exit codes: 0 done, 1 failed, 2 usage, 3 refused."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

FAILED, REFUSED = 1, 3
console = Console()
errors = Console(stderr=True)

application = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="A private chat over company documents.")
collection = typer.Typer(no_args_is_help=True, help="Collections of documents.")
user = typer.Typer(no_args_is_help=True, help="People.")
models = typer.Typer(no_args_is_help=True, help="Weights.")
keys = typer.Typer(no_args_is_help=True, help="Keys.")
audit = typer.Typer(no_args_is_help=True, help="The record.")
for name, group in {"collection": collection, "user": user, "models": models, "keys": keys, "audit": audit}.items():
    application.add_typer(group, name=name)

State = Annotated[Path, typer.Option("--state", envvar="HUISCLOS_STATE", help="The state folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")]
As = Annotated[str, typer.Option("--as", help="Ask as this person instead of the operator.")]
STATE = Path("state")
DEMO = "demo"
DEMO_DOCUMENTS = Path(__file__).parents[2] / "data" / "demo"
Event = dict[str, Any]


def main() -> None:
    """Run a command; what goes wrong is one sentence and an exit code."""
    from chat.admin.gateway import FAILURES, REFUSALS, RemoteFailure
    from security.errors import InsecureState, KeyringLocked

    try:
        application()
    except FAILURES as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        is_refusal = isinstance(error, (*REFUSALS, InsecureState, KeyringLocked))
        is_refusal = is_refusal or (isinstance(error, RemoteFailure) and error.is_refusal)
        sys.exit(REFUSED if is_refusal else FAILED)


@application.command()
def init(state: State = STATE) -> None:
    """Make the state folder: keys and an empty database. Example: `huisclos init --state /srv/huisclos`."""
    from chat.assembly import KEY_FILE, initialise
    from chat.settings import load_settings

    if initialise(state, load_settings(state)):
        console.print(f"{state} is ready. Back up {state / KEY_FILE} apart from the data: without it nothing opens.")
    else:
        console.print(f"{state} was ready already; nothing changed.")


@application.command()
def demo(state: State = STATE) -> None:
    """Make the demo: keys, collection, first people. Run again, it changes nothing. Example: `huisclos demo`."""
    init(state)
    have = {row["name"] for row in _run(state, "collection.list")}
    if DEMO not in have:
        list(_run(state, "collection.create", name=DEMO))
    counts = _load(state, DEMO, DEMO_DOCUMENTS, as_json=False)
    console.print(f"collection {DEMO}: {sum(counts.values())} documents")
    people = {row["name"] for row in _run(state, "user.list")}
    for name, role in (("camille", "employee"), ("admin", "administrator")):
        if name not in people:
            drawn = next(iter(_run(state, "user.add", name=name, role=role)))["password"]
            console.print(f"{role} {name}, password (shown once): {drawn}", markup=False)
    list(_run(state, "collection.grant", name=DEMO, user="camille"))


@application.command()
def doctor(state: State = STATE, as_json: AsJson = False) -> None:
    """Report what is not as private as it should be. Example: `huisclos doctor --json`."""
    _show(_run(state, "doctor"), as_json)


@application.command()
def search(
    question: str,
    collection_name: Annotated[str, typer.Option("--collection")],
    person: As = "",
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Find passages without the model. Example: `huisclos search --collection demo "congés payés"`."""
    _show(_run(state, "search", collection=collection_name, question=question, user=person), as_json)


@application.command()
def ask(
    question: Annotated[str, typer.Argument()] = "",
    collection_name: Annotated[str, typer.Option("--collection")] = "",
    person: As = "",
    batch: Annotated[Path | None, typer.Option(help="JSON lines with id, question, history.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the answers of --batch go; resumed if it is there.")] = None,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Ask a question and get a cited answer. Example: `huisclos ask --collection demo "Qui peut télétravailler ?"`."""
    if batch and out:
        _ask_batch(state, collection_name, person, batch, out)
        return
    if not question or not collection_name:
        raise typer.BadParameter("give a question and --collection, or --batch with --out")
    answer: Event = {}
    for event in _run(state, "ask", collection=collection_name, question=question, user=person):
        if event["step"] == "written" and not as_json:
            console.print(event["text"], end="", markup=False, highlight=False)
        answer = event.get("answer", answer)
    _print_answer(answer, as_json)


@collection.command("create")
def collection_create(name: str, state: State = STATE, as_json: AsJson = False) -> None:
    """Make an empty collection. Example: `huisclos collection create contracts`."""
    _show(_run(state, "collection.create", name=name), as_json)


@collection.command("list")
def collection_list(state: State = STATE, as_json: AsJson = False) -> None:
    """List collections. Example: `huisclos collection list --json`."""
    _show(_run(state, "collection.list"), as_json)


@collection.command("show")
def collection_show(name: str, state: State = STATE, as_json: AsJson = False) -> None:
    """Show one collection: documents and grants. Example: `huisclos collection show contracts`."""
    for event in _run(state, "collection.show", name=name):
        if as_json:
            console.print_json(json.dumps(event, default=str))
        else:
            _show(event["documents"], as_json=False)
            _show(event["grants"], as_json=False)


@collection.command("remove")
def collection_remove(name: str, state: State = STATE, as_json: AsJson = False) -> None:
    """Destroy a collection's key and rows. Example: `huisclos collection remove contracts`."""
    _show(_run(state, "collection.remove", name=name), as_json)


@collection.command("grant")
def collection_grant(name: str, person: str, state: State = STATE, as_json: AsJson = False) -> None:
    """Let a person read a collection. Example: `huisclos collection grant contracts camille`."""
    _show(_run(state, "collection.grant", name=name, user=person), as_json)


@collection.command("revoke")
def collection_revoke(name: str, person: str, state: State = STATE, as_json: AsJson = False) -> None:
    """Take a collection from a person. Example: `huisclos collection revoke contracts camille`."""
    _show(_run(state, "collection.revoke", name=name, user=person), as_json)


@collection.command("load")
def collection_load(
    name: str,
    path: Path,
    strict: Annotated[bool, typer.Option(help="Exit 1 when a file was rejected.")] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Bring a collection in step with a folder. Example: `huisclos collection load contracts /srv/share/contracts`."""
    if not path.exists():
        raise typer.BadParameter(f"{path} does not exist")
    counts = _load(state, name, path, as_json)
    summary = ", ".join(f"{number} {kind}" for kind, number in counts.items()) or "no files"
    errors.print(f"{sum(counts.values())} files: {summary}")
    if strict and counts.get("rejected"):
        raise typer.Exit(FAILED)


@user.command("add")
def user_add(
    name: str,
    role: Annotated[str, typer.Option(help="employee or administrator")] = "employee",
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Add a person; the password is drawn and shown once. Example: `huisclos user add camille`."""
    if role not in ("employee", "administrator"):
        raise typer.BadParameter("the role is employee or administrator")
    _show(_run(state, "user.add", name=name, role=role, password=_password(password_stdin)), as_json)


@user.command("list")
def user_list(state: State = STATE, as_json: AsJson = False) -> None:
    """List people. Example: `huisclos user list --json`."""
    _show(_run(state, "user.list"), as_json)


@user.command("password")
def user_password(
    name: str,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Replace a password; running sessions end. Example: `huisclos user password camille`."""
    _show(_run(state, "user.password", name=name, password=_password(password_stdin)), as_json)


@user.command("disable")
def user_disable(name: str, state: State = STATE, as_json: AsJson = False) -> None:
    """Keep a person from signing in. Example: `huisclos user disable camille`."""
    _show(_run(state, "user.disable", name=name), as_json)


@models.command("list")
def models_list(state: State = STATE, as_json: AsJson = False) -> None:
    """List the weights of the catalogue. Example: `huisclos models list`."""
    store = _store(state)
    rows = [
        {"name": entry.name, "task": entry.task.value, "status": store.status(entry).value, "licence": entry.licence}
        for entry in store.entries
    ]
    _show(rows, as_json)


@models.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument()] = "",
    for_tests: Annotated[bool, typer.Option(help="What the tests need.")] = False,
    state: State = STATE,
) -> None:
    """Fetch weights: the named ones, or those in use. Example: `huisclos models pull`."""
    from models.catalogue import Task

    store = _store(state)
    entries = [store.entry(name)] if name else [store.chosen(Task.GENERATE), store.chosen(Task.EMBED)]
    if for_tests:
        entries = [entry for entry in store.entries if entry.is_for_tests]
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as progress:
        for entry in entries:
            task = progress.add_task(entry.file, total=entry.bytes or None)
            for failure in store.pull(
                entry, lambda report, task=task: progress.update(task, completed=report.done_bytes)
            ):
                errors.print(f"  passed over: {failure}", style="dim", markup=False)
            progress.update(task, completed=entry.bytes)


@models.command("verify")
def models_verify(state: State = STATE) -> None:
    """Check every byte of the weights that are here. Example: `huisclos models verify`."""
    store = _store(state)
    for entry in store.entries:
        if store.status(entry).value == "present":
            store.verify(entry)
            console.print(f"{entry.file}: as the catalogue says")


@models.command("add")
def models_add(path: Path, name: str, state: State = STATE) -> None:
    """Add a GGUF file of one's own. Example: `huisclos models add Qwen3-8B-Q4_K_M.gguf qwen3-8b`."""
    console.print(f"{_store(state).add(path, name).file}: added")


@models.command("use")
def models_use(name: str, state: State = STATE) -> None:
    """Choose weights for their task. Example: `huisclos models use qwen2.5-coder-0.5b-instruct`."""
    console.print(f"{_store(state).use(name).name}: in use from the next start")


@keys.command("status")
def keys_status(state: State = STATE, as_json: AsJson = False) -> None:
    """Slots and numbers of keys, no secret. Example: `huisclos keys status --json`."""
    _show(_run(state, "keys.status"), as_json)


@audit.command("verify")
def audit_verify(state: State = STATE, as_json: AsJson = False) -> None:
    """Whether the record is whole; exit 1 when it is not. Example: `huisclos audit verify`."""
    reports = list(_run(state, "audit.verify"))
    _show(reports, as_json)
    if any(report["broken_at"] is not None for report in reports):
        raise typer.Exit(FAILED)


def _run(state: Path, operation: str, **arguments: Any) -> Iterable[Event]:
    from chat.admin.gateway import run
    from chat.settings import load_settings
    from security.egress import install

    settings = load_settings(state)
    install(settings.egress.allowed)
    return run(state, settings, operation, arguments, _secret(state))


def _secret(state: Path) -> Any:
    """The secret that opens the keyring: a passphrase file named in the environment, else the key file."""
    from security.slots import KeyFile, Passphrase
    from security.withheld import Withheld

    path = os.environ.get("HUISCLOS_PASSPHRASE_FILE")
    return Passphrase(Withheld(Path(path).read_text().strip())) if path else KeyFile(state / "keys" / "root.key")


def _store(state: Path) -> Any:
    from chat.settings import load_settings
    from models.store import ModelStore

    return ModelStore(load_settings(state).models.folder)


def _password(from_stdin: bool) -> str:
    return sys.stdin.readline().rstrip("\n") if from_stdin else ""


def _load(state: Path, name: str, path: Path, as_json: bool) -> dict[str, int]:
    """Run a load, one line or one step of the bar a file; gives how many files ended how."""
    counts: dict[str, int] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, disable=as_json) as progress:
        task = progress.add_task("loading", total=None)
        for event in _run(state, "collection.load", name=name, path=str(path.resolve())):
            done, total = event.pop("done"), event.pop("total")
            counts[event["state"]] = counts.get(event["state"], 0) + 1
            progress.update(task, completed=done, total=total)
            if as_json:
                print(json.dumps(event, ensure_ascii=False), flush=True)
            elif event["reason"]:
                progress.console.print(f"{event['doc']}: {event['state']}: {event['reason']}", markup=False)
    return counts


def _ask_batch(state: Path, collection_name: str, person: str, batch: Path, out: Path) -> None:
    """Answer every question that `out` does not hold yet; a half-written last line is dropped."""
    questions = [json.loads(line) for line in batch.read_text().splitlines() if line.strip()]
    done = _answered(out)
    with _batch_runner(state) as answer_one, Progress(console=errors) as progress, out.open("a") as target:
        task = progress.add_task("asking", total=len(questions), completed=len(done))
        for item in (item for item in questions if item["id"] not in done):
            arguments = {"collection": collection_name, "question": item["question"], "user": person}
            events = answer_one(arguments | {"history": item.get("history") or []})
            answer = next(event["answer"] for event in events if event["step"] == "finished")
            target.write(json.dumps(_prediction(item["id"], answer), ensure_ascii=False) + "\n")
            target.flush()
            progress.advance(task)


@contextmanager
def _batch_runner(state: Path) -> Iterator[Callable[[Event], Iterable[Event]]]:
    """One house for the whole batch; through the server when one runs."""
    from chat.admin.gateway import SOCKET, run, run_here
    from chat.assembly import open_house
    from chat.settings import load_settings

    settings = load_settings(state)
    if (settings.memory_for(state) / SOCKET).exists():
        yield lambda arguments: run(state, settings, "ask", arguments, _secret(state))
        return
    with open_house(state, settings, _secret(state)) as house:
        yield lambda arguments: run_here(house, "ask", arguments)


def _answered(out: Path) -> set[str]:
    if not out.exists():
        return set()
    lines = out.read_text().split("\n")
    whole = lines[:-1]
    out.write_text("".join(f"{line}\n" for line in whole))
    return {json.loads(line)["id"] for line in whole if line}


def _prediction(identifier: str, answer: Event) -> Event:
    cited = [{"doc": item["doc"], "page": item["page"], "text": item["quote"]} for item in answer["citations"]]
    kept = {name: answer[name] for name in ("answer", "refused", "ranked_docs")}
    return {"id": identifier, **kept, "citations": cited}


def _print_answer(answer: Event, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer, ensure_ascii=False))
        return
    if answer["refused"]:
        console.print(f"\n{answer['answer']}", markup=False)
    console.print()
    for item in answer["citations"] or answer["nearest"]:
        place = f", p. {item['page']}" if item["page"] else ""
        number = f"[{item['n']}] " if "n" in item else "~ "
        console.print(f"{number}{item['doc']}{place}: {item.get('quote') or item['text'][:160]}", markup=False)


def _show(rows: Iterable[Event], as_json: bool) -> None:
    """JSON lines, or a table."""
    if as_json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False, default=str), flush=True)
        return
    listed = list(rows)
    table = Table(*(listed[0] if listed else ()))
    for row in listed:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table if listed else "nothing to show")
