"""A server on loopback that does what no server should, as far as a test says."""

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from models.served.address import ServerAddress

Answer = Callable[[socket.socket, bytes], None]
"""What is done with a connection whose request has been read: head and body."""

MODEL = {"data": [{"id": "small", "max_model_len": 2048}]}
"""What vLLM says: its tokens are counted, and it is asked at /v1/chat/completions."""


def said(body: bytes, status: str = "200 OK", head: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{head}connection: close\r\n\r\n".encode() + body


def says(value: Any, status: str = "200 OK", head: str = "") -> Answer:
    return lambda connection, _: connection.sendall(said(json.dumps(value).encode(), status, head))


def streams(*lines: str, forever: bytes = b"") -> Answer:
    """An event stream without length, which ends with the connection; `forever` is sent until nobody reads."""

    def act(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        connection.sendall("".join(f"data: {line}\n\n" for line in lines).encode())
        while forever:
            connection.sendall(forever)

    return act


def token(text: str, reason: str | None = None) -> str:
    return json.dumps({"choices": [{"delta": {"content": text}, "finish_reason": reason}]})


class HostileServer(socketserver.ThreadingTCPServer):
    """Serves what `answers` holds by path; asked for anything else it says 404. `requests` keeps what came."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = {"/v1/models": says(MODEL), "/tokenize": says({"count": 7, "tokens": []})}
        self.requests: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self._tls = tls

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        return (self._tls.wrap_socket(connection, server_side=True) if self._tls else connection), address

    @property
    def address(self) -> ServerAddress:
        return ServerAddress("http", "127.0.0.1", self.server_address[1])


class _Handler(socketserver.BaseRequestHandler):
    server: HostileServer

    def handle(self) -> None:
        with suppress(OSError):
            request = self._read()
            self.server.requests.append(request)
            path = request.split(b" ", 2)[1].decode()
            self.server.answers.get(path, says({}, "404 Not Found"))(self.request, request)

    def _read(self) -> bytes:
        content = b""
        while b"\r\n\r\n" not in content:
            content += self.request.recv(65536)
        head, _, body = content.partition(b"\r\n\r\n")
        size = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        while len(body) < size:
            body += self.request.recv(65536)
        return head + b"\r\n\r\n" + body


@contextmanager
def hostile_server(tls: ssl.SSLContext | None = None) -> Iterator[HostileServer]:
    with HostileServer(tls) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
