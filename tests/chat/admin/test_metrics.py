"""Metrics of a served house, scraped as Prometheus does; none without a port, and a port that is taken is named."""

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

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
