"""A server on loopback that answers what an attacker likes, and counts what it was asked and could send."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[["Talk"], None]


@dataclass
class Talk:
    """One connection, of which the first request was read. `more` reads on, `say` sends, and raises when it is over."""

    connection: socket.socket
    server: "Hostile"
    request: bytes = b""

    def say(self, content: bytes) -> None:
        self.connection.sendall(content)
        self.server.sent += len(content)

    def more(self) -> bytes:
        part = self.connection.recv(65536)
        if not part:
            raise ConnectionError
        while part.startswith(b"PROPFIND") and not part.endswith(b"</propfind>"):
            part += self.connection.recv(65536)
        self.server.requests.append(part)
        return part

    def multistatus(self, entries: str, head: str = "") -> None:
        body = f'<?xml version="1.0"?>{head}<d:multistatus xmlns:d="DAV:">{entries}</d:multistatus>'.encode()
        self.say(b"HTTP/1.1 207 Multi-Status\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@dataclass
class Hostile:
    """What was asked of it, and how many bytes it got rid of."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    sent: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)


@contextmanager
def hostile(answer: Answer, greeting: bytes = b"") -> Iterator[Hostile]:
    """Answer every request of every connection so, until the end of the block."""
    server = Hostile()
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    threads: list[threading.Thread] = []

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(20)
            if greeting:
                connection.sendall(greeting)
            one = Talk(connection, server)
            while not server.stopped.is_set():
                one.request = one.more()
                answer(one)

    def listen() -> None:
        while True:
            with suppress(OSError):
                connection, _ = listener.accept()
                if server.stopped.is_set():
                    connection.close()
                    return
                threads.append(threading.Thread(target=talk, args=(connection,), daemon=True))
                threads[-1].start()

    accepting = threading.Thread(target=listen, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        server.stopped.set()
        with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1):
            pass
        accepting.join(5)
        listener.close()
        for thread in threads:
            thread.join(25)
