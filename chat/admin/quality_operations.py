"""Operations of a collection's owners: what people sent them, and the questions that they measure it by."""

from collections.abc import Iterator, Sequence

from chat import owning
from chat.admin.operations import Event, granted, operation, person_named
from chat.assembly import House
from chat.errors import GoldWrong
from rag.evaluating.question import Gold, Question, gold_of
from rag.store.reports import Report
from security.access import Grant, Right
from security.identity import OPERATOR


def owned(house: House, name: str, user: str, right: Right = Right.MANAGE) -> Grant:
    """The grant of whoever asks to a collection that they manage; one refusal where they do not and where it is not."""
    return granted(house, person_named(house, user) if user else OPERATOR, name, right)


@operation("feedback.list")
def list_feedback(house: House, name: str, user: str = "") -> Iterator[Event]:
    """What people sent the owners of a collection, oldest first, without passages."""
    grant = owned(house, name, user)
    for report in owning.reports_of(house, grant):
        yield _in_list(report)


@operation("feedback.show")
def show_feedback(house: House, name: str, report: str, user: str = "") -> Iterator[Event]:
    """One report, with the passages of the collection that were read for the answer."""
    found = owning.report_of(house, owned(house, name, user), report)
    passages = [
        {
            "doc": passage.doc,
            "title": passage.title,
            "page": passage.page,
            "text": passage.text,
            "quotes": list(passage.quotes),
        }
        for passage in found.passages
    ]
    yield {**_in_list(found), "answer": found.answer, "model": found.model, "passages": passages}


@operation("feedback.drop")
def drop_feedback(house: House, name: str, report: str, user: str = "") -> Iterator[Event]:
    """Remove a report."""
    owning.drop_report(house, owned(house, name, user), report)
    yield {"dropped": report}


@operation("question.add")
def add_question(
    house: House,
    name: str,
    text: str = "",
    report: str = "",
    golds: Sequence[str] = (),
    is_unanswerable: bool = False,
    answers: Sequence[str] = (),
    user: str = "",
) -> Iterator[Event]:
    """Write a question down, or that of a report; what answers it is named, or is what a helpful answer cited."""
    grant = owned(house, name, user)
    sent = house.documents.quality.reports.find(grant, report) if report else None
    wanted = _golds(house, grant, golds, sent, is_unanswerable=is_unanswerable)
    asked = text or (sent.question if sent else "")
    yield _shown(owning.add_question(house, grant, asked, wanted, report=report, answers=answers))


@operation("question.list")
def list_questions(house: House, name: str, user: str = "") -> Iterator[Event]:
    """The questions of a collection's owners, oldest first."""
    for question in house.documents.quality.questions.all(owned(house, name, user)):
        yield _shown(question)


@operation("question.drop")
def drop_question(house: House, name: str, question: str, user: str = "") -> Iterator[Event]:
    """Remove a question."""
    owning.drop_question(house, owned(house, name, user), question)
    yield {"dropped": question}


def _golds(
    house: House, grant: Grant, written: Sequence[str], sent: Report | None, *, is_unanswerable: bool
) -> tuple[Gold, ...]:
    """The golds that were named; those that a helpful answer cited; none where there is no answer."""
    if written and is_unanswerable:
        raise GoldWrong("a question has golds, or is unanswerable: give --gold or --unanswerable")
    if written or is_unanswerable:
        return tuple(map(gold_of, written))
    cited = [passage for passage in sent.passages if passage.quotes] if sent and sent.is_helpful else []
    if not cited:
        raise GoldWrong("say which document answers it with --gold DOC#PAGE, or that none does with --unanswerable")
    return owning.read_golds(house, grant, cited)


def _in_list(report: Report) -> Event:
    return {
        "report": report.id,
        "day": report.day,
        "helpful": report.is_helpful,
        "question": report.question,
        "comment": report.comment,
        "reason": report.reason or None,
    }


def _shown(question: Question) -> Event:
    return {
        "question": question.id,
        "day": question.day,
        "text": question.text,
        "golds": [str(gold) for gold in question.golds],
        "answers": list(question.answers),
        "report": question.report or None,
    }
