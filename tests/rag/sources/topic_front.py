"""What stands before a broker and asks who is there: TLS, and SASL by another implementation (scramp) than ours."""

import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import scramp

from rag.sources import wire
from rag.sources.wire import Wire
from tests.rag.sources.servers import PASSWORD, USER
from tests.rag.sources.spoken import AUTHENTICATE, HANDSHAKE

PORT = struct.Struct(">i")


@dataclass
class Front:
    """Its port, and what people said to sign in."""

    port: int
    broker: int
    mechanisms: Sequence[str]
    heard: list[bytes] = field(default_factory=list)

    def serve(self, client: socket.socket) -> None:
        """One connection, to its end."""
        if self.mechanisms and not self._is_signed_in(client):
            return
        with socket.create_connection(("127.0.0.1", self.broker), 5) as behind:
            while True:
                behind.sendall(wire.content(frame(client)))
                ours, theirs = (b"127.0.0.1" + PORT.pack(port) for port in (self.port, self.broker))
                client.sendall(wire.content(frame(behind).replace(theirs, ours)))

    def _is_signed_in(self, client: socket.socket) -> bool:
        number, mechanism = _asked(client, HANDSHAKE)
        name = mechanism.text()
        offered = wire.items([wire.text(each) for each in self.mechanisms])
        client.sendall(
            wire.content(PORT.pack(number) + struct.pack(">h", 0 if name in self.mechanisms else 33) + offered)
        )
        return name in self.mechanisms and (self._plain(client) if name == "PLAIN" else self._scram(client, name))

    def _plain(self, client: socket.socket) -> bool:
        number, said = _asked(client, AUTHENTICATE)
        is_right = self._heard(said) == f"\0{USER}\0{PASSWORD}"
        _answer(client, number, "", 0 if is_right else 58)
        return is_right

    def _scram(self, client: socket.socket, name: str) -> bool:
        mechanism = scramp.ScramMechanism(name)
        known = mechanism.make_auth_info(PASSWORD, iteration_count=4096)
        server = mechanism.make_server(lambda _: known)
        number, said = _asked(client, AUTHENTICATE)
        server.set_client_first(self._heard(said))
        _answer(client, number, server.get_server_first())
        number, said = _asked(client, AUTHENTICATE)
        try:
            server.set_client_final(self._heard(said))
        except scramp.ScramException:
            _answer(client, number, "", 58)
            return False
        _answer(client, number, server.get_server_final())
        return True

    def _heard(self, said: Wire) -> str:
        self.heard.append(bytes(said.content()))
        return self.heard[-1].decode()


def frame(connection: socket.socket) -> bytes:
    """What comes next."""
    (size,) = PORT.unpack(_exactly(connection, 4))
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError
        data += part
    return bytes(data)


def _asked(client: socket.socket, what: int) -> tuple[int, Wire]:
    """The number of a request, and the rest of it. Raises ConnectionError where it asks for something else."""
    request = Wire(frame(client))
    kind, _, number, _ = request.int16(), request.int16(), request.int32(), request.text()
    if kind != what:
        raise ConnectionError
    return number, request


def _answer(client: socket.socket, number: int, said: str, error: int = 0) -> None:
    body = struct.pack(">h", error) + wire.text(None) + wire.content(said.encode())
    client.sendall(wire.content(PORT.pack(number) + body))


@contextmanager
def front(broker: int, *mechanisms: str, certificate: tuple[Path, Path] | None = None) -> Iterator[Front]:
    """Stand before the broker at a port. Without a mechanism nobody is asked who they are."""
    listener = socket.create_server(("127.0.0.1", 0))
    found = Front(listener.getsockname()[1], broker, mechanisms)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
    if context and certificate:
        context.load_cert_chain(*certificate)

    def talk(client: socket.socket) -> None:
        with suppress(OSError), client:
            client.settimeout(20)
            with context.wrap_socket(client, server_side=True) if context else client as spoken:
                found.serve(spoken)

    def listen() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(client,), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield found
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
