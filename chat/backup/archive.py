"""The file of a backup: a plain head, then one sealed stream of records.

    "huisclos-backup" | 0x01 | length of the head (4 bytes, big endian) | head as JSON | sealed stream

The stream is sealed under the system key with context ("backups", SHA-256 of all bytes before it in hex, "content"),
so that the head is authentic once the first block opens. Inside, one record after the other:

    record = kind (1 byte) | length (4, big endian) | body

    T  a table begins: JSON {"table": name, "columns": [names]}
    R  a row of that table: its cells, in the order of the columns
    F  a file begins: its path below the state folder, UTF-8
    P  a part of that file
    E  that file ends: SHA-256 of its bytes
    M  the end: JSON, see Contents

    cell = kind (1) | length (4) | bytes: N null, I whole number in decimal, D number as JSON, T text, B bytes

Values and originals inside are sealed as they lie in the house: without the key of a collection or a person its
content stays closed, whoever opens the backup.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import BinaryIO

from chat.errors import BackupBroken
from security.errors import SealBroken
from security.sealing import Context, DataKey

MAGIC = b"huisclos-backup"
HEAD_BYTES_MAX = 4096
_FORMAT = 1
_LENGTH_BYTES = 4

Value = str | bytes | int | float | None


class Kind(Enum):
    """What a record is."""

    TABLE = b"T"
    ROW = b"R"
    FILE = b"F"
    PART = b"P"
    FILE_END = b"E"
    END = b"M"


@dataclass(frozen=True, slots=True)
class Head:
    """What may be known of a backup without any key. `keyring` tells which keyring opens it; it is no secret."""

    id: str
    at: str
    keyring: str
    revision: str
    release: str

    def encoded(self) -> bytes:
        """The bytes before the sealed stream."""
        body = json.dumps(asdict(self), sort_keys=True).encode()
        return MAGIC + bytes([_FORMAT]) + _length(body) + body

    @property
    def context(self) -> Context:
        """Where the stream belongs: behind exactly this head."""
        return Context("backups", hashlib.sha256(self.encoded()).hexdigest(), "content")


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the stream."""

    kind: Kind
    body: bytes

    def encoded(self) -> bytes:
        """The record's bytes."""
        return self.kind.value + _length(self.body) + self.body


def sealed(key: DataKey, head: Head, records: Iterator[Record]) -> Iterator[bytes]:
    """The bytes of a backup, as its records come."""
    yield head.encoded()
    yield from key.sealed_stream(_Source(records), head.context)


def read_head(file: BinaryIO) -> Head:
    """The head, before anything is proved; the file stands at its stream then. Raises BackupBroken."""
    if file.read(len(MAGIC)) != MAGIC:
        raise BackupBroken("is not a backup of ours; name a file that `huisclos backup` wrote")
    form = file.read(1)
    if form != bytes([_FORMAT]):
        raise BackupBroken(f"has format {form.hex() or 'none'}, expected {_FORMAT:02x}; use the release that wrote it")
    length = int.from_bytes(file.read(_LENGTH_BYTES), "big")
    try:
        body = json.loads(file.read(min(length, HEAD_BYTES_MAX)))
        return Head(**{name: str(value) for name, value in body.items()})
    except (ValueError, TypeError, AttributeError) as error:
        raise BackupBroken("has a damaged head; use another backup") from error


def opened(key: DataKey, head: Head, file: BinaryIO) -> Iterator[Record]:
    """The records, each authentic; that they are all there is known at the end. Raises BackupBroken."""
    rest = _Rest(key.open_stream(file, head.context))
    try:
        while kind := rest.take(1):
            yield Record(Kind(kind), rest.take(int.from_bytes(rest.take(_LENGTH_BYTES), "big")))
    except SealBroken as error:
        raise BackupBroken("is not whole: it was cut, changed or mixed since it was written; use another") from error


def encode_row(values: Sequence[Value]) -> bytes:
    """A row's cells."""
    return b"".join(_cell(value) for value in values)


def decode_row(body: bytes) -> tuple[Value, ...]:
    """The values of a row's cells."""
    values, place = [], 0
    while place < len(body):
        start = place + 1 + _LENGTH_BYTES
        end = start + int.from_bytes(body[place + 1 : start], "big")
        values.append(_value(body[place : place + 1], body[start:end]))
        place = end
    return tuple(values)


def _cell(value: Value) -> bytes:
    match value:
        case None:
            kind, content = b"N", b""
        case bytes():
            kind, content = b"B", value
        case str():
            kind, content = b"T", value.encode("utf-8", "surrogatepass")
        case int():
            kind, content = b"I", str(int(value)).encode()
        case float():
            kind, content = b"D", json.dumps(value).encode()
    return kind + _length(content) + content


def _value(kind: bytes, content: bytes) -> Value:
    match kind:
        case b"N":
            return None
        case b"B":
            return content
        case b"T":
            return content.decode("utf-8", "surrogatepass")
        case b"I":
            return int(content)
        case b"D":
            return float(json.loads(content))
    raise BackupBroken(f"holds a cell of kind {kind!r}, which this release does not know; use the one that wrote it")


def _length(body: bytes) -> bytes:
    return len(body).to_bytes(_LENGTH_BYTES, "big")


class _Source:
    """Records as a file that is read once."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._records, self._rest = records, b""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, fewer where a record ends; none at the end."""
        if not self._rest:
            record = next(self._records, None)
            self._rest = record.encoded() if record else b""
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


class _Rest:
    """Blocks as bytes to be taken in lengths of one's own."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._held = blocks, bytearray()

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes; fewer only where the stream ends."""
        while len(self._held) < size and (block := next(self._blocks, b"")):
            self._held += block
        given = bytes(self._held[:size])
        del self._held[:size]
        return given
