"""The socket: a client that goes away, a server that goes away, and errors on their way between the two."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn

from chat.admin.gateway import SOCKET, Event, ServerLost, is_alive, remote
from chat.admin.outcomes import ExitCode, RemoteFailure, failure_of
from chat.admin.registry import CANCELLABLE, OPERATIONS
from chat.admin.socket import create_admin_app
from chat.assembly import House
from security.errors import KeyringLocked

SECONDS_MAX = 30


@dataclass
class Engine:
    """A twin of an engine that reads for a long time: it says that it began, then nothing until it is cancelled."""

    stopped: threading.Event = field(default_factory=threading.Event)

    def __call__(self, house: House, cancelled: threading.Event, **arguments: Any) -> Iterator[Event]:
        yield {"step": "reading", "titles": []}
        if cancelled.wait(SECONDS_MAX):
            self.stopped.set()
        yield {"step": "finished", "answer": {}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    """A server of the operations on a socket, over no house at all."""
    path = tmp_path / SOCKET
    running = uvicorn.Server(
        uvicorn.Config(create_admin_app(cast(House, None)), uds=str(path), log_level="critical", loop="asyncio")
    )
    thread = threading.Thread(target=running.run)
    thread.start()
    until = time.monotonic() + SECONDS_MAX
    while not running.started:
        assert time.monotonic() < until
        time.sleep(0.01)
    yield path
    running.should_exit = True
    thread.join()


def test_a_client_that_goes_away_stops_the_engine_while_it_reads(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    assert "ask" in CANCELLABLE
    monkeypatch.setitem(OPERATIONS, "ask", engine)
    with remote(server) as operate:
        assert next(operate("ask", collection="rules", question="Why?"))["step"] == "reading"
    assert engine.stopped.wait(SECONDS_MAX / 3)


def test_an_answer_that_was_taken_whole_is_whole(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(house: House, cancelled: threading.Event, **arguments: Any) -> Iterator[Event]:
        yield {"step": "written", "text": "é\u2028"}
        cancelled.set()  # as the engine does when it is done
        yield {"step": "finished", "answer": arguments}

    monkeypatch.setitem(OPERATIONS, "ask", ask)
    with remote(server) as operate:
        events = list(operate("ask", question="Où ?"))
    assert events == [{"step": "written", "text": "é\u2028"}, {"step": "finished", "answer": {"question": "Où ?"}}]


@pytest.mark.parametrize(
    ("error", "code"), [(KeyringLocked("closed"), ExitCode.REFUSED), (ValueError("a passage"), ExitCode.FAILED)]
)
def test_an_error_ends_the_command_as_it_would_have_without_a_server(
    server: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: ExitCode
) -> None:
    def fail(house: House) -> Iterator[Event]:
        yield {"step": "begun"}
        raise error

    monkeypatch.setitem(OPERATIONS, "doctor", fail)
    with remote(server) as operate, pytest.raises(RemoteFailure) as caught:
        list(operate("doctor"))
    assert failure_of(caught.value) == failure_of(error)
    assert failure_of(caught.value).code is code
    assert "passage" not in str(caught.value)


def test_a_server_of_another_version_is_told_to_be_restarted(server: Path) -> None:
    with remote(server) as operate, pytest.raises(ServerLost, match="restart it"):
        list(operate("collection.paint"))


def test_a_server_that_goes_away_in_the_middle_is_told(tmp_path: Path) -> None:
    path = tmp_path / SOCKET
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def hang_up() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")

        thread = threading.Thread(target=hang_up)
        thread.start()
        with remote(path) as operate, pytest.raises(ServerLost, match="run the command again"):
            list(operate("collection.list"))
        thread.join()


def test_a_stale_socket_file_is_no_server(tmp_path: Path) -> None:
    path = tmp_path / SOCKET
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    assert path.exists()
    assert not is_alive(path)
