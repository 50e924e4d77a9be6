"""Claim: what people sent of a collection, and its questions, open in the browser to who manages it, to nobody else."""

import json
import re
import secrets
from typing import Any

import pytest
from sqlalchemy import select

from chat.feedback import evidence_of
from chat.web.owned import create_owned
from rag.documents import DocumentInfo
from rag.evaluating.question import Gold, Question
from rag.store.integrity import Damage
from rag.store.reports import Report
from security.access import Right
from security.tables import audit
from tests.attacks.firm import COMMENT, QUESTION, SAID, Firm, forged

pytestmark = pytest.mark.usefixtures("process_as_it_was")
OWNERS = {"law": "lena", "food": "finn"}
ROUTES = (
    ("GET", "/owned/{collection}"),
    ("GET", "/owned/{collection}/reports/{report}"),
    ("POST", "/owned/{collection}/reports/{report}/question"),
    ("POST", "/owned/{collection}/reports/{report}/drop"),
    ("POST", "/owned/{collection}/questions/{question}/drop"),
)


class Office:
    """The firm after Ada sent a report to both owners, of which Lena made a question already."""

    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        step = firm.rates("ada", json.loads(json.dumps(evidence_of(QUESTION, firm.asks("ada"), "scribe"))))
        firm.house.feedback.send(firm.people["ada"], step)
        self.reports: dict[str, Report] = {name: firm.sent(name)[0] for name in OWNERS}
        (made,) = firm.run("question.add", name="law", text="Old?", golds=["law.md"], user="lena")
        self.question = str(made["question"])

    def address(self, name: str, form: str = "/owned/{collection}/reports/{report}") -> str:
        of = {"collection": self.firm.ids[name], "report": self.reports[name].id}
        return form.format(**of, question=self.question)

    def questions(self, name: str) -> tuple[Question, ...]:
        grant = self.firm.house.policy.grant(self.firm.people[OWNERS[name]], self.firm.ids[name], Right.MANAGE)
        return self.firm.house.documents.quality.questions.all(grant)

    def documents(self, name: str) -> tuple[DocumentInfo, ...]:
        return self.firm.house.documents.documents(self.firm.house.policy.for_indexing(self.firm.ids[name]))

    def make(self, name: str, **filled: Any) -> int:
        """Fill the form in as the collection's owner."""
        address = self.address(name, "/owned/{collection}/reports/{report}/question")
        return int(self.firm.page(OWNERS[name]).post(address, data={"text": "When does it end?", **filled}).status_code)


@pytest.fixture
def office(firm: Firm) -> Office:
    return Office(firm)


@pytest.mark.parametrize(("method", "form"), ROUTES)
@pytest.mark.parametrize("name", ["ada", "bob", "finn"])
def test_who_reads_it_or_owns_another_gets_what_there_is_of_nothing(
    office: Office, name: str, method: str, form: str
) -> None:
    nowhere = form.format(collection=secrets.token_hex(16), report=secrets.token_hex(16), question="00000000")
    answers = [office.firm.page(name).request(method, each) for each in (office.address("law", form), nowhere)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}
    assert (len(office.firm.sent("law")), len(office.questions("law"))) == (1, 1)


def test_every_route_of_the_page_is_tried_above(office: Office) -> None:
    routes = create_owned(office.firm.house).routes
    there = {re.sub(r"_id\}", "}", route.path) for route in routes if hasattr(route, "path")}
    assert there == {"/owned", *(form for _, form in ROUTES)}


def test_a_report_of_another_collection_does_not_open_under_ones_own(office: Office) -> None:
    finn, crossed = office.firm.page("finn"), f"/owned/{office.firm.ids['food']}/reports/{office.reports['law'].id}"
    assert finn.get(crossed).status_code == 404
    for end in ("question", "drop"):
        assert (
            office.firm.page("finn").post(f"{crossed}/{end}", data={"text": "x", "unanswerable": "1"}).status_code
            == 404
        )
    question = office.question
    assert (
        office.firm.page("finn").post(f"/owned/{office.firm.ids['food']}/questions/{question}/drop").status_code == 404
    )
    assert (len(office.firm.sent("law")), len(office.questions("law"))) == (1, 1)


def test_the_list_names_what_one_owns_alone(office: Office) -> None:
    shown = office.firm.page("lena").get("/owned")
    assert office.firm.ids["law"] in shown.text
    assert office.firm.ids["food"] not in shown.text
    for name in ("ada", "bob"):
        assert office.firm.page(name).get("/owned").status_code == 404


def test_an_owner_reads_what_was_sent_and_the_source_opens_at_the_quote(office: Office) -> None:
    browser = office.firm.page("lena")
    listed = browser.get(f"/owned/{office.firm.ids['law']}")
    assert COMMENT in listed.text
    shown = browser.get(office.address("law"))
    for text in (COMMENT, QUESTION, SAID["law"], "law.md"):
        assert text in shown.text
    assert SAID["food"] not in shown.text.replace(QUESTION, "")
    (link,) = set(re.findall(r'href="(/sources/[^"]+)"', shown.text))
    opened = browser.get(link.replace("&amp;", "&"))
    assert opened.status_code == 200
    assert "<mark>" in opened.text


def test_nobody_is_named(office: Office) -> None:
    browser, ada = office.firm.page("lena"), office.firm.people["ada"].user_id
    for address in ("/owned", f"/owned/{office.firm.ids['law']}", office.address("law")):
        text = browser.get(address).text
        assert ada not in text
        assert not re.search(r"\bada\b", text)


def test_an_owner_who_may_not_read_gets_no_way_to_a_source(office: Office) -> None:
    office.firm.house.directory.take(office.firm.people["lena"].user_id, office.firm.ids["law"], Right.READ)
    shown = office.firm.page("lena").get(office.address("law"))
    assert shown.status_code == 200
    assert "/sources/" not in shown.text


def test_a_source_that_changed_is_not_led_to(office: Office) -> None:
    (info,) = office.documents("law")
    office.firm.house.documents.forget(
        office.firm.house.policy.grant(office.firm.people["lena"], office.firm.ids["law"], Right.MANAGE), [info.id]
    )
    shown = office.firm.page("lena").get(office.address("law"))
    assert SAID["law"] in shown.text
    assert "/sources/" not in shown.text


def test_who_is_an_owner_no_more_is_refused_at_the_next_request(office: Office) -> None:
    browser = office.firm.page("lena")
    assert browser.get(office.address("law")).status_code == 200
    office.firm.run("collection.revoke", name="law", user="lena", is_owner=True)
    assert browser.get(office.address("law")).status_code == 404
    assert browser.get("/owned").status_code == 404


def test_a_closed_collection_opens_nothing(office: Office) -> None:
    office.firm.house.documents.integrity.close(office.firm.ids["law"], Damage("damaged"))
    browser = office.firm.page("lena")
    for address in ("/owned", f"/owned/{office.firm.ids['law']}", office.address("law")):
        assert browser.get(address).status_code == 404


def test_another_page_changes_nothing(office: Office) -> None:
    for method, form in ROUTES:
        if method == "POST":
            answer = office.firm.page("lena").post(office.address("law", form), headers={"origin": "http://elsewhere"})
            assert answer.status_code == 403
    assert (len(office.firm.sent("law")), len(office.questions("law"))) == (1, 1)


def test_a_question_is_made_with_the_passage_that_was_read(office: Office) -> None:
    at = next(str(n) for n, each in enumerate(office.reports["law"].passages) if SAID["law"] in each.text)
    assert office.make("law", read=[at], answers="in spring\n\nnext spring") == 303
    (made,) = (question for question in office.questions("law") if question.report)
    assert (made.text, made.report) == ("When does it end?", office.reports["law"].id)
    assert made.golds == (Gold("law.md", None, office.reports["law"].passages[int(at)].text),)
    assert made.answers == ("in spring", "next spring")
    shown = office.firm.page("lena").get(f"/owned/{office.firm.ids['law']}").text
    assert "When does it end?" in shown
    assert "in spring" in shown


@pytest.mark.parametrize(
    "filled",
    [
        {},
        {"read": ["99"]},
        {"read": ["9" * 6000]},
        {"golds": "food.md"},
        {"golds": "law.md#3"},
        {"golds": "\0"},
        {"read": ["0"], "unanswerable": "1"},
        {"unanswerable": "1", "answers": "spring"},
        {"read": ["0"], "text": " "},
        {"read": ["0"], "text": "x" * 5000},
        {"read": ["0"], "answers": "x\n" * 300 + "y" * 500},
        {"golds": "\n".join(f"law.md#{n}" for n in range(1, 40))},
    ],
    ids=str,
)
def test_what_does_not_say_what_answers_it_is_not_kept(office: Office, filled: dict[str, Any]) -> None:
    assert office.make("law", **filled) == 422
    assert len(office.questions("law")) == 1


@pytest.mark.parametrize("written", ["law.md", "LAW.md", "on law"])
def test_a_document_is_named_by_its_path_its_file_or_its_title(office: Office, written: str) -> None:
    assert office.make("law", golds=f"\n {written} \n") == 303
    assert [question.golds for question in office.questions("law") if question.report] == [(Gold("law.md"),)]


def test_a_question_that_no_document_answers_is_kept(office: Office) -> None:
    assert office.make("law", unanswerable="1") == 303
    assert [question.golds for question in office.questions("law") if question.report] == [()]


def test_what_people_wrote_is_letters_on_the_page(office: Office) -> None:
    mark, firm = "<script>alert(1)</script>", office.firm
    firm.house.feedback.send(
        firm.people["bob"], firm.rates("bob", forged(firm, "food", question=mark, sentences=[[mark, []]]))
    )
    report = next(each for each in firm.sent("food") if each.question == mark)
    browser = office.firm.page("finn")
    firm.run("question.add", name="food", text=mark, is_unanswerable=True, user="finn")
    for language in ("fr", "en"):
        for end in ("", f"/reports/{report.id}"):
            text = browser.get(f"/owned/{firm.ids['food']}{end}", headers={"accept-language": language}).text
            assert "<script>" not in text
            assert "&lt;script&gt;" in text


def test_who_looked_and_what_they_made_of_it_stands_in_the_record(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[tuple[str, str]]:
        with office.firm.house.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(select(audit.c.actor, audit.c.action))]

    lena, before = office.firm.people["lena"].user_id, len(told())
    office.firm.page("lena").get(office.address("law"))
    office.make("law", unanswerable="1")
    office.firm.page("lena").post(office.address("law", "/owned/{collection}/reports/{report}/drop"))
    assert {action for actor, action in told()[before:] if actor == lena} == {
        "feedback.read",
        "question.add",
        "feedback.drop",
    }

    def broken(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(office.firm.house.audit, "record", broken)
    for address in (f"/owned/{office.firm.ids['food']}", office.address("food")):
        with pytest.raises(OSError, match="disk"):
            office.firm.page("finn").get(address)
