"""`huisclos task`: what people ask of documents beside questions, from the command line."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import MofNCompleteColumn

from chat.admin.batch import AnswerLost
from chat.admin.options import (
    STATE,
    After,
    As,
    AsJson,
    Before,
    Folders,
    InCollection,
    State,
    Types,
    examples,
    group,
    within,
)
from chat.admin.outcomes import ExitCode
from chat.admin.output import UNWRITTEN, Event, show_json
from chat.admin.progress import Count
from chat.admin.session import operations
from chat.admin.works import show_work
from rag.tasks.work import Length

application = group("What is asked of documents beside questions: lists, summaries, comparisons, translations, drafts.")

Pick = Annotated[
    list[int] | None, typer.Option("--pick", help="Which of the documents that a name means; again for a second name.")
]
Phrase = Annotated[str, typer.Argument(metavar="PHRASE", help="The words to look for.")]


@application.command("list", epilog=examples('huisclos task list -c demo "notice period"'))
def list_documents(
    phrase: Phrase,
    collection: InCollection = "",
    person: As = "",
    after: After = "",
    before: Before = "",
    types: Types = None,
    folders: Folders = None,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """List every document that says a phrase, in any inflection, with quotes and pages. No model is asked."""
    wanted = within(after, before, types, folders)
    _show(state, "task.list", as_json, collection=collection, text=phrase, user=person, within=wanted)


@application.command("summarise", epilog=examples("huisclos task summarise -c demo 'leave policy' --length short"))
def summarise(
    document: Annotated[str, typer.Argument(metavar="DOCUMENT", help="Words of its title or path.")],
    collection: InCollection = "",
    length: Annotated[Length, typer.Option("--length", help="How many points.")] = Length.MEDIUM,
    pick: Pick = None,
    person: As = "",
    after: After = "",
    before: Before = "",
    types: Types = None,
    folders: Folders = None,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Summarise a document in points, each checked and cited. A very long one gives sentences of its own."""
    chosen = {"length": length.value, "picks": pick or [], "within": within(after, before, types, folders)}
    _show(state, "task.summarise", as_json, collection=collection, text=document, user=person, **chosen)


@application.command("compare", epilog=examples("huisclos task compare -c demo 'rules of 2024; rules of 2025: leave'"))
def compare(
    documents: Annotated[str, typer.Argument(metavar="'ONE; OTHER: WHAT'", help="Two documents, and what to compare.")],
    collection: InCollection = "",
    pick: Pick = None,
    person: As = "",
    after: After = "",
    before: Before = "",
    types: Types = None,
    folders: Folders = None,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Put what two documents say of the same things side by side, in their own words. No model is asked."""
    chosen = {"picks": pick or [], "within": within(after, before, types, folders)}
    _show(state, "task.compare", as_json, collection=collection, text=documents, user=person, **chosen)


@application.command("translate", epilog=examples("huisclos task translate -c demo 'leave policy; page 2'"))
def translate(
    passage: Annotated[str, typer.Argument(metavar="'DOCUMENT; WHERE'", help="A document, and `page 2` or words.")],
    collection: InCollection = "",
    pick: Pick = None,
    person: As = "",
    after: After = "",
    before: Before = "",
    types: Types = None,
    folders: Folders = None,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Translate a passage, from French or English to the other, each sentence beside its original."""
    chosen = {"picks": pick or [], "within": within(after, before, types, folders)}
    _show(state, "task.translate", as_json, collection=collection, text=passage, user=person, **chosen)


@application.command("draft", epilog=examples("huisclos task draft -c demo 'How many days may I carry over?'"))
def draft(
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="The message to reply to.")],
    collection: InCollection = "",
    person: As = "",
    after: After = "",
    before: Before = "",
    types: Types = None,
    folders: Folders = None,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Draft a reply to a message from the documents, each sentence checked."""
    wanted = within(after, before, types, folders)
    _show(state, "task.draft", as_json, collection=collection, text=message, user=person, within=wanted)


@application.command("without-documents", epilog=examples("huisclos task without-documents 'A polite way to say no?'"))
def without_documents(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What the model is asked.")],
    person: As = "",
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Ask the model alone, where `answering.without_documents` allows it: nothing is searched, nothing is verified."""
    _tell(_delivered(state, "task.without_documents", {"text": question, "user": person}), as_json)


def _show(state: Path, name: str, as_json: bool, **arguments: Any) -> None:
    if not arguments["collection"]:
        raise typer.BadParameter("give --collection NAME (`huisclos collection list` names them)")
    _tell(_delivered(state, name, arguments), as_json)


def _tell(work: Event, as_json: bool) -> None:
    if as_json:
        show_json(work)
    else:
        show_work(work)
    if work["trouble"] in UNWRITTEN:
        raise typer.Exit(ExitCode.UNWRITTEN)


def _delivered(state: Path, name: str, arguments: dict[str, Any]) -> Event:
    """The result. How far it is, is shown meanwhile."""
    work: Event | None = None
    with operations(state) as operate, Count("reading", None, MofNCompleteColumn()) as count:
        for event in operate(name, **arguments):
            if event["step"] == "progressed":
                count.update(event["done"], event["total"])
            work = event.get("work", work)
    if work is None:
        raise AnswerLost("the task was stopped before its end; give it again")
    return work
