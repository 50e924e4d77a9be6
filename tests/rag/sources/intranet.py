"""A website on loopback, by the standard library's server over a folder, for the tests of sources."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Intranet:
    """What it answers besides the files of its folder, and what it was asked."""

    port: int = 0
    sent_on: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    is_silent_on_head: bool = False

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, intranet: Intranet, *rest: object, directory: str) -> None:
        self.intranet = intranet
        super().__init__(*rest, directory=directory)  # type: ignore[arg-type]  # what the server hands over

    def do_GET(self) -> None:
        if not self.is_sent_on():
            super().do_GET()

    def do_HEAD(self) -> None:
        if self.intranet.is_silent_on_head:
            self.send_error(405)
        elif not self.is_sent_on():
            super().do_HEAD()

    def is_sent_on(self) -> bool:
        self.intranet.asked_at.append(time.monotonic())
        self.intranet.asked.append(f"{self.command} {self.path}")
        if self.path not in self.intranet.sent_on:
            return False
        status, where = self.intranet.sent_on[self.path]
        self.send_response(status)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@contextmanager
def intranet(folder: Path) -> Iterator[Intranet]:
    """Serve a folder."""
    served = Intranet()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, served, directory=str(folder)))
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
