"""A house whose answers come from a llama.cpp server: asked, looked at by `doctor`, and without it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.settings import Settings
from models.store import ModelStore
from tests.chat.admin.conftest import SMALL, Huisclos
from tests.models.served.native import NativeServer, native_server

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def weights() -> Path:
    store = ModelStore(Settings().models.folder)
    return store.path(store.entry(SMALL))


@pytest.fixture(scope="module")
def server(weights: Path) -> Iterator[NativeServer]:
    with native_server(weights, slots=2, context_tokens=4096) as server:
        yield server


def test_a_question_is_answered_from_the_documents_by_the_server(alone: Huisclos, server: NativeServer) -> None:
    named = {"HUISCLOS__MODELS__SERVERS": server.address.shown, "HUISCLOS__MODELS__GENERATE": "no-such-weights"}
    question = "How many days of annual leave do employees have?"
    code, out, error = alone.ends("ask", "-c", "rules", question, "--json", **named)
    assert code == 0, error
    answer = json.loads(out.splitlines()[-1])
    assert "25" in answer["answer"]
    assert [citation["doc"] for citation in answer["citations"]] == ["leave.md"]


def test_doctor_lists_each_server_with_what_it_says_of_itself(alone: Huisclos, server: NativeServer) -> None:
    away = "http://127.0.0.1:9"
    code, out, _ = alone.ends("doctor", "--json", HUISCLOS__MODELS__SERVERS=f"{server.address.shown},{away}")
    found = {row["subject"]: row for row in map(json.loads, out.splitlines())}
    told = f"server {server.address.shown} writes with small (llama-server), a context of 2048, 2 at once"
    assert code == 1
    assert found[told]["is_fine"]
    assert not found[f"server {away}"]["is_fine"]
    assert found[f"server {away}"]["remedy"] == "it cannot be reached; see that it runs, and the network"
    assert "weights that generate" not in found


def test_a_server_that_is_not_listed_stops_the_question(alone: Huisclos) -> None:
    code, _, error = alone.ends("ask", "-c", "rules", "Who?", HUISCLOS__MODELS__SERVERS="https://192.0.2.1:8000")
    assert code != 0
    assert "add 192.0.2.1:8000 to egress.allowed" in error


def test_without_a_server_passages_are_found_and_the_answer_says_so(alone: Huisclos) -> None:
    question = "How many days of annual leave do employees have?"
    code, out, _ = alone.ends("ask", "-c", "rules", question, "--json", HUISCLOS__MODELS__SERVERS="http://127.0.0.1:9")
    answer = json.loads(out.splitlines()[-1])
    assert code == 4
    assert answer["reason"] == "model_away"
    assert [passage["doc"] for passage in answer["nearest"]][:1] == ["leave.md"]
