"""The page for a scraper: one address, one method, bounded, and nothing is looked up to give it."""

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from chat.errors import SettingsWrong
from chat.scraping import CONNECTIONS_MAX, scraped
from tests.e2e.served import free_port

pytestmark = pytest.mark.usefixtures("socket_enabled")
PAGE = b"huisclos_passages 3.0\n"
HOST = "127.0.0.1"


@pytest.fixture
def port() -> Iterator[int]:
    port = free_port()
    with scraped(lambda: PAGE, HOST, port):
        yield port


def test_the_page_is_given_as_prometheus_reads_it(port: int) -> None:
    answer = httpx.get(f"http://{HOST}:{port}/metrics?name=x")
    assert (answer.status_code, answer.content) == (200, PAGE)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "python" not in answer.headers["server"].lower()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/favicon.ico", 404),
        ("HEAD", "/metrics", 501),
        ("OPTIONS", "/metrics", 501),
        ("POST", "/metrics", 501),
        ("DELETE", "/metrics", 501),
    ],
)
def test_nothing_else_is_given(port: int, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, f"http://{HOST}:{port}{path}")
    assert answer.status_code == status
    assert PAGE not in answer.content


def test_no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for look_up in ("getfqdn", "gethostbyaddr", "gethostbyname", "getnameinfo"):
        monkeypatch.setattr(socket, look_up, lambda *arguments: asked.append(str(arguments)))
    with scraped(lambda: PAGE, HOST, port := free_port()):
        assert httpx.get(f"http://{HOST}:{port}/metrics").content == PAGE
    assert asked == []


def test_a_port_that_is_taken_is_named_and_given_back_at_the_end(port: int) -> None:
    with pytest.raises(SettingsWrong, match=f"metrics.port: {HOST}:{port} cannot be listened on .*choose another port"):
        scraped(lambda: PAGE, HOST, port).__enter__()
    other = free_port()
    for _ in range(2):
        with scraped(lambda: PAGE, HOST, other):
            assert httpx.get(f"http://{HOST}:{other}/metrics").content == PAGE


def test_a_client_that_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.scraping.SECONDS_MAX", 0.3)
    with (
        scraped(lambda: PAGE, HOST, port := free_port()),
        socket.create_connection((HOST, port), timeout=10) as slow,
    ):
        slow.sendall(b"GET /metrics HTTP/1.1\r\nx-slow: ")
        assert slow.recv(1000) == b""


def test_no_more_are_served_at_once_than_there_is_room_for_and_the_end_waits_for_none(port: int) -> None:
    silent = [socket.create_connection((HOST, port), timeout=10) for _ in range(CONNECTIONS_MAX)]
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://{HOST}:{port}/metrics")
    silent.pop().close()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            assert httpx.get(f"http://{HOST}:{port}/metrics").content == PAGE
            break
        except httpx.HTTPError:
            time.sleep(0.02)
    else:
        pytest.fail("the room was not given back")
    for each in silent:
        each.close()


def test_the_end_does_not_wait_for_who_is_silent() -> None:
    with scraped(lambda: PAGE, HOST, port := free_port()):
        silent = socket.create_connection((HOST, port), timeout=10)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    silent.close()


def test_a_page_that_fails_is_logged_by_its_kind_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    logged, told = list[tuple[str, str]](), threading.Event()

    def record_failure(event: str, error: BaseException) -> None:
        logged.append((event, type(error).__name__))
        told.set()

    def page() -> bytes:
        raise ValueError("the wombat's lease")

    monkeypatch.setattr("chat.scraping.record_failure", record_failure)
    with scraped(page, HOST, port := free_port()), pytest.raises(httpx.HTTPError):
        httpx.get(f"http://{HOST}:{port}/metrics")
    assert told.wait(10)
    assert logged == [("scrape_failed", "ValueError")]
    assert "wombat" not in "".join(capfd.readouterr())
