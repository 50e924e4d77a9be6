"""Reports, questions and runs: sealed with their collection, given to who manages it and to nobody else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Table, insert, select, update

from rag.errors import QuestionRefused, QuestionUnknown, ReportRefused, ReportUnknown
from rag.evaluating.evaluation import Circumstances, CitationScores, Outcome
from rag.evaluating.question import Gold, QuestionId
from rag.personal.policy import Policy
from rag.store import evaluations as evaluations_module
from rag.store import questions as questions_module
from rag.store import reports as reports_module
from rag.store.reports import REPORTS_A_DAY, Report, ReportedPassage
from rag.store.tables import evaluations, questions, reports
from security.access import Right
from security.errors import AccessDenied
from security.identity import OPERATOR, UserId
from tests.postgresql import ON_BOTH_DATABASES
from tests.rag.conftest import Shelf

pytestmark = ON_BOTH_DATABASES
ADA, BOB = UserId("ada"), UserId("bob")
PASSAGE = ReportedPassage("d1", "leave.md", "Leave", 3, "The wombat has 25 days.", ("25 days",))
REPORT = Report(False, "It is 30.", "How many days?", "The wombat has 25 days.", "", "small", (PASSAGE,))
CIRCUMSTANCES = Circumstances(1, 2, "aa", "e5", "small", "0.1.0", {"models.context_tokens": "4096"})
OUTCOMES = (
    Outcome(QuestionId("1"), 1, None, 1.0, 1.0, False, "", CitationScores(1.0, 1.0, 0.5, 1.0)),
    Outcome(QuestionId("2"), None, None, None, None, True, "weak_evidence"),
)


def test_a_report_is_given_to_who_manages_as_it_was_sent(shelf: Shelf) -> None:
    held = shelf.documents.quality.reports
    identifier = held.send(shelf.reading, ADA, "m1", REPORT)
    (found,) = held.all(shelf.managing)
    assert replace(found, id=REPORT.id, day="") == REPORT
    assert held.find(shelf.managing, identifier) == found
    assert ADA not in repr(found)


def test_who_reads_sends_and_sees_none_who_manages_sees_and_sends_none(shelf: Shelf) -> None:
    held = shelf.documents.quality
    held.reports.send(shelf.reading, ADA, "m1", REPORT)
    refused: list[Callable[[], object]] = [
        lambda: held.reports.all(shelf.reading),
        lambda: held.reports.drop(shelf.reading, "x"),
        lambda: held.reports.send(shelf.managing, ADA, "m2", REPORT),
        lambda: held.reports.send(shelf.indexing, ADA, "m2", REPORT),
        lambda: held.reports.all(shelf.indexing),
        lambda: held.questions.add(shelf.reading, "Why?", ()),
        lambda: held.questions.all(shelf.reading),
        lambda: held.questions.drop(shelf.reading, "x"),
        lambda: held.evaluations.add(shelf.reading, CIRCUMSTANCES, OUTCOMES, is_answered=True),
        lambda: held.evaluations.all(shelf.reading),
    ]
    for attempt in refused:
        with pytest.raises(AccessDenied):
            attempt()


def test_a_report_sent_again_replaces_the_first_and_is_taken_back_by_its_sender_alone(shelf: Shelf) -> None:
    held = shelf.documents.quality.reports
    held.send(shelf.reading, ADA, "m1", REPORT)
    held.send(shelf.reading, ADA, "m1", replace(REPORT, comment="It is 31."))
    assert [report.comment for report in held.all(shelf.managing)] == ["It is 31."]
    assert not held.withdraw(shelf.reading, BOB, "m1")
    assert held.withdraw(shelf.reading, ADA, "m1")
    assert held.all(shelf.managing) == ()


def test_a_person_sends_a_bounded_number_a_day(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [datetime(2026, 1, 5, 9, 0, tzinfo=UTC)]
    held = shelf.documents.quality.reports
    monkeypatch.setattr(held, "_clock", lambda: now[0])
    for number in range(REPORTS_A_DAY):
        held.send(shelf.reading, ADA, f"m{number}", REPORT)
    held.send(shelf.reading, ADA, "m0", REPORT)
    with pytest.raises(ReportRefused, match="today"):
        held.send(shelf.reading, ADA, "one more", REPORT)
    held.send(shelf.reading, BOB, "his first", REPORT)
    now[0] += timedelta(days=1)
    held.send(shelf.reading, ADA, "one more", REPORT)


def test_owners_hold_a_bounded_number(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports_module, "REPORTS_MAX", 1)
    monkeypatch.setattr(questions_module, "QUESTIONS_MAX", 1)
    monkeypatch.setattr(evaluations_module, "EVALUATIONS_KEPT", 2)
    held = shelf.documents.quality
    held.reports.send(shelf.reading, ADA, "m1", REPORT)
    with pytest.raises(ReportRefused, match="feedback drop"):
        held.reports.send(shelf.reading, BOB, "m2", REPORT)
    held.questions.add(shelf.managing, "Why?", ())
    with pytest.raises(QuestionRefused):
        held.questions.add(shelf.managing, "Why not?", ())
    made = [
        held.evaluations.add(shelf.managing, CIRCUMSTANCES, OUTCOMES, is_answered=number == 1) for number in range(3)
    ]
    assert held.evaluations.all(shelf.managing) == tuple(made[1:])
    assert held.evaluations.last(shelf.managing, is_answered=True) == made[1]
    assert held.evaluations.last(shelf.managing, is_answered=False) == made[2]


def test_questions_come_back_and_go(shelf: Shelf) -> None:
    held = shelf.documents.quality.questions
    made = held.add(shelf.managing, " How many days? ", (Gold("leave.md", 3), Gold("b.md")), report="r1")
    assert (made.text, made.is_answerable, made.docs) == ("How many days?", True, frozenset({"leave.md", "b.md"}))
    assert held.all(shelf.managing) == (made,)
    held.drop(shelf.managing, made.id)
    assert held.all(shelf.managing) == ()
    with pytest.raises(QuestionUnknown):
        held.drop(shelf.managing, made.id)
    with pytest.raises(QuestionRefused):
        held.add(shelf.managing, "  ", ())


def test_what_is_of_another_collection_is_not_there(shelf: Shelf) -> None:
    held, other = shelf.documents.quality, shelf.collections.create("other")
    theirs = shelf.policy.grant(OPERATOR, other, Right.MANAGE)
    identifier = held.reports.send(shelf.reading, ADA, "m1", REPORT)
    question = held.questions.add(shelf.managing, "Why?", ())
    assert (held.reports.all(theirs), held.questions.all(theirs)) == ((), ())
    with pytest.raises(ReportUnknown):
        held.reports.drop(theirs, identifier)
    with pytest.raises(QuestionUnknown):
        held.questions.drop(theirs, question.id)
    assert held.reports.find(shelf.managing, identifier)


def test_a_row_moved_to_another_collection_or_changed_does_not_open(shelf: Shelf) -> None:
    held, other = shelf.documents.quality, shelf.collections.create("other")
    theirs = shelf.policy.grant(OPERATOR, other, Right.MANAGE)
    held.reports.send(shelf.reading, ADA, "m1", REPORT)
    with shelf.engine.begin() as connection:
        row = dict(connection.execute(select(reports)).mappings().one())
        connection.execute(insert(questions).values(row))
        connection.execute(update(reports).values(collection_id=other))
    assert held.reports.all(theirs) == held.reports.all(shelf.managing) == ()
    assert held.questions.all(shelf.managing) == ()


def test_where_the_collection_masks_a_report_is_masked_too(shelf: Shelf) -> None:
    held, number = shelf.documents.quality.reports, "FR76 3000 6000 0112 3456 7890 189"
    passage = replace(PASSAGE, text=f"Pay {number}.", quotes=(number,))
    report = replace(REPORT, comment=number, question=number, answer=number, passages=(passage,))
    held.send(shelf.reading, ADA, "before", report)
    assert number in repr(held.all(shelf.managing))
    shelf.documents.decide(shelf.managing, Policy.MASK)
    held.send(shelf.reading, ADA, "after", report)
    assert len(held.all(shelf.managing)) == 2
    assert number not in repr(held.all(shelf.managing))
    assert "[IBAN]" in repr(held.all(shelf.managing))
    shelf.documents.decide(shelf.managing, Policy.KEEP)
    assert sum(number in repr(found) for found in held.all(shelf.managing)) == 1


def test_a_rotation_seals_them_anew_and_they_open_as_before(shelf: Shelf) -> None:
    held = shelf.documents.quality
    held.reports.send(shelf.reading, ADA, "m1", REPORT)
    held.questions.add(shelf.managing, "Why?", (Gold("a"),))
    held.evaluations.add(shelf.managing, CIRCUMSTANCES, OUTCOMES, is_answered=True)
    before = (
        held.reports.all(shelf.managing),
        held.questions.all(shelf.managing),
        held.evaluations.all(shelf.managing),
    )
    list(shelf.documents.reseal(shelf.managing))
    after = (held.reports.all(shelf.managing), held.questions.all(shelf.managing), held.evaluations.all(shelf.managing))
    assert after == before
    assert {len(part) for part in after} == {1}
    assert {version(shelf, table) for table in (reports, questions, evaluations)} == {2}
    held.reports.send(shelf.reading, ADA, "m1", REPORT)
    assert len(held.reports.all(shelf.managing)) == 1


def version(shelf: Shelf, table: Table) -> int:
    """The version of the key under which the only row is sealed."""
    with shelf.engine.connect() as connection:
        return int.from_bytes(connection.execute(select(table.c.about)).scalar_one()[1:5], "big")


def test_they_go_with_their_collection(shelf: Shelf) -> None:
    held = shelf.documents.quality
    held.reports.send(shelf.reading, ADA, "m1", REPORT)
    held.questions.add(shelf.managing, "Why?", ())
    held.evaluations.add(shelf.managing, CIRCUMSTANCES, OUTCOMES, is_answered=True)
    shelf.collections.remove(shelf.collection_id)
    with shelf.engine.connect() as connection:
        assert [connection.execute(select(table)).all() for table in (reports, questions, evaluations)] == [[]] * 3
