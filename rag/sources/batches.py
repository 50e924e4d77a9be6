"""Messages out of the batches that a Kafka broker keeps (format 2, since Kafka 0.11), those that were aborted left out.

The checksum of a batch is not computed: the broker has, and TLS bears it here; in Python it would take longer than all
the rest. What the house loads is told apart by a digest of its own.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag.sources.unpacking import Codec, unpacked
from rag.sources.wire import Wire

_HEAD = struct.Struct(">qiibIhiqqqhii")
_LENGTH_AT = 8
_OVERHEAD = 12
"""Bytes before the length of a batch counts."""

_MAGIC_AT = 16
_MAGIC = 2
_CODEC, _STAMPED, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20
_ABORT = 0


class OldFormat(ValueError):
    """A batch of a format that Kafka 4 reads no more."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `at_ms` counts from 1970; a value of None deletes what its key had."""

    offset: int
    at_ms: int
    key: bytes | None
    value: memoryview | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that were written together, packed as they came."""

    first: int
    last: int
    attributes: int
    from_ms: int
    until_ms: int
    producer: int
    count: int
    packed: memoryview

    @property
    def is_control(self) -> bool:
        """Whether it holds the end of a transaction and no message."""
        return bool(self.attributes & _CONTROL)

    @property
    def is_transactional(self) -> bool:
        """Whether it counts only once its transaction is committed."""
        return bool(self.attributes & _TRANSACTIONAL)

    @property
    def is_abort(self) -> bool:
        """Whether it ends a transaction of its producer without effect."""
        if not self.is_control:
            return False
        key = next((message.key for message in self.messages(len(self.packed))), None)
        version_and_kind = Wire(key or b"")
        version_and_kind.int16()
        return version_and_kind.int16() == _ABORT

    def messages(self, bytes_max: int) -> Iterator[Message]:
        """What it holds, in order. Raises TooLarge where it unpacks to more than that, ValueError."""
        wire = Wire(unpacked(Codec(self.attributes & _CODEC), self.packed, bytes_max))
        for _ in range(self.count):
            yield self._message(Wire(wire.take(wire.varint())))

    def _message(self, wire: Wire) -> Message:
        wire.int8()
        later, further = wire.varint(), wire.varint()
        key, value = _content(wire), _content(wire)
        at_ms = self.until_ms if self.attributes & _STAMPED else self.from_ms + later
        return Message(self.first + further, at_ms, None if key is None else bytes(key), value)


def read_batches(data: memoryview) -> Iterator[Batch]:
    """The whole batches of an answer; the last is often cut. Raises ValueError."""
    while len(data) > _MAGIC_AT:
        (length,) = struct.unpack_from(">i", data, _LENGTH_AT)
        if data[_MAGIC_AT] < _MAGIC:
            raise OldFormat
        if length < _HEAD.size - _OVERHEAD or data[_MAGIC_AT] != _MAGIC:
            raise ValueError("this is no batch of messages")
        if length > len(data) - _OVERHEAD:
            return
        yield _batch(data[: length + _OVERHEAD])
        data = data[length + _OVERHEAD :]


def committed(batches: Iterable[Batch], aborted: Sequence[tuple[int, int]]) -> Iterator[tuple[Batch, bool]]:
    """Each batch, and whether its messages count. `aborted` are a producer and a transaction's first offset each."""
    waiting, ending = sorted(((first, producer) for producer, first in aborted), reverse=True), set[int]()
    for batch in batches:
        while waiting and waiting[-1][0] <= batch.last:
            ending.add(waiting.pop()[1])
        if batch.is_abort:
            ending.discard(batch.producer)
        yield batch, not (batch.is_control or (batch.is_transactional and batch.producer in ending))


def _batch(data: memoryview) -> Batch:
    first, _, _, _, _, attributes, further, from_ms, until_ms, producer, _, _, count = _HEAD.unpack_from(data)
    if further < 0 or first < 0 or not 0 <= count <= further + 1:
        raise ValueError("a batch that counts its messages wrongly")
    return Batch(first, first + further, attributes, from_ms, until_ms, producer, count, data[_HEAD.size :])


def _content(wire: Wire) -> memoryview | None:
    size = wire.varint()
    return None if size < 0 else wire.take(size)
