"""Metrics of a served house, scraped as Prometheus does; none without a port, and a port that is taken is named."""

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chat.admin.registry import OPERATIONS
from chat.opening import initialise, open_house
from chat.settings import Settings
from models.figures import Figures
from tests.chat.admin.conftest import Huisclos, free_port, wait_until_open

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, alone: Huisclos, port: int) -> Iterator[Huisclos]:
    """A copy of the house, served with metrics."""
    huisclos = Huisclos(tmp_path_factory.mktemp("watched") / "state", free_port())
    shutil.copytree(alone.state, huisclos.state)
    (huisclos.state / "huisclos.toml").write_text(f"[metrics]\nport = {port}\n")
    server = huisclos.start("serve", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_until_open(server)
    yield huisclos
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=60)
    assert server.returncode == 0
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))  # given back


def _scraped(port: int) -> dict[str, float]:
    page = httpx.get(f"http://127.0.0.1:{port}/metrics")
    families = text_string_to_metric_families(page.raise_for_status().text)
    return {
        "/".join((sample.name, *map(str, sample.labels.values()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_question_is_counted_with_its_times_and_tokens(watched: Huisclos, port: int) -> None:
    before = _scraped(port)
    assert before["huisclos_engine_slots"] >= 2
    assert before["process_resident_memory_bytes"] > 100_000_000
    watched("ask", "-c", "rules", "How many days of leave does the handbook give?")
    after = _scraped(port)
    assert after["huisclos_requests_total/stop"] + after.get("huisclos_requests_total/length", 0) == 1
    assert after["huisclos_first_token_seconds_count"] == after["huisclos_wait_seconds_count"] == 1
    assert after["huisclos_first_token_seconds_sum"] > after["huisclos_wait_seconds_sum"] >= 0
    assert after["huisclos_tokens_total/read"] > 50
    assert after["huisclos_tokens_total/written"] > 0
    assert after["huisclos_engine_steps_total"] > before["huisclos_engine_steps_total"]
    assert after["huisclos_engine_running"] == after["huisclos_engine_waiting"] == 0
    assert sum(count for name, count in after.items() if name.startswith("huisclos_answers_total/")) == 1
    assert after["huisclos_answer_seconds_sum"] > after["huisclos_search_seconds_sum"] > 0


def test_what_the_house_holds_is_counted_with_loads_that_have_not_ended(watched: Huisclos, port: int) -> None:
    listed = sum(row["passages"] for row in watched.rows("collection", "list"))
    read = _scraped(port)
    assert read["huisclos_passages"] == listed > 0
    assert {read[f"huisclos_jobs/{state}"] for state in ("waiting", "running", "paused")} == {0}


def test_a_running_server_tells_that_its_model_writes_what_it_did(watched: Huisclos) -> None:
    _, out, _ = watched.ends("doctor", "--json")
    found = {row["subject"]: row["is_fine"] for row in map(json.loads, out.splitlines())}
    assert found["model writes what it did"] is True


def test_a_port_that_is_taken_stops_the_start_and_is_named(alone: Huisclos, tmp_path: Path) -> None:
    state = tmp_path / "state"
    shutil.copytree(alone.state, state)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, error = Huisclos(state, free_port()).ends("serve", HUISCLOS__METRICS__PORT=str(port))
    assert code != 0
    assert f"setting metrics.port: 127.0.0.1:{port} cannot be listened on" in " ".join(error.split())
    assert "choose another port" in " ".join(error.split())


class _Quiet:
    """A generator that is well, and whose engine found this in its checks."""

    is_away = False

    def __init__(self, failed_checks: int) -> None:
        self.figures = Figures(0, 0, 1, failed_checks=failed_checks)

    def look(self) -> str:
        return ""


@pytest.mark.usefixtures("process_as_it_was")
@pytest.mark.parametrize("failed", [0, 2])
def test_the_doctor_tells_of_checks_that_failed(tmp_path: Path, failed: int) -> None:
    initialise(tmp_path / "state", Settings())
    with open_house(tmp_path / "state", Settings()) as house:
        house.__dict__["generator"] = _Quiet(failed)
        (found,) = [each for each in OPERATIONS["doctor"](house) if each["subject"] == "model writes what it did"]
    assert found["is_fine"] is not bool(failed)
    assert f"{failed} of its checks" in found["remedy"]
