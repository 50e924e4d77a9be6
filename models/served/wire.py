"""HTTP to one server: TLS that checks names, no redirect, proxy, cookie or compression, all sizes and waits bounded.

One connection an exchange, kept for the next: whoever reads it says for how long it is waited for, and a request that
is cancelled closes its connection within LOOK_SECONDS, which has the server stop writing.
"""

import json
import ssl
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpcore

from models.served.address import ServerAddress
from models.served.patience import Patience
from models.served.trouble import Busy, Refused, TooLong, Trouble

BODY_BYTES_MAX = 8 * 1024 * 1024
"""Of an answer that is read whole: the tokens of a prompt of 1,000,000 take 7 MB."""
ERROR_BYTES_MAX = 8192
CONNECT_SECONDS_MAX = 5.0
KEEP_SECONDS = 20.0
"""An idle connection is used again so long; llama-server closes its own after 5 s, which is seen before a request."""
IDLE_MAX = 32
_REDIRECTS = range(300, 400)
_DENIED = frozenset({401, 403})
_FULL = frozenset({429, 503})
_WRONG = range(400, 500)
_MISSING = 404
_RETRYABLE_WRONG = frozenset({404, 405, 408, 425})
_OVER_CONTEXT = (b"exceed_context_size", b"maximum context length")
"""How llama-server and vLLM say that a prompt is too long."""


class Wire:
    """Connections to one server."""

    def __init__(self, address: ServerAddress, key: str = "", tls: ssl.SSLContext | None = None) -> None:
        """`key` goes to this server as a bearer token. Nothing is sent yet."""
        self._address, self._tls = address, tls
        self._headers = {
            "accept-encoding": "identity",
            "user-agent": "huisclos",
            "content-type": "application/json",
            "host": address.authority,
        }
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self._idle: deque[_Connection] = deque()
        self._lock = threading.Lock()
        self._is_closed = False

    def json(self, path: str, patience: Patience, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A whole answer, which is one JSON object."""
        with self.parts(path, patience, body) as parts:
            content = bytearray()
            for part in parts:
                content += part
                if len(content) > BODY_BYTES_MAX:
                    raise Trouble("it sends more than an answer takes; see what runs there")
        return parsed(bytes(content))

    @contextmanager
    def parts(
        self, path: str, patience: Patience, body: Mapping[str, Any] | None = None, *, missing_is_fine: bool = False
    ) -> Iterator[Iterator[bytes]]:
        """The body of an answer as it comes. Raises Trouble for what is no success, Ended when nobody waits."""
        connection = self._connection(patience)
        try:
            with connection.exchange(self._address, path, self._headers, body) as answer:
                if not (missing_is_fine and answer.status == _MISSING):
                    _check(answer)
                yield answer.iter_stream()
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise Trouble(_sentence(error)) from None  # a chain would hold the request
        finally:
            self._put_back(connection)

    def close(self) -> None:
        """Close what is idle; what is in use closes when its patience ends."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, deque()
        for connection in idle:
            connection.close()

    def _connection(self, patience: Patience) -> "_Connection":
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return _Connection(self._address, self._tls, patience)
            if connection.is_usable():
                connection.patience = patience
                return connection
            connection.close()

    def _put_back(self, connection: "_Connection") -> None:
        with self._lock:
            if connection.is_usable() and len(self._idle) < IDLE_MAX and not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()


def parsed(content: bytes) -> dict[str, Any]:
    """A JSON object; Trouble for anything else."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Trouble("it answers with something else than a JSON object; see what runs there")
    return found


def _check(answer: httpcore.Response) -> None:
    status = answer.status
    if status == 200:  # noqa: PLR2004 - the one status of all that is asked
        return
    if status in _REDIRECTS:
        raise Trouble("it sends elsewhere, where nothing is asked; name the address that answers itself")
    if status in _DENIED:
        raise Trouble("it refuses the key; correct the file that models.server_key_file names")
    if status in _FULL:
        raise Busy("it has no room now, or is loading its weights")
    if status in _WRONG and status not in _RETRYABLE_WRONG:
        said = _beginning(answer)
        if any(words in said for words in _OVER_CONTEXT):
            raise TooLong("the prompt exceeds its context")
        raise Refused(f"it refuses the request ({status}); look at its log")
    raise Trouble(f"it answers {status}; look at its log")


def _beginning(answer: httpcore.Response) -> bytes:
    """As much of a body as an error takes; it is looked at and never shown."""
    content = b""
    for part in answer.iter_stream():
        content += part
        if len(content) >= ERROR_BYTES_MAX:
            break
    return content[:ERROR_BYTES_MAX]


def _sentence(error: Exception) -> str:
    """What went wrong on the way, by its kind alone: a library's words may quote the request."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message}); name it in models.server_ca_file"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout):
        return "it cannot be reached; see that it runs, and the network"
    return f"it broke off, or does not speak HTTP ({type(error).__name__}); look at its log"


class _Connection:
    """One connection, made at its first exchange."""

    def __init__(self, address: ServerAddress, tls: ssl.SSLContext | None, patience: Patience) -> None:
        self.patience = patience
        self._http = httpcore.HTTPConnection(
            httpcore.Origin(address.scheme.encode(), address.host.encode(), address.port),
            ssl_context=tls,
            keepalive_expiry=KEEP_SECONDS,
            network_backend=_Backend(self),
        )

    @contextmanager
    def exchange(
        self, address: ServerAddress, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> Iterator[httpcore.Response]:
        target = httpcore.URL(
            scheme=address.scheme.encode(), host=address.host.encode(), port=address.port, target=address.path + path
        )
        content = None if body is None else json.dumps(body).encode()
        method, sent = ("GET" if body is None else "POST"), list(headers.items())
        with self._http.stream(method, target, headers=sent, content=content) as answer:
            yield answer

    def is_usable(self) -> bool:
        return self._http.is_idle() and not self._http.has_expired()

    def close(self) -> None:
        self._http.close()


class _Backend(httpcore.NetworkBackend):
    """Hands out streams that ask the connection's patience before they wait."""

    def __init__(self, connection: _Connection) -> None:
        self._connection, self._plain = connection, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self._connection.patience.look()
        plain = self._plain.connect_tcp(host, port, CONNECT_SECONDS_MAX, local_address, socket_options)
        return _Stream(plain, self._connection)

    def sleep(self, seconds: float) -> None:
        self._plain.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, connection: _Connection) -> None:
        self._stream, self._connection = stream, connection

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            try:
                return self._stream.read(max_bytes, self._connection.patience.look())
            except httpcore.ReadTimeout:
                continue  # patience says when it is enough

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._connection.patience.look()
        self._stream.write(buffer, CONNECT_SECONDS_MAX)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, CONNECT_SECONDS_MAX)
        return _Stream(stream, self._connection)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
