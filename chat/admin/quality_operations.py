"""Operations of a collection's owners: what people sent them, and the questions that they measure it by."""

from collections.abc import Iterator, Sequence

from chat.admin.operations import Event, granted, operation, person_named
from chat.admin.outcomes import InputWrong
from chat.assembly import House
from rag.evaluating.question import Gold, Question, gold_of
from rag.store.reports import Report
from security.access import Grant, Right
from security.identity import OPERATOR

READ_FEEDBACK = "feedback.read"
"""The action under which the record tells that somebody looked at reports."""


def owned(house: House, name: str, user: str, right: Right = Right.MANAGE) -> Grant:
    """The grant of whoever asks to a collection that they manage; one refusal where they do not and where it is not."""
    return granted(house, person_named(house, user) if user else OPERATOR, name, right)


@operation("feedback.list")
def list_feedback(house: House, name: str, user: str = "") -> Iterator[Event]:
    """What people sent the owners of a collection, oldest first, without passages."""
    grant = owned(house, name, user)
    house.audit.record(grant.principal.user_id, READ_FEEDBACK, grant.collection_id, "begun")
    for report in house.documents.quality.reports.all(grant):
        yield _in_list(report)


@operation("feedback.show")
def show_feedback(house: House, name: str, report: str, user: str = "") -> Iterator[Event]:
    """One report, with the passages of the collection that were read for the answer."""
    grant = owned(house, name, user)
    house.audit.record(grant.principal.user_id, READ_FEEDBACK, grant.collection_id, "begun")
    found = house.documents.quality.reports.find(grant, report)
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
    grant = owned(house, name, user)
    house.documents.quality.reports.drop(grant, report)
    house.audit.record(grant.principal.user_id, "feedback.drop", f"{grant.collection_id}/{report}", "done")
    yield {"dropped": report}


@operation("question.add")
def add_question(
    house: House,
    name: str,
    text: str = "",
    report: str = "",
    golds: Sequence[str] = (),
    is_unanswerable: bool = False,
    user: str = "",
) -> Iterator[Event]:
    """Write a question down, or that of a report; what answers it is named, or is what a helpful answer cited."""
    grant, quality = owned(house, name, user), house.documents.quality
    sent = quality.reports.find(grant, report) if report else None
    wanted = _golds(golds, sent, is_unanswerable=is_unanswerable)
    _check_there(house, grant, wanted)
    asked = text or (sent.question if sent else "")
    made = quality.questions.add(grant, asked, wanted, report)
    house.audit.record(grant.principal.user_id, "question.add", f"{grant.collection_id}/{made.id}", "done")
    yield _shown(made)


@operation("question.list")
def list_questions(house: House, name: str, user: str = "") -> Iterator[Event]:
    """The questions of a collection's owners, oldest first."""
    for question in house.documents.quality.questions.all(owned(house, name, user)):
        yield _shown(question)


@operation("question.drop")
def drop_question(house: House, name: str, question: str, user: str = "") -> Iterator[Event]:
    """Remove a question."""
    grant = owned(house, name, user)
    house.documents.quality.questions.drop(grant, question)
    house.audit.record(grant.principal.user_id, "question.drop", f"{grant.collection_id}/{question}", "done")
    yield {"dropped": question}


def _golds(written: Sequence[str], sent: Report | None, *, is_unanswerable: bool) -> tuple[Gold, ...]:
    """The golds that were named; those that a helpful answer cited; none where there is no answer."""
    if written and is_unanswerable:
        raise InputWrong("a question has golds, or is unanswerable: give --gold or --unanswerable")
    if written or is_unanswerable:
        return tuple(dict.fromkeys(map(gold_of, written)))
    cited = [passage for passage in sent.passages if passage.quotes] if sent and sent.is_helpful else []
    if not cited:
        raise InputWrong("say which document answers it with --gold DOC#PAGE, or that none does with --unanswerable")
    return tuple(dict.fromkeys(Gold(passage.doc, passage.page) for passage in cited))


def _check_there(house: House, grant: Grant, golds: Sequence[Gold]) -> None:
    """Raise InputWrong for a gold that is no page of the collection."""
    pages = {info.path: info.pages for info in house.documents.documents(grant)} if golds else {}
    for gold in golds:
        if gold.doc not in pages:
            raise InputWrong(f"{gold.doc} is no document of the collection; see `huisclos collection show`")
        if gold.page is not None and gold.page > (pages[gold.doc] or 0):
            raise InputWrong(f"{gold} has no such page: the document has {pages[gold.doc] or 'none'}")


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
        "report": question.report or None,
    }
