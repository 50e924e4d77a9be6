"""What the page says: questions by what came of them, what the house holds, and the engine whatever else fails."""

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from chat.metrics import Holdings, Metrics
from models.figures import Figures
from rag.answering.answer import Answer, Language, Reason, Timings

FIGURES = Figures(1, 2, 4, kept=3, kept_bytes=9_000_000, evictions=5, followed=6, failed_checks=7)
ANSWERED = Answer("t", None, Language.ENGLISH, (), (), (), (), Timings(120, 900.0, 3500, 700, 60))


def _held() -> Holdings:
    return Holdings(12, {"waiting": 2, "running": 1, "paused": 0})


def _read(metrics: Metrics) -> dict[str, float]:
    return {
        "/".join((sample.name, *map(str, sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(metrics.page().decode())
        for sample in family.samples
    }


def test_questions_are_counted_by_what_came_of_them_with_their_times() -> None:
    metrics = Metrics(lambda: FIGURES, _held)
    metrics.take_answer(ANSWERED)
    metrics.take_answer(replace(ANSWERED, is_quoted=True))
    for reason in Reason:
        metrics.take_answer(replace(ANSWERED, reason=reason))
    read = _read(metrics)
    outcomes = {name.split("/")[1]: count for name, count in read.items() if name.startswith("huisclos_answers_total/")}
    assert outcomes == dict.fromkeys(["answered", "quoted", *(reason.value for reason in Reason)], 1)
    count = len(outcomes)
    assert read["huisclos_search_seconds_sum"] == pytest.approx(0.12 * count)
    assert read["huisclos_answer_seconds_sum"] == pytest.approx(3.5 * count)


def test_what_the_house_holds_and_what_the_engine_says_are_given() -> None:
    read = _read(Metrics(lambda: FIGURES, _held))
    assert read["huisclos_passages"] == 12
    assert {state: read[f"huisclos_jobs/{state}"] for state in ("waiting", "running", "paused")} == _held().jobs
    assert (read["huisclos_engine_waiting"], read["huisclos_engine_slots"]) == (1, 4)
    assert (read["huisclos_engine_followed_total"], read["huisclos_engine_failed_checks_total"]) == (6, 7)


def test_without_the_database_the_engine_is_still_told_of_and_without_an_engine_the_house() -> None:
    def away() -> Holdings:
        raise OperationalError("SELECT", {}, Exception())

    assert _read(Metrics(lambda: FIGURES, away))["huisclos_engine_running"] == 2
    assert "huisclos_passages" not in _read(Metrics(lambda: FIGURES, away))
    assert _read(Metrics(lambda: None, _held))["huisclos_passages"] == 12
