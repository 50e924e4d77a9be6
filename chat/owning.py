"""What the owners of a collection make of what people sent them: questions that measure it (`huisclos eval`)."""

from collections.abc import Iterable, Sequence

from chat.assembly import House
from chat.errors import GoldWrong
from rag.documents import DocumentId, DocumentInfo
from rag.evaluating.question import MARK, Gold, Question, gold_of
from rag.store.reports import Report, ReportedPassage
from security.access import Grant

READ_FEEDBACK, DROP_FEEDBACK = "feedback.read", "feedback.drop"
ADD_QUESTION, DROP_QUESTION = "question.add", "question.drop"
"""The actions under which the record tells that somebody looked at reports, and what they made of them."""


def reports_of(house: House, grant: Grant) -> tuple[Report, ...]:
    """What people sent of a collection, oldest first; that somebody looks stands in the record before."""
    house.audit.record(grant.principal.user_id, READ_FEEDBACK, grant.collection_id, "begun")
    return house.documents.quality.reports.all(grant)


def report_of(house: House, grant: Grant, report_id: str) -> Report:
    """One of them. Raises ReportUnknown."""
    house.audit.record(grant.principal.user_id, READ_FEEDBACK, grant.collection_id, "begun")
    return house.documents.quality.reports.find(grant, report_id)


def drop_report(house: House, grant: Grant, report_id: str) -> None:
    """Remove one. Raises ReportUnknown."""
    house.documents.quality.reports.drop(grant, report_id)
    house.audit.record(grant.principal.user_id, DROP_FEEDBACK, f"{grant.collection_id}/{report_id}", "done")


def drop_question(house: House, grant: Grant, question_id: str) -> None:
    """Remove a question. Raises QuestionUnknown."""
    house.documents.quality.questions.drop(grant, question_id)
    house.audit.record(grant.principal.user_id, DROP_QUESTION, f"{grant.collection_id}/{question_id}", "done")


def add_question(
    house: House, grant: Grant, text: str, golds: Sequence[Gold], *, report: str = "", answers: Sequence[str] = ()
) -> Question:
    """Write a question down. Raises GoldWrong for a gold that is no page of the collection, and QuestionRefused."""
    _check_there(golds, house.documents.documents(grant) if golds else ())
    made = house.documents.quality.questions.add(grant, text, tuple(dict.fromkeys(golds)), report, answers)
    house.audit.record(grant.principal.user_id, ADD_QUESTION, f"{grant.collection_id}/{made.id}", "done")
    return made


def read_golds(house: House, grant: Grant, passages: Iterable[ReportedPassage]) -> tuple[Gold, ...]:
    """Passages of a report as golds: where their document stands now, with the text that was read."""
    paths = {info.id: info.path for info in house.documents.documents(grant)}
    return tuple(Gold(paths.get(DocumentId(each.document), each.doc), each.page, each.text) for each in passages)


def named_golds(house: House, grant: Grant, written: Iterable[str]) -> tuple[Gold, ...]:
    """Golds as a person writes them: `DOC` or `DOC#PAGE`, DOC a path, or a file's name or title that one document has.

    Raises GoldWrong where no document is named so, or several are, and QuestionRefused for what names none.
    """
    infos = house.documents.documents(grant)
    return tuple(_named(gold_of(each), infos) for each in written)


def _named(gold: Gold, infos: Sequence[DocumentInfo]) -> Gold:
    wanted = gold.doc.casefold()
    if any(info.path == gold.doc for info in infos):
        return gold
    found = [info.path for info in infos if wanted in (info.path.rpartition("/")[2].casefold(), info.title.casefold())]
    if len(found) != 1:
        raise GoldWrong(f"{gold.doc} names {len(found) or 'no'} documents of the collection: give the path of one")
    return Gold(found[0], gold.page)


def _check_there(golds: Sequence[Gold], infos: Sequence[DocumentInfo]) -> None:
    pages = {info.path: info.pages for info in infos}
    for gold in golds:
        if gold.doc not in pages:
            raise GoldWrong(f"{gold.doc} is no document of the collection; see `huisclos collection show`")
        if gold.page is not None and gold.page > (pages[gold.doc] or 0):
            raise GoldWrong(
                f"{gold.doc}{MARK}{gold.page} has no such page: the document has {pages[gold.doc] or 'none'}"
            )
