"""A digest of a set that grows and shrinks without reading it again: the sum of its members' keyed marks.

MSet-Add-Hash of Clarke, Devadas, van Dijk, Gassend and Suh (ASIACRYPT 2003): marks are HMAC-SHA256 values that nobody
without the key can see or choose, their sum is taken modulo 2^256 and kept sealed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

_MODULUS = 1 << 256


@dataclass(frozen=True, slots=True)
class SetDigest:
    """How many members, and the sum of their marks (32 bytes each)."""

    count: int = 0
    total: int = 0

    def plus(self, marks: Iterable[bytes]) -> "SetDigest":
        """With these members."""
        return self._moved(marks, 1)

    def minus(self, marks: Iterable[bytes]) -> "SetDigest":
        """Without these members."""
        return self._moved(marks, -1)

    def _moved(self, marks: Iterable[bytes], sign: int) -> "SetDigest":
        numbers = [int.from_bytes(mark, "big") for mark in marks]
        return SetDigest(self.count + sign * len(numbers), (self.total + sign * sum(numbers)) % _MODULUS)


NOTHING = SetDigest()
"""The digest of the empty set."""
