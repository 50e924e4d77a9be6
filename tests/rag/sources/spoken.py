"""What a Kafka broker says, written by hand: for what the real one of the tests does not do, and for hostile ones."""

import struct
from collections.abc import Callable, Mapping, Sequence

from rag.sources import wire
from tests.attacks.hostile import Answer, Talk

TOPIC = "share"
FETCH, OFFSETS, METADATA, HANDSHAKE, AUTHENTICATE = 1, 2, 3, 17, 36
AT_MS = 1_700_000_000_000
Said = Callable[[Talk], bytes]


def varint(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def blob(value: bytes | None) -> bytes:
    return varint(-1) if value is None else varint(len(value)) + value


def message(number: int, key: bytes | None, value: bytes | None, later: int = 0) -> bytes:
    body = b"\0" + varint(later) + varint(number) + blob(key) + blob(value) + varint(0)
    return varint(len(body)) + body


def batch(
    first: int,
    packed: bytes,
    count: int,
    *,
    attributes: int = 0,
    producer: int = -1,
    last: int | None = None,
    magic: int = 2,
    until_ms: int = AT_MS,
) -> bytes:
    further = count - 1 if last is None else last - first
    numbers = (attributes, further, AT_MS, until_ms, producer, -1, -1, count)
    rest = struct.pack(">ibIhiqqqhii", 0, magic, 0, *numbers) + packed
    return struct.pack(">qi", first, len(rest)) + rest


def batch_of(first: int, *messages: tuple[str | None, str | None], **more: int) -> bytes:
    """A batch of keys and texts, not packed."""

    def encoded(text: str | None) -> bytes | None:
        return None if text is None else text.encode()

    content = b"".join(message(number, encoded(key), encoded(text)) for number, (key, text) in enumerate(messages))
    return batch(first, content, len(messages), **more)


def marker(first: int, producer: int, *, is_abort: bool) -> bytes:
    """The end of a transaction."""
    kind = struct.pack(">hh", 0, 0 if is_abort else 1)
    return batch(first, message(0, kind, b"\0" * 6), 1, attributes=0x30, producer=producer)


def metadata(host: str, port: int, *, topic: str = TOPIC, error: int = 0, parts: Sequence[int] = (0,)) -> bytes:
    node = struct.pack(">i", 1) + wire.text(host) + struct.pack(">i", port) + wire.text(None)
    leaders = [struct.pack(">hiiii", 0, part, 1, 0, 0) for part in parts]
    told = struct.pack(">h", error) + wire.text(topic) + b"\0" + wire.items(leaders)
    return struct.pack(">i", 0) + wire.items([node]) + wire.text(None) + struct.pack(">i", 1) + wire.items([told])


def offset(value: int, *, part: int = 0, error: int = 0, topic: str = TOPIC) -> bytes:
    one = struct.pack(">ihqq", part, error, -1, value)
    return struct.pack(">i", 0) + wire.items([wire.text(topic) + wire.items([one])])


def fetched(data: bytes, *, part: int = 0, error: int = 0, aborted: Sequence[tuple[int, int]] = ()) -> bytes:
    one = struct.pack(">ihqqq", part, error, 0, 0, 0) + wire.items([struct.pack(">qq", *each) for each in aborted])
    topics = wire.items([wire.text(TOPIC) + wire.items([one + wire.content(data)])])
    return struct.pack(">ihi", 0, 0, 0) + topics


def asked(request: bytes) -> tuple[int, int]:
    """What a request asks for, and its number."""
    what, _, number = struct.unpack_from(">hhi", request, 4)
    return what, number


def say(talk: Talk, body: bytes) -> None:
    talk.say(wire.content(struct.pack(">i", asked(talk.request)[1]) + body))


def spoken(
    data: bytes = b"", end: int = 1, *, first: int = 0, aborted: Sequence[tuple[int, int]] = (), **others: Said
) -> Answer:
    """A broker whose topic has these batches from offset `first` to before `end`, unless `others` say something else.

    A batch that ends before the offset that is asked for is not given.
    """

    def bound(talk: Talk) -> bytes:
        (which,) = struct.unpack(">q", talk.request[-8:])
        return offset(first if which == -2 else end)

    def given(talk: Talk) -> bytes:
        at = offset_of(talk.request)
        return fetched(b"".join(each for each, last in _split(data) if last >= at), aborted=aborted)

    says: Mapping[int, Said] = {
        METADATA: others.get("metadata", lambda talk: metadata("127.0.0.1", talk.server.port)),
        OFFSETS: others.get("offsets", bound),
        FETCH: others.get("fetch", given),
        HANDSHAKE: others.get("handshake", plain_alone),
        AUTHENTICATE: others.get("authenticate", lambda _: struct.pack(">h", 0) + wire.text(None) + wire.content(b"")),
    }
    return lambda talk: say(talk, says[asked(talk.request)[0]](talk))


def plain_alone(talk: Talk) -> bytes:
    """Sign in by the password itself, and by nothing else."""
    return struct.pack(">h", 0 if talk.request.endswith(b"PLAIN") else 33) + wire.items([wire.text("PLAIN")])


def offset_of(request: bytes) -> int:
    """The offset that a fetch asks for."""
    (found,) = struct.unpack(">q", request[-24:-16])
    return int(found)


def _split(data: bytes) -> list[tuple[bytes, int]]:
    """Batches, each with its last offset."""
    found = []
    while data:
        first, length = struct.unpack_from(">qi", data)
        (further,) = struct.unpack_from(">i", data, 23)
        found.append((data[: length + 12], first + further))
        data = data[length + 12 :]
    return found
