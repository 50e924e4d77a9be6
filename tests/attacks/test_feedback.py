"""Claim: a rating reaches owners only when the person sends it, and gives each owner their own collection alone."""

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from chat.conversations import ThreadId
from chat.feedback import EVIDENCE, LEFT_OUT, evidence_of
from chat.settings import FeedbackWanted
from rag.store.integrity import Damage
from rag.store.reports import REPORTS_A_DAY
from rag.store.sealed_rows import row_context
from rag.store.tables import reports
from security.tables import audit
from tests.attacks.firm import COMMENT, QUESTION, SAID, THREAD, Firm, forged

pytestmark = pytest.mark.usefixtures("process_as_it_was")


@pytest.fixture
def rated(firm: Firm) -> str:
    """Ada's message with a thumb, made of both collections."""
    answer = firm.asks("ada")
    assert {cite.passage.document.collection_id for cite in answer.citations} == set(firm.ids.values())
    kept = json.loads(json.dumps(evidence_of(QUESTION, answer, "scribe")))
    return firm.rates("ada", kept)


def test_nothing_leaves_before_the_person_sends_it(firm: Firm, rated: str) -> None:
    shown = firm.page("ada").get(f"/feedback/{rated}")
    assert shown.status_code == 200
    for text in (*SAID.values(), COMMENT, "law", "food"):
        assert text in shown.text
    assert (firm.sent("law"), firm.sent("food")) == ((), ())
    assert firm.page("ada").post(f"/feedback/{rated}").status_code == 200
    assert (len(firm.sent("law")), len(firm.sent("food"))) == (1, 1)


def test_each_owner_gets_their_collection_alone(firm: Firm, rated: str) -> None:
    firm.page("ada").post(f"/feedback/{rated}")
    for name, other in (("law", "food"), ("food", "law")):
        (report,) = firm.sent(name)
        assert [passage.text for passage in report.passages if SAID[name] in passage.text]
        assert SAID[name] in report.answer
        assert LEFT_OUT in report.answer
        assert report.comment == COMMENT
        for word in (SAID[other], f"{other}.md", "emu"):
            assert word not in repr(report)
        owner = "lena" if name == "law" else "finn"
        assert [row["report"] for row in firm.run("feedback.list", name=name, user=owner)] == [report.id]


def test_an_answer_of_one_collection_keeps_what_stands_on_nothing(firm: Firm) -> None:
    step = firm.rates("bob", json.loads(json.dumps(evidence_of(QUESTION, firm.asks("bob"), "scribe"))))
    firm.page("bob").post(f"/feedback/{step}")
    (report,) = firm.sent("food")
    assert "The emu pays nothing." in report.answer


def test_a_report_names_nobody(firm: Firm, rated: str) -> None:
    firm.page("ada").post(f"/feedback/{rated}")
    (report,) = firm.sent("law")
    ada = firm.people["ada"].user_id
    (row,) = firm.run("feedback.show", name="law", report=report.id, user="lena")
    assert ada not in json.dumps(row)
    assert not re.search(r"\bada\b", json.dumps(row))
    key = firm.house.keyring.for_grant(firm.house.policy.for_indexing(firm.ids["law"]))
    with firm.house.engine.connect() as connection:
        (sealed,) = connection.execute(select(reports).where(reports.c.collection_id == firm.ids["law"])).mappings()
    assert ada.encode() not in key.open(sealed["about"], row_context(reports, sealed["id"]))


def test_a_message_that_claims_what_the_person_may_not_read_brings_up_nothing(firm: Firm) -> None:
    step = firm.rates("bob", forged(firm, "law"))
    missing = firm.page("bob").get(f"/feedback/{secrets.token_hex(16)}")
    for method in ("GET", "POST"):
        answer = firm.page("bob").request(method, f"/feedback/{step}")
        assert (answer.status_code, answer.text) == (missing.status_code, missing.text)
    assert missing.status_code == 404
    assert firm.sent("law") == ()


def test_a_passage_claimed_under_a_collection_that_it_is_not_of_brings_up_nothing(firm: Firm) -> None:
    alien = [[firm.ids["food"], passage, quotes] for _, passage, quotes in forged(firm, "law")["passages"]]
    step = firm.rates("bob", forged(firm, "law", passages=alien))
    assert firm.page("bob").get(f"/feedback/{step}").status_code == 404


@pytest.mark.parametrize(
    "evidence",
    [
        None,
        [],
        "evidence",
        {},
        {"passages": 3},
        {"question": "q", "model": "m", "reason": "", "sentences": [], "passages": [["c", "p"]]},
        {"question": "q", "model": "m", "reason": "", "sentences": [["s", [float("inf")]]], "passages": []},
        {"question": "q", "model": "m", "reason": "", "sentences": [], "passages": [["c", "\0", []]]},
        {"question": "q", "model": "m", "reason": "", "sentences": [], "passages": [["c", {}, [["9" * 5000, 1, 2]]]]},
    ],
)
def test_a_message_of_another_shape_is_nothing_to_send(firm: Firm, evidence: Any) -> None:
    step = firm.rates("ada", evidence)
    assert firm.page("ada").get(f"/feedback/{step}").status_code == 404
    assert firm.page("ada").post(f"/feedback/{step}").status_code == 404


def test_who_lost_the_grant_sends_nothing_of_it(firm: Firm, rated: str) -> None:
    firm.run("collection.revoke", name="law", user="ada")
    assert SAID["law"] not in firm.page("ada").get(f"/feedback/{rated}").text
    firm.page("ada").post(f"/feedback/{rated}")
    assert (len(firm.sent("law")), len(firm.sent("food"))) == (0, 1)
    firm.run("collection.revoke", name="food", user="ada")
    assert firm.page("ada").post(f"/feedback/{rated}").status_code == 404


def test_a_collection_that_is_closed_gets_nothing(firm: Firm, rated: str) -> None:
    firm.house.documents.integrity.close(firm.ids["law"], Damage("damaged"))
    assert SAID["law"] not in firm.page("ada").get(f"/feedback/{rated}").text


def test_somebody_elses_message_is_as_one_that_is_not_there(firm: Firm, rated: str) -> None:
    bob = firm.page("bob")
    for method in ("GET", "POST"):
        told = [bob.request(method, f"/feedback/{step}") for step in (rated, "ada-nothing", "x" * 80)]
        assert {(answer.status_code, answer.text) for answer in told} == {(404, told[0].text)}
    assert firm.sent("food") == ()


def test_another_page_sends_nothing(firm: Firm, rated: str) -> None:
    answer = firm.page("ada").post(f"/feedback/{rated}", headers={"origin": "http://elsewhere"})
    assert answer.status_code == 403
    assert firm.sent("law") == ()


def test_a_message_without_a_thumb_is_nothing_to_send(firm: Firm, rated: str) -> None:
    (step,) = firm.house.conversations.steps(firm.people["ada"], ThreadId(f"ada-{THREAD}"))
    firm.house.conversations.unrate(firm.people["ada"], step["feedback"]["id"])
    assert firm.page("ada").post(f"/feedback/{rated}").status_code == 404


def test_what_was_sent_is_taken_back_with_the_thumb(firm: Firm, rated: str) -> None:
    firm.page("ada").post(f"/feedback/{rated}")
    firm.house.feedback.withdraw(firm.people["bob"], rated)
    assert len(firm.sent("food")) == 1
    firm.house.feedback.withdraw(firm.people["ada"], rated)
    assert (firm.sent("law"), firm.sent("food")) == ((), ())


def test_one_person_does_not_fill_the_list(firm: Firm) -> None:
    made = evidence_of(QUESTION, firm.asks("bob"), "scribe")
    answers = []
    for number in range(REPORTS_A_DAY + 1):
        step = firm.rates("bob", json.loads(json.dumps(made)), str(number))
        answers.append(firm.page("bob").post(f"/feedback/{step}").status_code)
    assert answers == [200] * REPORTS_A_DAY + [429]
    assert len(firm.sent("food")) == REPORTS_A_DAY


def test_where_the_house_does_not_ask_there_is_no_way(firm: Firm, rated: str) -> None:
    settings = firm.house.settings.model_copy(update={"feedback": FeedbackWanted(to_owners="never")})
    firm.house.settings = settings
    firm.house.look_again()
    assert firm.page("ada").get(f"/feedback/{rated}").status_code == 404
    assert firm.page("ada").post(f"/feedback/{rated}").status_code == 404


def test_what_is_not_recorded_is_not_sent(firm: Firm, rated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    firm.page("ada").post(f"/feedback/{rated}")
    with firm.house.engine.connect() as connection:
        told = connection.execute(
            select(audit.c.actor, audit.c.object_id).where(audit.c.action == "feedback.send")
        ).all()
    ada = firm.people["ada"].user_id
    assert {tuple(row) for row in told} == {(ada, identifier) for identifier in firm.ids.values()}
    firm.house.feedback.withdraw(firm.people["ada"], rated)

    def broken(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(firm.house.audit, "record", broken)
    with pytest.raises(OSError, match="disk"):
        firm.house.feedback.send(firm.people["ada"], rated)
    assert (firm.sent("law"), firm.sent("food")) == ((), ())


@pytest.mark.parametrize("language", ["fr", "en"])
def test_what_people_wrote_is_letters_on_the_page(firm: Firm, language: str) -> None:
    mark = "<script>alert(1)</script>"
    step = firm.rates("bob", forged(firm, "food", question=mark, sentences=[[mark, []]]))
    page: Callable[..., Any] = firm.page("bob").get
    shown = page(f"/feedback/{step}", headers={"accept-language": language})
    assert shown.status_code == 200
    assert "<script>" not in shown.text
    assert "&lt;script&gt;" in shown.text
    assert f'<html lang="{language}">' in shown.text


def test_a_rating_of_a_whole_run_is_of_the_message_in_it(firm: Firm) -> None:
    person, thread = firm.people["bob"], ThreadId("bob-run")
    made = json.loads(json.dumps(evidence_of(QUESTION, firm.asks("bob"), "scribe")))
    put = firm.house.conversations.put_step
    put(person, thread, "asked", {"id": "asked", "type": "user_message", "output": QUESTION, "parentId": "run"})
    put(person, thread, "run", {"id": "run", "type": "run", "output": ""})
    put(person, thread, "said", {"id": "said", "parentId": "run", "output": "", "metadata": {EVIDENCE: made}})
    put(person, thread, "other", {"id": "other", "type": "run", "output": ""})
    for step in ("run", "other"):
        firm.house.conversations.rate(person, step, 1, COMMENT)
    (offer,) = firm.house.feedback.offers(person, "run")
    assert SAID["food"] in offer.report.answer
    assert firm.house.feedback.offers(person, "other") == ()
