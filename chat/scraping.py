"""A port of its own for one page: GET /metrics and nothing else, bounded in connections and in time.

Python's HTTPServer looks up the name of the address it listens on, which asks a name server; this one does not.
"""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from chat.errors import SettingsWrong
from chat.logs import record_failure

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CONNECTIONS_MAX = 8
"""Further ones are closed at once: Prometheus needs one."""
SECONDS_MAX = 10.0
"""For a connection, from its first byte to its last: a scraper waits as long by default."""


@contextmanager
def scraped(page: Callable[[], bytes], host: str, port: int) -> Iterator[None]:
    """Give the page at that address until the end; raises SettingsWrong where it cannot be listened on."""
    try:
        server = _Server(page, host, port)
    except OSError as error:
        raise SettingsWrong(
            f"setting metrics.port: {host}:{port} cannot be listened on ({error.strerror}); choose another port"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, page: Callable[[], bytes], host: str, port: int) -> None:
        self.page = page
        self._free = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Page)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more."""
        return self._free.acquire(blocking=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve it in a thread; where the machine has none left, its room is given back."""
        try:
            super().process_request(request, client_address)
        except RuntimeError:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve it within its time, and give its room back."""
        ending = threading.Timer(SECONDS_MAX, _cut, (request,))
        ending.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            ending.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong, not whom it was said to; a client that goes away is none of it."""
        error = sys.exception()
        if error and not isinstance(error, OSError):
            record_failure("scrape_failed", error)


def _cut(request: socket.socket) -> None:
    with suppress(OSError):  # it has ended just now
        request.shutdown(socket.SHUT_RDWR)


class _Page(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """The page."""
        if self.path.partition("?")[0] != PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        page = self.server.page()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def version_string(self) -> str:
        """Not which Python this is."""
        return "huisclos"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives it
        """Nothing: a path may hold anything."""
