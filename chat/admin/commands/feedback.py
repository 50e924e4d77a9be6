"""`huisclos feedback …` and `huisclos question …`: what owners of a collection hear of it, and measure it by."""

from typing import Annotated

import typer

from chat.admin.options import STATE, As, AsJson, State, examples, group
from chat.admin.output import Event, say, show, show_fields, show_json
from chat.admin.session import run

feedback = group("What people sent to the owners of a collection: thumbs, with question, answer and passages.")
questions = group("Questions that the owners of a collection measure it by (`huisclos eval`).")

Name = Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's name.")]
Report = Annotated[str, typer.Argument(metavar="REPORT", help="The report's id, as the list shows it.")]


@feedback.command(
    "list", epilog=examples("huisclos feedback list contracts", "huisclos feedback list contracts --as ada")
)
def list_(name: Name, person: As = "", state: State = STATE, as_json: AsJson = False) -> None:
    """List what people sent of a collection, oldest first."""
    show(run(state, "feedback.list", name=name, user=person), as_json, "nobody sent anything of this collection")


@feedback.command("show", epilog=examples("huisclos feedback show contracts 1f2e3d4c5b6a79881f2e3d4c5b6a7988"))
def show_one(name: Name, report: Report, person: As = "", state: State = STATE, as_json: AsJson = False) -> None:
    """Show one report, with the passages that were read for the answer."""
    for found in run(state, "feedback.show", name=name, report=report, user=person):
        if as_json:
            show_json(found)
            continue
        show_fields({field: value for field, value in found.items() if field != "passages"})
        for passage in found["passages"]:
            page = f" p. {passage['page']}" if passage["page"] else ""
            say(f"\n{passage['doc']}{page}  {passage['title']}")
            say(f"  {' '.join(passage['text'].split())}")
            for quote in passage["quotes"]:
                say(f"  cited: « {' '.join(quote.split())} »")


@feedback.command("drop", epilog=examples("huisclos feedback drop contracts 1f2e3d4c5b6a79881f2e3d4c5b6a7988"))
def drop(name: Name, report: Report, person: As = "", state: State = STATE, as_json: AsJson = False) -> None:
    """Remove a report. A question that was made from it stays."""
    for dropped in run(state, "feedback.drop", name=name, report=report, user=person):
        _tell(dropped, as_json, f"report {report} is gone")


@questions.command(
    "add",
    epilog=examples(
        'huisclos question add contracts "When does the lease end?" --gold leases/main.pdf#3 --answer "31 March 2027"',
        "huisclos question add contracts --from 1f2e3d4c5b6a79881f2e3d4c5b6a7988",
        'huisclos question add contracts "Who won the world cup?" --unanswerable',
    ),
)
def add(
    name: Name,
    text: Annotated[
        str, typer.Argument(metavar="[QUESTION]", help="The question; that of the report if not given.")
    ] = "",
    report: Annotated[str, typer.Option("--from", metavar="REPORT", help="A report to make it from.")] = "",
    golds: Annotated[
        list[str] | None,
        typer.Option(
            "--gold", metavar="DOC#PAGE", help="What answers it: a document, perhaps its page. Again for more."
        ),
    ] = None,
    is_unanswerable: Annotated[
        bool, typer.Option("--unanswerable", help="No document answers it: a refusal is right.")
    ] = False,
    answers: Annotated[
        list[str] | None,
        typer.Option(
            "--answer", metavar="WORDS", help="What a right answer says, in whole words. Again for another wording."
        ),
    ] = None,
    person: As = "",
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Write a question down with what answers it. Of a helpful answer's report that is what was cited, if not named."""
    given = {
        "text": text,
        "report": report,
        "golds": golds or [],
        "is_unanswerable": is_unanswerable,
        "answers": answers or [],
    }
    for added in run(state, "question.add", name=name, user=person, **given):
        answered = ", ".join(added["golds"]) or "nothing"
        _tell(
            added, as_json, f"question {added['question']} is asked by `huisclos eval -c {name}`; {answered} answers it"
        )


@questions.command("list", epilog=examples("huisclos question list contracts"))
def list_questions(name: Name, person: As = "", state: State = STATE, as_json: AsJson = False) -> None:
    """List the questions of a collection, with what answers each."""
    show(
        run(state, "question.list", name=name, user=person),
        as_json,
        "no question yet; `huisclos question add` makes one",
    )


@questions.command("drop", epilog=examples("huisclos question drop contracts 1f2e3d4c"))
def drop_question(
    name: Name,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question's id, as the list shows it.")],
    person: As = "",
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Remove a question."""
    for dropped in run(state, "question.drop", name=name, question=question, user=person):
        _tell(dropped, as_json, f"question {question} is gone")


def _tell(event: Event, as_json: bool, sentence: str) -> None:
    if as_json:
        show_json(event)
    else:
        say(sentence)
