"""`huisclos eval`: the questions of a collection's owners, asked again."""

from typing import Annotated, Any

import typer

from chat.admin.options import STATE, As, AsJson, InCollection, State, examples
from chat.admin.output import Event, note, say, show
from chat.admin.session import run, stopped_cleanly

SEEN = ("question", "text", "rank", "page_rank")
ANSWERED = ("refused", "reason", "contained")


def add_to(application: typer.Typer) -> None:
    """Put the command on the command line."""
    application.command("eval", epilog=EXAMPLES)(evaluate)


EXAMPLES = examples(
    "huisclos eval -c contracts",
    "huisclos eval -c contracts --answers --json > run.jsonl",
    "huisclos eval -c contracts --ablate",
)


def evaluate(
    collection: InCollection = "",
    is_answered: Annotated[
        bool, typer.Option("--answers", help="Answer each too (seconds a question), and count refusals and citations.")
    ] = False,
    is_ablation: Annotated[
        bool, typer.Option("--ablate", help="Search without each stage instead, to see what it is worth here.")
    ] = False,
    person: As = "",
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Ask the owners' own questions and tell what changed since the last time, and what may be why.

    A run is kept, sealed with the collection; it is compared with the last one of its kind, with answers or without.
    """
    if not collection:
        raise typer.BadParameter("give --collection NAME (`huisclos collection list` names them)")
    if is_answered and is_ablation:
        raise typer.BadParameter("stages change what is found: give --answers or --ablate")
    if is_ablation:
        with stopped_cleanly("nothing is kept of it"):
            stages = run(state, "eval.ablate", name=collection, user=person)
            show(stages, as_json, when_empty="no question has documents that answer it: there is nothing to compare")
        return
    wanted = "eval.answers" if is_answered else "eval"
    with stopped_cleanly("this run is not kept"):
        events = run(state, wanted, name=collection, user=person)
        if as_json:
            show(events, as_json)
            return
        *rows, last = list(events)
    columns = (*SEEN, *(ANSWERED if is_answered else ()))
    show([{name: row[name] for name in columns} for row in rows], as_json=False)
    _show_metrics(last)
    _show_changes(last)


def _show_metrics(last: Event) -> None:
    before: dict[str, Any] = last["before"] or {}
    say(f"\n{last['questions']} questions, {last['answerable']} of which the documents answer")
    show(
        [
            {"metric": name, "now": _number(value), "before": _number(before.get(name))}
            for name, value in last["metrics"].items()
            if value is not None or before.get(name) is not None
        ],
        as_json=False,
    )


def _show_changes(last: Event) -> None:
    """What went otherwise, and what is different."""
    if last["gone"]:
        note(f"not in the collection any more: {', '.join(last['gone'])}")
    if last["before_at"] is None:
        note("this is the first run of its kind: the next one tells what changed")
        return
    say(f"\nsince {last['before_at'][:19]}: {len(last['changed'])} questions went otherwise")
    for each in last["changed"]:
        told = ", ".join(f"{name} {_word(old)} → {_word(new)}" for name, (old, new) in each["fields"].items())
        say(f"  {each['question']}: {told}")
    for cause in last["causes"]:
        say(f"  {cause['name']}: {_word(cause['before'])} → {_word(cause['now'])}")
    if not last["causes"]:
        say("  documents, models, release and settings are the same")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _word(value: object) -> str:
    match value:
        case None | "":
            return "none"
        case bool():
            return "yes" if value else "no"
    return str(value)
