"""Values as Kafka's protocol writes them, out of and into bytes of a length that is known before."""

import struct
from collections.abc import Callable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
_VARINT_BITS_MAX = 63
ITEMS_MAX = 100_000
"""Of one list: each of a few bytes on the wire is a value of a hundred here."""


class Wire:
    """Reads one value after another. Raises ValueError where there is none of that kind."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data, self._at = memoryview(data), 0

    @property
    def left(self) -> int:
        """Bytes that were not read."""
        return len(self._data) - self._at

    def take(self, size: int) -> memoryview:
        """So many bytes."""
        if not 0 <= size <= self.left:
            raise ValueError("a value that is longer than what holds it")
        self._at += size
        return self._data[self._at - size : self._at]

    def int8(self) -> int:
        """A number of 1 byte."""
        return self._number(">b", 1)

    def int16(self) -> int:
        """A number of 2 bytes."""
        return self._number(">h", 2)

    def int32(self) -> int:
        """A number of 4 bytes."""
        return self._number(">i", 4)

    def int64(self) -> int:
        """A number of 8 bytes."""
        return self._number(">q", 8)

    def varint(self) -> int:
        """A number of as many bytes as it needs, the sign in its last bit."""
        value = shift = 0
        data, at = self._data, self._at
        while True:
            if at >= len(data) or shift > _VARINT_BITS_MAX:
                raise ValueError("a number without an end")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follow
                break
            shift += 7
        self._at = at
        return (value >> 1) ^ -(value & 1)

    def text(self) -> str:
        """A text, empty where it is null."""
        return bytes(self.take(max(0, self.int16()))).decode("utf-8", "replace")

    def content(self) -> memoryview:
        """Bytes, none where they are null."""
        return self.take(max(0, self.int32()))

    def items(self, read: Callable[["Wire"], _Item], size_min: int) -> list[_Item]:
        """A list of values, each of so many bytes at least; none where it is null."""
        count = max(0, self.int32())
        if count * size_min > self.left or count > ITEMS_MAX:
            raise ValueError("a list that is longer than what holds it, or than anybody needs")
        return [read(self) for _ in range(count)]

    def _number(self, form: str, size: int) -> int:
        (value,) = struct.unpack(form, self.take(size))
        return int(value)


def text(value: str | None) -> bytes:
    """A text for the wire."""
    encoded = (value or "").encode()
    return struct.pack(">h", -1 if value is None else len(encoded)) + encoded


def content(value: bytes) -> bytes:
    """Bytes for the wire."""
    return struct.pack(">i", len(value)) + value


def items(values: Sequence[bytes]) -> bytes:
    """A list for the wire, of values that were written."""
    return struct.pack(">i", len(values)) + b"".join(values)
