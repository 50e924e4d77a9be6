"""No body passes the gate that is over the bound or does not say its length, whatever parses requests before it."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from chat.web.gate import BODY_BYTES_MAX, Gate
from chat.web.serve import _server

STREAMED = b"x" * (BODY_BYTES_MAX + 1000)
ODD = ["-1", "+5", " 5", "", "0x10", "1e3", "5.0", "5, 5", "1_0", "²", str(BODY_BYTES_MAX + 1), "9" * 30, "9" * 5000]


@dataclass(slots=True)
class Behind:
    """A page behind the gate that reads every body to its end, and how much it was given."""

    read: list[int] = field(default_factory=list)

    @property
    def gate(self) -> ASGIApp:
        application = FastAPI()

        @application.post("/sign-in")
        async def page(request: Request) -> None:
            self.read.append(len(await request.body()))

        return Gate(
            application,
            find=lambda _: None,
            mint=lambda _: "",
            socket_opener=lambda _: None,
            policy="default-src 'none'",
        )


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
def port(behind: Behind) -> Iterator[int]:
    """The gate on a real server."""
    server = _server(behind.gate, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def test_the_way_of_the_view_to_its_own_sign_in_leads_to_ours(behind: Behind) -> None:
    """It may be faster than ours, and was a page that says "not found"."""
    client = TestClient(behind.gate, base_url="http://house", follow_redirects=False)
    answer = client.get("/chat/login", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


def status(port: int, said: str, body: bytes) -> int:
    """The status that a request with these headers and this body is answered with; then more of the body comes."""
    head = f"POST /sign-in HTTP/1.1\r\nHost: house\r\nOrigin: http://house\r\n{said}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(head.encode() + body)
        answer = client.recv(1000)
        with suppress(OSError):  # hung up on, which is as good
            client.sendall(STREAMED)
            client.shutdown(socket.SHUT_WR)
            while client.recv(1000):
                pass
    found = re.match(rb"HTTP/1.1 (\d+)", answer)
    assert found, answer
    return int(found[1])


@pytest.mark.parametrize("length", ODD)
def test_a_length_that_is_odd_or_over_the_bound_is_refused_unread(behind: Behind, length: str) -> None:
    client = TestClient(behind.gate, base_url="http://house", headers={"origin": "http://house"})
    answer = client.post("/sign-in", content=b"x", headers={b"content-length": length.encode("latin-1")})
    assert answer.status_code == 413
    assert answer.headers["content-security-policy"] == "default-src 'none'"
    assert behind.read == []


@pytest.mark.parametrize("also", [{}, {"content-length": "1"}])
def test_a_body_that_is_streamed_is_refused_unread_whatever_length_is_said(
    behind: Behind, also: dict[str, str]
) -> None:
    client = TestClient(behind.gate, base_url="http://house", headers={"origin": "http://house"})
    answer = client.post("/sign-in", content=b"x", headers={"transfer-encoding": "chunked", **also})
    assert (answer.status_code, behind.read) == (413, [])


def test_a_body_up_to_the_bound_passes(behind: Behind) -> None:
    client = TestClient(behind.gate, base_url="http://house", headers={"origin": "http://house"})
    assert [client.post("/sign-in", content=b"x" * size).status_code for size in (0, 5, BODY_BYTES_MAX)] == [200] * 3
    assert behind.read == [0, 5, BODY_BYTES_MAX]


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize(
    "said",
    [
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: Chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        *(f"Content-Length: {length}\r\n" for length in ("-1", "+5", "0x10", "9" * 30, "9" * 5000)),
        "Content-Length: 5\r\nContent-Length: 300000\r\n",
    ],
    ids=lambda said: said[:40],
)
def test_a_body_that_streams_on_is_refused_at_its_head(port: int, behind: Behind, said: str) -> None:
    assert status(port, said, b"%x\r\n" % len(STREAMED)) in (400, 413)
    assert behind.read == []


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize(("said", "size"), [("", 0), ("Content-Length: 5\r\n", 5)])
def test_a_body_ends_where_its_head_says(port: int, behind: Behind, said: str, size: int) -> None:
    """What comes after it is no part of it; all of it where no length is given."""
    assert status(port, said, b"x" * size) == 200
    assert behind.read == [size]
