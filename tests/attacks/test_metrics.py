"""Claim: metrics are counts and times: no word of a question, passage or answer, no name and no id is among them."""

import re

import httpx
import pytest

from chat.metrics import LOOPBACK
from chat.settings import Metrics as Wanted
from models.watched import Watched
from rag.answering.answerer import Answerer
from tests.attacks.firm import DRAFT, QUESTION, SAID, Firm
from tests.e2e.served import free_port
from tests.rag.answering.test_answerer import Scribe


@pytest.mark.usefixtures("socket_enabled")
def test_a_scrape_holds_nothing_of_what_was_asked_nor_who_asked(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.answering.evidence.STRENGTH_MIN", 0.3)  # the bound is one of e5's cosines, not of these
    metrics, port = firm.house.metrics, free_port()
    firm.house.__dict__["answerer"] = Answerer(firm.house.searcher, Watched(Scribe(DRAFT), metrics.take))
    answer = firm.asks("ada")
    assert not answer.refused
    with metrics.served(Wanted(port=port)):
        page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert "huisclos_requests_total{outcome=" in page
    words = {word for text in (QUESTION, DRAFT, *SAID.values()) for word in re.findall(r"\w{5,}", text.lower())}
    ids = {*firm.ids, *firm.ids.values(), *firm.people, *(str(person.user_id) for person in firm.people.values())}
    documents = {cite.passage.document.path for cite in answer.citations}
    samples = "\n".join(line for line in page.lower().splitlines() if not line.startswith("#"))
    assert [word for word in words | documents if word in samples] == []
    assert [name for name in ids if f'"{name}"' in samples or (len(name) > 4 and name in samples)] == []


def test_nobody_reaches_them_unless_a_port_is_set_and_then_from_this_machine() -> None:
    assert (Wanted().port, LOOPBACK) == (0, "127.0.0.1")
