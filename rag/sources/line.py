"""A connection to one address, over TLS where it wants that, whose every wait asks the patience of the sync first."""

import io
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rag.errors import SourceUnavailable
from rag.sources.addresses import Address
from rag.sources.patience import OutOfPatience, Patience


def connected(address: Address, context: ssl.SSLContext | None, patience: Patience) -> socket.socket:
    """Connect, and check the certificate where there is a context. Raises OSError, OutOfPatience."""
    raw = socket.create_connection((address.host, address.port), patience.remaining())
    try:
        raw.settimeout(patience.remaining())
        return context.wrap_socket(raw, server_hostname=address.host) if context else raw
    except BaseException:
        raw.close()
        raise


@contextmanager
def in_our_words(close: Callable[[], None], told: Callable[[Exception], str]) -> Iterator[None]:
    """What goes wrong in the block as SourceUnavailable; `told` gives the sentence for what is not of the connection.

    What has no sentence goes through. `close` first: nothing that broke is used again.
    """
    try:
        yield
    except Exception as error:
        close()
        sentence = reason(error) or told(error)
        if sentence:
            raise SourceUnavailable(sentence) from None
        raise


def reason(error: Exception) -> str:
    """What went wrong with a connection, in words of ours; empty for what is not of the connection."""
    match error:
        case OutOfPatience():
            return str(error)
        case ssl.SSLCertVerificationError():
            return f"the server's certificate is not trusted ({error.verify_message}); see --ca-file"
        case ConnectionRefusedError() | socket.gaierror():
            return "the server cannot be reached; see that it runs, and the network"
    return ""


class PatientRaw(io.RawIOBase):
    """Reads a socket, asking before each wait."""

    def __init__(self, sock: socket.socket, patience: Patience) -> None:
        self._sock, self._patience = sock, patience

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # what BufferedReader hands over
        """As much as has come, waiting for the first byte of it."""
        since = self._patience.now()
        while True:
            self._sock.settimeout(self._patience.wait(since))
            try:
                return self._sock.recv_into(buffer)
            except TimeoutError:
                continue  # patience says when it is enough
