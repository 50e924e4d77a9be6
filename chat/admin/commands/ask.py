"""`huisclos ask` and `huisclos search`: questions from the command line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live
from rich.progress import MofNCompleteColumn
from rich.text import Text

from chat.admin.batch import AnswerLost, final_answer, prediction, read_questions, resume
from chat.admin.options import STATE, After, As, AsJson, Before, Folders, InCollection, State, Types, examples, within
from chat.admin.outcomes import EXPECTED, ExitCode, failure_of
from chat.admin.output import UNWRITTEN, Event, errors, note, safe, say, show, show_answer, show_json
from chat.admin.progress import Count
from chat.admin.session import operations, run, stopped_cleanly


def add_to(application: typer.Typer) -> None:
    """Put the commands on the command line."""
    application.command("ask", epilog=ASK_EXAMPLES)(ask)
    application.command("search", epilog=SEARCH_EXAMPLES)(search)


ASK_EXAMPLES = examples(
    'huisclos ask -c demo "Qui peut télétravailler ?"',
    'huisclos ask -c demo --as camille --json "How many days of leave?"',
    'huisclos ask -c demo --after 2024-01-01 --type pdf --folder hr/leave "How many days of leave?"',
    "huisclos ask -c demo --batch questions.jsonl --out predictions.jsonl",
)
SEARCH_EXAMPLES = examples(
    'huisclos search -c demo "congés payés"',
    'huisclos search -c demo --limit 3 --json "leave"',
    'huisclos search -c demo --before 2023-12-31 --type mail --type pdf "leave"',
)


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question, in French or English.")] = "",
    collection: InCollection = "",
    person: As = "",
    batch: Annotated[
        Path | None,
        typer.Option("--batch", exists=True, dir_okay=False, help="JSON lines with id, question and perhaps history."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the answers of --batch go; continued if it is there.")
    ] = None,
    after: After = "",
    before: Before = "",
    types: Types = None,
    folders: Folders = None,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Ask a question and get an answer whose sentences name their sources, or a refusal for want of evidence.

    Where the model is away, busy or fails, the nearest passages are printed, and the exit code is 4.
    """
    if not collection:
        raise typer.BadParameter("give --collection NAME (`huisclos collection list` names them)")
    asked: Event = {"collection": collection, "user": person, "within": within(after, before, types, folders)}
    if batch and out and not question:
        with stopped_cleanly("what was answered is kept: run the same command again, it continues"):
            _ask_batch(state, asked, batch, out)
    elif question.strip() and not batch and not out:
        answer = _ask_one(state, {**asked, "question": question}, is_watched=errors.is_terminal and not as_json)
        (show_json if as_json else show_answer)(answer)
        if answer["reason"] in UNWRITTEN:
            raise typer.Exit(ExitCode.UNWRITTEN)
    else:
        raise typer.BadParameter("give either a question, or --batch FILE with --out FILE")


def search(
    question: Annotated[str, typer.Argument(help="What to look for.")],
    collection: InCollection = "",
    person: As = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Passages to print.")] = 10,
    after: After = "",
    before: Before = "",
    types: Types = None,
    folders: Folders = None,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Find passages, best first, without the model."""
    if not collection:
        raise typer.BadParameter("give --collection NAME (`huisclos collection list` names them)")
    wanted = within(after, before, types, folders)
    found = run(state, "search", collection=collection, question=question, user=person, k=limit, within=wanted)
    if as_json:
        show(found, as_json)
        return
    passages = list(found)
    for passage in passages:
        page = f" p. {passage['page']}" if passage["page"] else ""
        say(f"{passage['score']:.3f}  {passage['doc']}{page}  {passage['title']}")
        say(f"       {' '.join(passage['text'].split())}")
    if not passages:
        note("no document matches the filter: widen it" if wanted else "nothing found")


def _ask_one(state: Path, asked: Event, *, is_watched: bool) -> Event:
    """The answer. Somebody who watches sees the draft grow; what counts is printed after its sentences were checked."""
    if not is_watched:
        return dict(final_answer(run(state, "ask", **asked)))
    with operations(state) as operate, Live(console=errors, transient=True, auto_refresh=False) as live:
        live.stop()  # until the house is open, whose own line moves till then
        return dict(final_answer(_seen(operate("ask", **asked), live)))


def _seen(events: Iterator[Event], live: Live) -> Iterator[Event]:
    """The events as they come, each shown before it is passed on."""
    draft = ""
    for event in events:
        live.start()
        draft += event.get("text", "")
        live.update(Text(safe(_step(event, draft)), style="dim"), refresh=True)
        yield event


def _step(event: Event, draft: str) -> str:
    match event["step"]:
        case "understood":
            return f"understood as: {event['question']}"
        case "searching":
            return "searching …"
        case "queued":
            about = f" (about {event['seconds']:.0f} s)" if event["seconds"] else ""
            return f"waiting, place {event['place']}{about}; found {', '.join(dict.fromkeys(event['titles']))} …"
        case "reading":
            return f"reading {', '.join(dict.fromkeys(event['titles']))} …"
    return draft


def _ask_batch(state: Path, asked: Event, batch: Path, out: Path) -> None:
    """Answer what `out` does not hold yet. A question that fails stops nothing, and is asked again next time."""
    questions = read_questions(batch)
    done = resume(out)
    left = [question for question in questions if question.id not in done]
    failed = 0
    with (
        operations(state) as operate,
        out.open("a", encoding="utf-8") as target,
        Count("asking", len(questions), MofNCompleteColumn()) as count,
    ):
        count.update(len(questions) - len(left))
        for question in left:
            try:
                own = {"question": question.text, "history": list(question.history), "is_batch": True}
                answer = final_answer(operate("ask", **asked, **own))
                if answer["reason"] in UNWRITTEN:
                    raise AnswerLost(UNWRITTEN[answer["reason"]])
            except EXPECTED as error:
                if failure_of(error).code is ExitCode.REFUSED:
                    raise
                failed += 1
                count.say(f"{question.id}: {error}")
            else:
                target.write(prediction(question, answer))
                target.flush()
            count.advance()
    note(f"{len(questions)} questions: {len(questions) - len(left)} were answered before, {len(left) - failed} now")
    if failed:
        note(f"{failed} failed; run the same command again to ask them again")
        raise typer.Exit(ExitCode.FAILED)
