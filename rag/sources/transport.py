"""HTTP to one origin, with patience: verified TLS, no redirect, proxy, cookie or compression, every wait bounded.

httpx waits so long for each part of an answer; a server that sends a byte now and then would be waited for all day.
Here every read of the socket asks the sync's patience first, for heads as for bodies.
"""

import ssl
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import httpcore
import httpx

from rag.errors import (
    DocumentRejected,
    FileUnavailable,
    NothingThere,
    SentElsewhere,
    SourceRefused,
    SourceUnavailable,
)
from rag.sources.addresses import Address
from rag.sources.patience import OutOfPatience, Patience
from rag.sources.record import Credentials

_MB = 1024 * 1024
_REDIRECTS = range(300, 400)
_PERMANENT = frozenset({301, 308})
_DENIED = frozenset({401, 403})
_GONE = frozenset({404, 410})
CONNECTIONS = 4
PLAIN = frozenset({"identity"})
"""The encodings of a body that is sent as it was asked for."""

ERROR_BYTES_MAX = 8192
"""Of the body of an error, which a sentence may be made of."""


class Http:
    """One server. Each answer is read whole within its bound, or it is an error."""

    def __init__(
        self,
        address: Address,
        credentials: Credentials,
        ca_file: str,
        patience: Patience,
        explain: Callable[[bytes], str] = lambda _: "",
    ) -> None:
        """`explain` gives a sentence for the body of an error, or nothing."""
        self._address, self.patience, self._explain = address, patience, explain
        transport = httpx.HTTPTransport(trust_env=False)
        transport.close()
        transport._pool = httpcore.ConnectionPool(
            ssl_context=tls_context(ca_file),
            max_connections=CONNECTIONS,
            network_backend=_Patient(address, patience),
        )
        self._client = httpx.Client(
            transport=transport,
            auth=_Signed(credentials),
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - patience bounds every wait
            headers={"accept-encoding": "identity", "user-agent": "huisclos"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def answer(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        encodings: Container[str] = PLAIN,
    ) -> Iterator[httpx.Response]:
        """An answer whose body has not been read. Raises SourceUnavailable for what is no success."""
        self._client.cookies.clear()
        request = self._client.build_request(
            method, f"{self._address.origin}{path}", headers=dict(headers or {}), content=content
        )
        try:
            answer = self._client.send(request, stream=True)
            try:
                self._check(answer, encodings)
                yield answer
            finally:
                answer.close()
        except OutOfPatience as error:
            raise SourceUnavailable(str(error)) from error
        except (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError, httpx.InvalidURL, OSError) as error:
            raise SourceUnavailable(_sentence(error)) from None  # a chain would hold the request, and its head

    def _check(self, answer: httpx.Response, encodings: Container[str]) -> None:
        if answer.status_code in _REDIRECTS:
            location, is_permanent = answer.headers.get("location", ""), answer.status_code in _PERMANENT
            raise SentElsewhere(location, is_permanent=is_permanent)
        if not answer.is_success:
            sentence = self._explain(_beginning(answer)) or _status_sentence(answer.status_code)
            raise NothingThere(sentence) if answer.status_code in _GONE else SourceUnavailable(sentence)
        if answer.headers.get("content-encoding", "identity") not in encodings:
            raise SourceUnavailable("the server compresses though it was asked not to; look at its settings")


def _beginning(answer: httpx.Response) -> bytes:
    """As much of a body as an error takes."""
    content = b""
    for part in answer.iter_raw():
        content += part
        if len(content) >= ERROR_BYTES_MAX:
            break
    return content[:ERROR_BYTES_MAX]


def _status_sentence(status: int) -> str:
    if status in _DENIED:
        return "the server refuses these credentials; add the source again with others"
    return f"the server answers {status}; look at its log"


def body(answer: httpx.Response, bytes_max: int) -> Iterator[bytes]:
    """The parts of a body. Raises SourceUnavailable where it does not end within its bound."""
    size = 0
    for part in answer.iter_raw():
        size += len(part)
        if size > bytes_max:
            raise SourceUnavailable(f"the answer has over {bytes_max // _MB} MB; the server sends too much")
        yield part


class Asked(Protocol):
    """What a file is fetched from."""

    @property
    def patience(self) -> Patience:
        """That of the sync at hand."""
        ...

    def answer(
        self, method: str, path: str, headers: Mapping[str, str] | None = None
    ) -> AbstractContextManager[httpx.Response]:
        """An answer whose body has not been read. Raises SourceUnavailable for what is no success."""
        ...


def fetched(
    server: Asked, path: str, bytes_max: int, headers: Mapping[str, str] | None = None
) -> tuple[bytes, httpx.Headers]:
    """One file, whole. Raises DocumentRejected for one over the limit, FileUnavailable.

    A file that is gone or elsewhere is no failure of the server: the next one is asked for.
    """
    with server.patience.fetching():
        try:
            return _whole(server, path, bytes_max, headers)
        except (NothingThere, SentElsewhere) as error:
            answered = error
        except SourceUnavailable as error:
            raise FileUnavailable(f"not fetched: {error}") from error
    raise FileUnavailable(f"not fetched: {answered}") from answered


def _whole(server: Asked, path: str, bytes_max: int, headers: Mapping[str, str] | None) -> tuple[bytes, httpx.Headers]:
    with server.answer("GET", path, headers) as answer:
        size = answer.headers.get("content-length", "0")
        if size.isdecimal() and int(size) > bytes_max:
            raise _too_large(bytes_max)
        content = bytearray()
        for part in answer.iter_raw():
            content += part
            if len(content) > bytes_max:
                raise _too_large(bytes_max)
        return bytes(content), answer.headers


def tls_context(ca_file: str) -> ssl.SSLContext:
    """TLS that checks certificates and names, with the system's authorities or with the one named."""
    if not ca_file:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=Path(ca_file))
    except OSError as error:
        raise SourceRefused(f"{ca_file} holds no certificate of an authority; name a PEM file") from error


def _too_large(bytes_max: int) -> DocumentRejected:
    return DocumentRejected(f"the file has over {bytes_max // _MB} MB, which is the limit: split it")


def _sentence(error: Exception) -> str:
    """What went wrong on the way, by its kind alone: a library's words may quote the request."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the server's certificate is not trusted ({cause.verify_message}); see --ca-file"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectError | httpcore.ConnectError):
        return "the server cannot be reached; see that it runs, and the network"
    return f"the server broke off, or does not speak HTTP ({type(error).__name__}); look at its log"


class _Signed(httpx.Auth):
    """Puts the credentials on each request, which go to one origin alone."""

    def __init__(self, credentials: Credentials) -> None:
        self._basic = httpx.BasicAuth(credentials.user, credentials.secret) if credentials.user else None
        self._token = credentials.secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._basic:
            yield from self._basic.auth_flow(request)
            return
        if self._token:
            request.headers["authorization"] = "Bearer " + self._token
        yield request


class _Patient(httpcore.NetworkBackend):
    """Connects to one address, and hands out streams that ask before they wait."""

    def __init__(self, address: Address, patience: Patience) -> None:
        self._address, self._patience, self._plain = address, patience, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        if (host, port) != (self._address.host, self._address.port):
            raise SourceRefused("a connection to another address than the source's was not made")
        longest = self._patience.remaining()
        return _PatientStream(
            self._plain.connect_tcp(host, port, longest, local_address, socket_options), self._patience
        )

    def sleep(self, seconds: float) -> None:
        self._plain.sleep(seconds)


class _PatientStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, patience: Patience) -> None:
        self._stream, self._patience = stream, patience

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        since = self._patience.now()
        while True:
            try:
                return self._stream.read(max_bytes, self._patience.wait(since))
            except httpcore.ReadTimeout:
                continue  # patience says when it is enough

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._patience.remaining())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._patience.remaining())
        return _PatientStream(stream, self._patience)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
