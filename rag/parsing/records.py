"""Records of the old Office formats: a head of eight bytes, then a value or further records. [MS-PPT] 2.3.1."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

HEAD_BYTES = 8


@dataclass(frozen=True, slots=True)
class Record:
    """A record's value: where it begins and ends in the stream."""

    data: bytes
    start: int
    end: int
    kind: int = 0
    instance: int = 0


def children(parent: Record) -> Iterator[Record]:
    """The records inside one. One that says it is longer than its parent ends with it."""
    place = parent.start
    while place + HEAD_BYTES <= parent.end:
        head, kind, length = numbers("HHI", parent.data, place)
        place += HEAD_BYTES
        yield Record(parent.data, place, min(place + length, parent.end), kind, head >> 4)
        place += length


def find(parent: Record, kind: int) -> Record | None:
    """The first record of a kind inside one."""
    return next((record for record in children(parent) if record.kind == kind), None)


def numbers(kinds: str, data: bytes, place: int) -> tuple[int, ...]:
    """Numbers as `struct` spells them, the low byte first. Raises struct.error beyond the end."""
    if place < 0:
        raise struct.error(place)
    return struct.unpack_from(f"<{kinds}", data, place)
