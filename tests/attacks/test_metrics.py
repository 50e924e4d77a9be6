"""Claim: metrics are counts and times: no word of a question, passage or answer, no name and no id is among them."""

import re

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chat.settings import Metrics
from rag.answering.answer import Reason
from rag.store.jobs import JobState
from tests.attacks.planted import Planted
from tests.attacks.whole import TEST_SECONDS_MAX, Attacked, Canaries

LABELS = {
    "outcome": {
        *("stop", "length", "deadline", "cancelled", "busy", "too_long", "refused", "failed"),
        *("answered", "quoted", *Reason),
    },
    "kind": {"read", "remembered", "written"},
    "state": set(JobState),
}
"""Every label there is, with all that it may say; the bounds of histograms aside."""


@pytest.mark.timeout(TEST_SECONDS_MAX)
@pytest.mark.usefixtures("socket_enabled")
def test_a_scrape_holds_nothing_of_what_was_asked_nor_who_asked(
    house: Attacked, planted: Planted, canaries: Canaries
) -> None:
    question = f"{planted.question} I am {canaries('question')}."
    house.operate("ask", collection=planted.archive, question=question, user=planted.ada)
    house.operate("ask", collection=planted.canteen, question=canaries("question"), user=planted.bob)
    page = httpx.get(f"http://127.0.0.1:{house.settings['HUISCLOS__METRICS__PORT']}/metrics").raise_for_status().text
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    counted = {sample.name: sample.value for sample in samples}
    assert counted["huisclos_answer_seconds_count"] >= 2
    assert counted["huisclos_passages"] > 0
    assert canaries.tag not in page
    assert [name for name in counted if not re.fullmatch(r"(huisclos|process)_[a-z_]+", name)] == []
    said = {(name, value) for sample in samples for name, value in sample.labels.items() if name != "le"}
    assert [(name, value) for name, value in said if value not in LABELS.get(name, ())] == []


def test_nobody_reaches_them_unless_a_port_is_set_and_then_from_this_machine() -> None:
    assert (Metrics().port, Metrics().host) == (0, "127.0.0.1")
