"""`huisclos collection …`: what is loaded, and who may read it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from chat.admin.commands.jobs import Urgency
from chat.admin.commands.loading import Release, follow, in_line, summary
from chat.admin.options import STATE, AsJson, State, examples, group
from chat.admin.outcomes import ExitCode
from chat.admin.output import note, say, show, show_fields, show_json
from chat.admin.session import run, stopped_cleanly
from rag.personal.policy import Policy
from rag.store.serving import Serving

application = group("Collections of documents: load them, and grant them to people and groups.")

Name = Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")]
Person = Annotated[str, typer.Argument(metavar="[USER]", help="The person's name.")]
Managing = Annotated[bool, typer.Option("--manage", help="As one of its owners: a person, not a group.")]
ByGroup = Annotated[str, typer.Option("--group", metavar="GROUP", help="A group, in the place of a person.")]
SEEN = ("doc", "title", "pages", "passages")
"""What people see of a document in a list."""

LISTED = ("documents", "grants", "group_grants")
"""What is shown as tables of their own."""

CONTINUES = "what was loaded is kept: run the same command again, it continues"


@application.command("create", epilog=examples("huisclos collection create contracts"))
def create(name: Name, state: State = STATE, as_json: AsJson = False) -> None:
    """Make an empty collection, with a key of its own."""
    for made in run(state, "collection.create", name=name):
        _tell(made, as_json, f"collection {name} is made; load it with `huisclos collection load {name} FOLDER`")


@application.command("list", epilog=examples("huisclos collection list", "huisclos collection list --json"))
def list_(state: State = STATE, as_json: AsJson = False) -> None:
    """List the collections and what they hold."""
    show(run(state, "collection.list"), as_json, "no collection yet; `huisclos collection create NAME` makes one")


@application.command(
    "show", epilog=examples("huisclos collection show contracts", "huisclos collection show contracts --json")
)
def show_one(name: Name, state: State = STATE, as_json: AsJson = False) -> None:
    """Show one collection: its documents, and who may read it."""
    for found in run(state, "collection.show", name=name):
        if as_json:
            show_json(found)
            continue
        show_fields({key: value for key, value in found.items() if key not in LISTED})
        show(found["grants"], as_json=False)
        if found["group_grants"]:
            show(found["group_grants"], as_json=False)
        seen = [{name: row[name] for name in SEEN} | {"identifiers": _held(row)} for row in found["documents"]]
        show(seen, as_json=False, when_empty="no documents yet")


@application.command(
    "load",
    epilog=examples(
        "huisclos collection load contracts /srv/share/contracts",
        "huisclos collection load contracts /srv/share/contracts --json > load.jsonl",
        "huisclos collection load contracts one-file.pdf --strict",
        "huisclos collection load contracts /srv/share/contracts --release notes/prompts.docx",
        "huisclos collection load contracts /srv/share/contracts --detach --priority low",
    ),
)
def load(
    name: Name,
    path: Annotated[Path, typer.Argument(exists=True, readable=True, help="A folder, or one file.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when a file was rejected or quarantined.")] = False,
    release: Release = None,
    priority: Annotated[Urgency, typer.Option(help="Before or after other loads of the server.")] = Urgency.NORMAL,
    is_detached: Annotated[
        bool, typer.Option("--detach", help="Leave it to the server and return; `huisclos job` tells of it.")
    ] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Bring a collection in step with a folder.

    Unchanged files are left, changed ones read again, vanished ones forgotten. One bad file stops nothing: it is
    listed with its reason (see `kept-out`). One that speaks to a model instead of its readers is quarantined: look at
    it, and load again with --release where it may come in. Stopped anywhere and run again, it continues. Where a server
    runs, the load is a job of its, in its turn.
    """
    wanted = {"path": str(path.resolve()), "release": release or [], "priority": priority.value}
    if is_detached:
        for job in run(state, "collection.load", name=name, is_detached=True, **wanted):
            _tell(job, as_json, f"{in_line(job)}; `huisclos job follow {job['job']}` shows it")
        return
    with stopped_cleanly(CONTINUES):
        followed = follow(run(state, "collection.load", name=name, **wanted), as_json)
    note(summary(followed.counts))
    if strict and (followed.counts.get("rejected") or followed.counts.get("quarantined")):
        raise typer.Exit(ExitCode.FAILED)


@application.command("kept-out", epilog=examples("huisclos collection kept-out contracts"))
def kept_out(name: Name, state: State = STATE, as_json: AsJson = False) -> None:
    """List the files that did not come into a collection, each with its reason, until they come in or are gone.

    Documents that came in are there too, as `indexed`, where some of their pages could not be read.
    Unchanged ones are not read again by the next load; `huisclos job retry` reads them again.
    """
    show(run(state, "collection.kept_out", name=name), as_json, "every file came in, with all pages")


@application.command("remove", epilog=examples("huisclos collection remove contracts --yes"))
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Destroy a collection: its key first, then everything sealed under it. Nothing brings it back."""
    if not yes:
        typer.confirm(f"Destroy the collection {name}, for good?", abort=True, err=True)
    for removed in run(state, "collection.remove", name=name):
        _tell(removed, as_json, f"collection {name} is gone")


@application.command(
    "policy",
    epilog=examples(
        "huisclos collection policy contracts --personal-data mask",
        "huisclos collection policy applications --personal-data refuse",
        "huisclos collection policy plans --originals withhold",
    ),
)
def policy(
    name: Name,
    personal_data: Annotated[
        Policy | None,
        typer.Option("--personal-data", help="What becomes of NIR, IBAN, SIREN, SIRET, VAT, cards, phones, e-mail."),
    ] = None,
    originals: Annotated[
        Serving | None,
        typer.Option("--originals", help="Whether who reads gets the documents themselves and images of their pages."),
    ] = None,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Say what a collection does with personal identifiers, and with originals; each can be given alone.

    keep: identifiers are shown like everything else. mask: a label stands in their place wherever somebody reads, and
    originals are withheld. refuse: a document that holds some is rejected at loading.
    serve: who reads gets originals too. withhold: who reads gets passages alone.
    """
    if not (personal_data or originals):
        raise typer.BadParameter("name what is decided: --personal-data, --originals, or both")
    for decided in run(
        state, "collection.policy", name=name, personal_data=personal_data or "", originals=originals or ""
    ):
        _tell(decided, as_json, _decided(decided, personal_data, originals))


@application.command(
    "grant",
    epilog=examples(
        "huisclos collection grant contracts camille",
        "huisclos collection grant contracts camille --manage",
        "huisclos collection grant contracts --group legal",
    ),
)
def grant(
    name: Name,
    person: Person = "",
    reading: ByGroup = "",
    is_owner: Managing = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Let a person, or whoever is in a group, read a collection.

    With --manage the person is one of its owners: they read what people send of it (`huisclos feedback`), and measure
    it by questions of their own (`huisclos question`, `huisclos eval`).
    """
    _check_one(person, reading)
    for granted in run(state, "collection.grant", name=name, user=person, group=reading, is_owner=is_owner):
        who = f"group {reading}" if reading else person
        _tell(granted, as_json, f"{who} may read {name}{' and is one of its owners' if is_owner else ''}")


@application.command(
    "revoke",
    epilog=examples(
        "huisclos collection revoke contracts camille", "huisclos collection revoke contracts --group legal"
    ),
)
def revoke(
    name: Name,
    person: Person = "",
    reading: ByGroup = "",
    is_owner: Managing = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Take a collection from a person, or from a group; felt at the next question.

    A person who is in a group that may read it goes on reading it: take them out of the group. With --manage the
    person is an owner no more, and goes on reading.
    """
    _check_one(person, reading)
    if is_owner and reading:
        raise typer.BadParameter("owners are people: name a person with --manage")
    for revoked in run(state, "collection.revoke", name=name, user=person, group=reading, is_owner=is_owner):
        if is_owner:
            _tell(revoked, as_json, f"{person} is no owner of {name} any more, and may read what they could before")
            continue
        left = ", ".join(revoked.get("through", ()))
        who = f"group {reading}" if reading else person
        told = f"{who} still reads {name} through {left}: `huisclos group leave`" if left else ""
        _tell(revoked, as_json, told or f"{who} may not read {name} any more")


_DECISIONS = {
    Policy.KEEP: "keeps personal data: answers and sources show it, and originals that are not withheld otherwise",
    Policy.MASK: "masks personal data from the next question on, in all its documents; originals are withheld. "
    "What was answered before stays in conversations",
    Policy.REFUSE: "refuses documents that hold personal data. Those that were loaded before stay, and are shown, "
    "until their folder is loaded again",
}
_SERVINGS = {
    Serving.SERVE: "serves originals and page images to whoever may read it, unless it masks personal data",
    Serving.WITHHOLD: "withholds originals and page images from now on: who reads it gets passages alone. "
    "What was opened before stays where it was saved",
}


def _decided(event: dict[str, object], policy: Policy | None, serving: Serving | None) -> str:
    """What was decided by this command, a line each."""
    name, told = event["collection"], []
    if policy:
        holding = f"documents that hold some: {event['holding']}, that nobody looked at: {event['unknown']}"
        told.append(f"{name} {_DECISIONS[policy]}; {holding}")
    if serving:
        told.append(f"{name} {_SERVINGS[serving]}")
    return "\n".join(told)


def _held(document: dict[str, Any]) -> str:
    """Numbers by kind; what nobody looked at is unknown, which is not none."""
    found: dict[str, int] | None = document["identifiers"]
    if found is None:
        return "unknown"
    return ", ".join(f"{number} {kind}" for kind, number in found.items()) or "none"


def _check_one(person: str, reading: str) -> None:
    if bool(person) == bool(reading):
        raise typer.BadParameter("name a person or --group GROUP, one of them")


def _tell(event: dict[str, object], as_json: bool, sentence: str) -> None:
    if as_json:
        show_json(event)
    else:
        say(sentence)
