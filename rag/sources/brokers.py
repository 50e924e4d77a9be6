"""One Kafka broker, asked what a reader asks: where a topic lies, from where to where, and what is there.

Nothing is written to it: no group, no offset, no topic. The versions of the requests are those that Kafka 2.1 to 4,
Redpanda and others answer; answers are read whole within a bound, and every wait is the patience's.
"""

import io
import ssl
import struct
from dataclasses import dataclass

from rag.errors import NothingThere, SourceRefused, SourceUnavailable
from rag.sources import scram, wire
from rag.sources.addresses import Address
from rag.sources.line import PatientRaw, connected
from rag.sources.patience import Patience
from rag.sources.record import Credentials
from rag.sources.wire import Wire

ANSWER_BYTES_MAX = 112 * 1024 * 1024
"""A message as large as the largest file, with what stands around it."""

TALK_BYTES_MAX = 4 * 1024 * 1024
"""Any other answer."""

FETCH_BYTES = 4 * 1024 * 1024
"""Asked for at once; a broker gives one batch even where that is larger."""

FETCH_MS = 500
"""How long a broker may wait for messages that it says it has."""

PLAIN = "PLAIN"
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", PLAIN)
"""Of those that a server offers, the first is taken: the last one tells it the password."""

_FETCH, _OFFSETS, _METADATA, _HANDSHAKE, _AUTHENTICATE = 1, 2, 3, 17, 36
_CLIENT = "huisclos"
_COMMITTED = b"\x01"
_NOBODY = -1
_EARLIEST, _LATEST = -2, -1
_UNKNOWN_MECHANISM = 33
_UNKNOWN_TOPIC = 3
_MB = 1024 * 1024
_NO_LEADER = "a part of the topic has no leader now; look at the cluster, and sync again"
_REFUSED = "the server refuses these credentials; add the source again with others"
_SENTENCES = {
    1: "messages went while they were read; sync again",
    5: _NO_LEADER,
    6: _NO_LEADER,
    9: _NO_LEADER,
    17: "the server takes this for no name of a topic; look at the address",
    29: "these credentials may not read this topic: give them the rights to describe and to read it",
    34: "the server asks for no name and password here; add the source without them, or with another port",
    35: "the server does not know these requests; Kafka 2.1 or a later one does",
    58: _REFUSED,
}


@dataclass(frozen=True, slots=True)
class Node:
    """A broker as the cluster names it."""

    id: int
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The brokers, and the one that leads each part of a topic."""

    nodes: dict[int, Node]
    leaders: dict[int, int]


@dataclass(frozen=True, slots=True)
class Fetched:
    """Batches as they came, how many bytes that took, and the aborted transactions among them."""

    data: memoryview
    size: int
    aborted: tuple[tuple[int, int], ...]


class Broker:
    """A connection to one broker, signed in. Raises SourceUnavailable, OutOfPatience, OSError, ValueError."""

    def __init__(
        self,
        address: Address,
        credentials: Credentials,
        mechanism: str,
        context: ssl.SSLContext | None,
        patience: Patience,
    ) -> None:
        """`mechanism` is the only one that may be used, or empty."""
        self._address, self._credentials, self._mechanism = address, credentials, mechanism
        self._context, self._patience = context, patience
        self._asked = 0
        self._connect()
        try:
            if credentials.user:
                self._sign_in()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self._sock.close()

    def layout(self, topic: str) -> Layout:
        """Where a topic lies; one that is not there is not made. Raises NothingThere."""
        is_made = b"\0"
        answer = self._ask(_METADATA, 4, wire.items([wire.text(topic)]) + is_made)
        answer.int32()
        nodes = answer.items(_node, 12)
        answer.text()
        answer.int32()
        for name, error, leaders in answer.items(_topic, 9):
            if name == topic and not error:
                return Layout({node.id: node for node in nodes}, leaders)
            if name == topic:
                _check(error)
        raise NothingThere("the server has no such topic; look at the address")

    def bounds(self, topic: str, part: int) -> tuple[int, int]:
        """The offset of the first message that is still there, and the one after the last that was committed."""
        return self._offset(topic, part, _EARLIEST), self._offset(topic, part, _LATEST)

    def fetch(self, topic: str, part: int, offset: int) -> Fetched:
        """Batches from an offset on: one at least, where there is one."""
        nothing = wire.items([])
        head = struct.pack(">iiii", _NOBODY, FETCH_MS, 1, FETCH_BYTES) + _COMMITTED + struct.pack(">ii", 0, -1)
        wanted = struct.pack(">iiqqi", part, -1, offset, -1, FETCH_BYTES)
        topics = wire.items([wire.text(topic) + wire.items([wanted])])
        answer = self._ask(_FETCH, 10, head + topics + nothing, ANSWER_BYTES_MAX)
        size = answer.left
        answer.int32()
        _check(answer.int16())
        answer.int32()
        found = [each for name, parts in answer.items(_fetched, 6) if name == topic for each in parts]
        for number, error, aborted, data in found:
            if number == part:
                _check(error)
                return Fetched(data, size, tuple(aborted))
        raise ValueError("an answer about something else")

    def _offset(self, topic: str, part: int, which: int) -> int:
        wanted = wire.items([wire.text(topic) + wire.items([struct.pack(">iq", part, which)])])
        answer = self._ask(_OFFSETS, 2, struct.pack(">i", _NOBODY) + _COMMITTED + wanted)
        answer.int32()
        for name, parts in answer.items(_offsets, 6):
            for number, error, offset in parts:
                if (name, number) == (topic, part):
                    _check(error)
                    return offset
        raise ValueError("an answer about something else")

    def _connect(self) -> None:
        self._sock = connected(self._address, self._context, self._patience)
        self._reader = io.BufferedReader(PatientRaw(self._sock, self._patience))

    def _sign_in(self) -> None:
        mechanism = self._mechanism or MECHANISMS[0]
        error, offered = self._shake_hands(mechanism)
        if error == _UNKNOWN_MECHANISM and not self._mechanism:
            mechanism = next((each for each in MECHANISMS if each in offered), "")
            self.close()  # the server did
            self._connect()
            error = self._shake_hands(mechanism)[0] if mechanism else error
        if error == _UNKNOWN_MECHANISM:
            wanted = self._mechanism or ", ".join(MECHANISMS)
            raise SourceUnavailable(f"the server signs nobody in by {wanted}; look at sasl.enabled.mechanisms of it")
        _check(error)
        if mechanism == PLAIN:
            user, secret = self._credentials.user, self._credentials.secret
            self._authenticate(f"\0{user}\0".encode() + secret.encode())
        else:
            self._prove(scram.Scram(mechanism, self._credentials))

    def _prove(self, proving: scram.Scram) -> None:
        try:
            proving.check(self._authenticate(proving.final(self._authenticate(proving.first()))))
        except scram.Denied:
            raise SourceUnavailable(_REFUSED) from None
        except scram.ProofRefused:
            raise SourceRefused("the server does not prove that it knows the password; look at the address") from None

    def _shake_hands(self, mechanism: str) -> tuple[int, list[str]]:
        answer = self._ask(_HANDSHAKE, 1, wire.text(mechanism))
        return answer.int16(), answer.items(Wire.text, 2)

    def _authenticate(self, said: bytes) -> bytes:
        answer = self._ask(_AUTHENTICATE, 0, wire.content(said))
        error = answer.int16()
        answer.text()
        _check(error)
        return bytes(answer.content())

    def _ask(self, what: int, version: int, said: bytes, bytes_max: int = TALK_BYTES_MAX) -> Wire:
        """Send a request and read its answer."""
        self._asked += 1
        request = struct.pack(">hhi", what, version, self._asked) + wire.text(_CLIENT) + said
        self._sock.settimeout(self._patience.remaining())
        self._sock.sendall(wire.content(request))
        (size,) = struct.unpack(">i", self._read(4))
        if size > bytes_max:
            raise SourceUnavailable(
                f"the server answers with over {bytes_max // _MB} MB; a message is smaller than that"
            )
        answer = Wire(self._read(size))
        if answer.int32() != self._asked:
            raise ValueError("an answer to something else")
        return answer

    def _read(self, size: int) -> bytes:
        data = self._reader.read(size) if size >= 0 else b""
        if len(data) != max(size, 1):
            raise EOFError
        return data


def _check(error: int) -> None:
    """Raise SourceUnavailable for an error of the protocol, in words of ours."""
    if error == _UNKNOWN_TOPIC:
        raise NothingThere("the server has no such topic; look at the address")
    if error:
        raise SourceUnavailable(_SENTENCES.get(error, f"the server answers error {error} of Kafka; look at its log"))


def _node(answer: Wire) -> Node:
    node = Node(answer.int32(), answer.text(), answer.int32())
    answer.text()
    return node


def _topic(answer: Wire) -> tuple[str, int, dict[int, int]]:
    error, name, _ = answer.int16(), answer.text(), answer.int8()
    return name, error, dict(answer.items(_leader, 18))


def _leader(answer: Wire) -> tuple[int, int]:
    answer.int16()
    part, leader = answer.int32(), answer.int32()
    for _ in ("replicas", "in sync"):
        answer.items(Wire.int32, 4)
    return part, leader


def _offsets(answer: Wire) -> tuple[str, list[tuple[int, int, int]]]:
    return answer.text(), answer.items(_one_offset, 22)


def _one_offset(answer: Wire) -> tuple[int, int, int]:
    part, error, _, offset = answer.int32(), answer.int16(), answer.int64(), answer.int64()
    return part, error, offset


def _fetched(answer: Wire) -> tuple[str, list[tuple[int, int, list[tuple[int, int]], memoryview]]]:
    return answer.text(), answer.items(_one_fetched, 38)


def _one_fetched(answer: Wire) -> tuple[int, int, list[tuple[int, int]], memoryview]:
    part, error = answer.int32(), answer.int16()
    for _ in ("high watermark", "last stable offset", "log start"):
        answer.int64()
    aborted = answer.items(lambda each: (each.int64(), each.int64()), 16)
    return part, error, aborted, answer.content()
