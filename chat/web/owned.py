"""What a collection's owners read of it in the browser: what people sent, with its evidence, and the test questions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request, status
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from chat import owning
from chat.assembly import House
from chat.errors import GoldWrong
from chat.visitor import current_visitor
from chat.web.pages import shown
from rag.documents import Passage, PassageId
from rag.errors import QuestionRefused, QuestionUnknown, RagError, ReportUnknown
from rag.evaluating.question import Question
from rag.store.reports import Report, ReportedPassage
from security.access import Grant, Right
from security.errors import AccessDenied, SecurityError
from security.identity import CollectionId

REPORTS_SHOWN = 30
"""On a page of the list."""
PAGES_MAX = 1000
NUMBER_DIGITS_MAX = 4
"""Of a passage in a report, as a form gives it; int() refuses thousands."""
TOLD = frozenset({"made", "removed"})
"""What a list says it has just done."""
Number = Annotated[int, Query(ge=1, le=PAGES_MAX)]
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Owned:
    """A collection of an owner's, with how many reports and questions it has."""

    id: CollectionId
    name: str
    reports: int
    questions: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage of a report: its text in pieces, those that were cited marked; where its source opens, or nothing."""

    passage: ReportedPassage
    pieces: Sequence[tuple[str, bool]]
    address: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What an owner filled in: the question, numbers of passages that answer it, documents by name, expected words."""

    text: str
    read: frozenset[int]
    golds: str = ""
    answers: str = ""
    is_unanswerable: bool = False


def form_of(
    text: Annotated[str, Form()] = "",
    read: Annotated[tuple[str, ...], Form()] = (),
    golds: Annotated[str, Form()] = "",
    answers: Annotated[str, Form()] = "",
    unanswerable: Annotated[str, Form()] = "",
) -> Asked:
    """The form as it came."""
    numbers = frozenset(int(each) for each in read if each.isdecimal() and len(each) <= NUMBER_DIGITS_MAX)
    return Asked(text, numbers, golds, answers, bool(unanswerable))


FilledIn = Annotated[Asked, Depends(form_of)]


def create_owned(house: House) -> APIRouter:
    """Routes under /owned; each checks the right to manage, and answers 404 alike for another's and for what is not."""
    router = APIRouter(prefix="/owned")

    _add_lists(router, house)
    _add_report(router, house)
    _add_changes(router, house)
    return router


def _add_lists(router: APIRouter, house: House) -> None:
    @router.get("")
    def collections(request: Request) -> HTMLResponse:
        grants = house.policy.grants(current_visitor().principal, Right.MANAGE)
        owned = sorted(_owned(house, grants), key=lambda each: each.name)
        if not owned:
            raise HTTPException(404)
        return shown(request, "owned.html", owned=owned)

    @router.get("/{collection_id}")
    def collection(collection_id: str, request: Request, page: Number = 1, told: str = "") -> HTMLResponse:
        grant = _managed(house, collection_id)
        reports = owning.reports_of(house, grant)[::-1]
        questions = house.documents.quality.questions.all(grant)
        first = (page - 1) * REPORTS_SHOWN
        return shown(
            request,
            "owned_collection.html",
            id=grant.collection_id,
            name=house.collections.get(grant.collection_id).name,
            told=told if told in TOLD else "",
            reports=reports[first : first + REPORTS_SHOWN],
            asked={question.report for question in questions},
            questions=questions,
            newer=page - 1,
            older=page + 1 if len(reports) > first + REPORTS_SHOWN else 0,
        )


def _add_report(router: APIRouter, house: House) -> None:
    @router.get("/{collection_id}/reports/{report_id}")
    def show(collection_id: str, report_id: str, request: Request) -> HTMLResponse:
        grant = _managed(house, collection_id)
        report = _found(lambda: owning.report_of(house, grant, report_id))
        cited = frozenset(n for n, each in enumerate(report.passages) if each.quotes and report.is_helpful)
        return _report(house, grant, report, Asked(report.question, cited), request)

    @router.post("/{collection_id}/reports/{report_id}/question")
    def make(collection_id: str, report_id: str, request: Request, asked: FilledIn) -> Response:
        grant = _managed(house, collection_id)
        report = _found(lambda: owning.report_of(house, grant, report_id))
        try:
            _made(house, grant, report, asked)
        except (GoldWrong, QuestionRefused):
            return _report(house, grant, report, asked, request, code=422)
        return _back(grant, "made")


def _add_changes(router: APIRouter, house: House) -> None:
    @router.post("/{collection_id}/reports/{report_id}/drop")
    def drop_report(collection_id: str, report_id: str) -> Response:
        grant = _managed(house, collection_id)
        _found(lambda: owning.drop_report(house, grant, report_id))
        return _back(grant, "removed")

    @router.post("/{collection_id}/questions/{question_id}/drop")
    def drop_question(collection_id: str, question_id: str) -> Response:
        grant = _managed(house, collection_id)
        _found(lambda: owning.drop_question(house, grant, question_id))
        return _back(grant, "removed")


def _managed(house: House, collection_id: str) -> Grant:
    """The right to manage a collection that opens; 404 for one that is another's, is not there, or is closed."""
    try:
        grant = house.policy.grant(current_visitor().principal, CollectionId(collection_id), Right.MANAGE)
        house.documents.policies(grant)
    except (AccessDenied, RagError, SecurityError):
        raise HTTPException(404) from None
    return grant


def _found(look: Callable[[], _Found]) -> _Found:
    try:
        return look()
    except (ReportUnknown, QuestionUnknown):
        raise HTTPException(404) from None


def _owned(house: House, grants: Sequence[Grant]) -> Iterator[Owned]:
    """Of each collection that opens, its name and counts; what was sent is not shown, so nothing is recorded."""
    quality = house.documents.quality
    for grant in grants:
        try:
            counts = len(quality.reports.all(grant)), len(quality.questions.all(grant))
            yield Owned(grant.collection_id, house.collections.get(grant.collection_id).name, *counts)
        except (RagError, SecurityError):
            continue  # closed, or its policy is not understood


def _made(house: House, grant: Grant, report: Report, asked: Asked) -> Question:
    """A question from what was filled in. Raises GoldWrong where it says neither what answers it nor that none does."""
    chosen = [each for n, each in enumerate(report.passages) if n in asked.read]
    named = [line for line in asked.golds.splitlines() if line.strip()]
    if asked.is_unanswerable == bool(chosen or named):
        raise GoldWrong("a question has documents that answer it, or none does")
    golds = (*owning.read_golds(house, grant, chosen), *owning.named_golds(house, grant, named))
    answers = asked.answers.splitlines()
    return owning.add_question(house, grant, asked.text, golds, report=report.id, answers=answers)


def _report(
    house: House, grant: Grant, report: Report, asked: Asked, request: Request, code: int = 200
) -> HTMLResponse:
    questions = house.documents.quality.questions.all(grant)
    return shown(
        request,
        "owned_report.html",
        code,
        id=grant.collection_id,
        name=house.collections.get(grant.collection_id).name,
        report=report,
        evidence=list(_evidence(house, grant, report.passages)),
        asked=asked,
        is_wrong=code != status.HTTP_200_OK,
        made=[question for question in questions if question.report == report.id],
    )


def _evidence(house: House, managed: Grant, passages: Sequence[ReportedPassage]) -> Iterator[Evidence]:
    """Each passage, with its source where the owner may read the collection and the document is still what it was."""
    there: dict[str, Passage] = {}
    ids = [PassageId(each.passage) for each in passages if each.passage]
    try:
        reading = house.policy.grant(managed.principal, managed.collection_id, Right.READ)
        there = {passage.id: passage for passage in house.documents.passages(reading, ids)}
    except AccessDenied:
        pass  # who manages and does not read has the report alone
    for each in passages:
        opened = there.get(each.passage)
        yield Evidence(each, pieces_of(each.text, each.quotes), _address(opened, each.quotes) if opened else "")


def pieces_of(text: str, quotes: Sequence[str]) -> list[tuple[str, bool]]:
    """The text in pieces, those that a quote covers marked; put together they are the text."""
    marked = bytearray(len(text))
    for quote in quotes:
        at = text.find(quote)
        if at >= 0:
            marked[at : at + len(quote)] = b"\1" * len(quote)
    runs = groupby(zip(text, marked, strict=True), key=itemgetter(1))
    return [("".join(letter for letter, _ in run), bool(is_marked)) for is_marked, run in runs]


def _address(passage: Passage, quotes: Sequence[str]) -> str:
    """Where the source opens, at the first quote that stands in it."""
    base = f"/sources/{passage.document.collection_id}/{passage.document.id}/passages/{passage.id}"
    places = ((passage.chunk.text.find(quote), len(quote)) for quote in quotes)
    at = next((f"{start}-{start + length}" for start, length in places if start >= 0), "")
    return f"{base}?{urlencode({'quote': at})}" if at else base


def _back(grant: Grant, told: str) -> Response:
    return RedirectResponse(f"/owned/{grant.collection_id}?told={told}", 303)
