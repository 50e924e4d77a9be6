"""Mixed traffic: what counts as a failure, and the run itself at its smallest."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.traffic import LATE_SECONDS, Asked, Kind, Person, fault_of
from models.chat_format import Message
from models.errors import EngineFailed, ModelError, RequestTooLong
from models.generation import Done, GenerationRequest
from tests.bench.conftest import Run

REQUEST = GenerationRequest((Message("user", "words"),), 4)
RESULT = Path("results") / "soak.json"


def test_people_ask_everything_there_is_and_conversations_go_on() -> None:
    person = Person("ada", random.Random(1))
    asked = [person.next(1024) for _ in range(300)]
    assert {each.kind for each in asked} == set(Kind)
    assert all(each.request.conversation for each in asked if each.kind is Kind.FOLLOW_UP)


@pytest.mark.parametrize(
    ("kind", "reason", "text", "fault"),
    [
        (Kind.PLAIN, "stop", "", ""),
        (Kind.PLAIN, "cancelled", "", "ended as cancelled"),
        (Kind.BATCH, "length", "", ""),
        (Kind.SHAPED, "stop", '{"colour": "red"}', ""),
        (Kind.SHAPED, "stop", '{"colour": "rood"}', "does not hold its shape"),
        (Kind.SHAPED, "length", '{"colour"', "ended as length"),
        (Kind.CANCELLED, "cancelled", "", ""),
        (Kind.DEADLINE, "deadline", "", ""),
        (Kind.DEADLINE, "cancelled", "", "ended as cancelled"),
        (Kind.TOO_LONG, "stop", "", "ended with no error"),
    ],
)
def test_an_end_is_right_for_what_was_asked(kind: Kind, reason: str, text: str, fault: str) -> None:
    assert fault_of(Asked(kind, REQUEST), Done(reason, 1, 1, 1.0), None, text, 1.0) == fault


@pytest.mark.parametrize(
    ("kind", "error", "fault"),
    [
        (Kind.TOO_LONG, RequestTooLong("long"), ""),
        (Kind.PLAIN, RequestTooLong("long"), "ended with RequestTooLong"),
        (Kind.TOO_LONG, EngineFailed("dead"), "ended with EngineFailed"),
    ],
)
def test_an_error_is_right_where_a_request_is_too_long(kind: Kind, error: ModelError, fault: str) -> None:
    assert fault_of(Asked(kind, REQUEST), None, error, "", 1.0) == fault


def test_a_cancelled_request_that_goes_on_is_a_failure() -> None:
    asked, done = Asked(Kind.CANCELLED, REQUEST, 1.0), Done("length", 1, 1, 1.0)
    assert fault_of(asked, done, None, "", 1.0 + LATE_SECONDS / 2) == ""
    assert fault_of(asked, done, None, "", 2.0 + LATE_SECONDS) == "ended 11 s late"


@pytest.mark.model
def test_a_soak_ends_without_failures_and_tells_memory(run: Run, tmp_path: Path) -> None:
    ended = run("bench.soak", "--minutes", "0.2", "--results", tmp_path / "results")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = {row["case"].partition(": ")[2]: row for row in json.loads((tmp_path / RESULT).read_text())["rows"]}
    assert rows["all failures (bound 0), to all requests"]["ours"] == 0
    assert rows["all failures (bound 0), to all requests"]["baseline"] > 12
    assert rows["memory at the end, to after a tenth"]["ours"] > 50


@pytest.mark.model
def test_term_ends_a_soak_early_and_well(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.soak", "--minutes", "60", "--results", str(tmp_path / "results")]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "traffic" in process.stdout.readline()
        threading.Timer(5, process.send_signal, [signal.SIGTERM]).start()
        shown, _ = process.communicate(timeout=200)
    assert process.returncode == 0, shown
    assert "memory at the end" in (tmp_path / RESULT).read_text()
