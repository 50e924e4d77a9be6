"""Old workbooks made of their smallest parts. [MS-XLS] 2.4, [MS-CFB] 2."""

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import olefile

VISIBLE, HIDDEN, VERY_HIDDEN = 0, 1, 2
Sheet = tuple[str, int, Sequence[Sequence[str | float]]]
"""A name, a state and rows."""
_SECTOR, _FREE, _END, _FAT = 512, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def workbook(*sheets: Sheet, is_locked: bool = False, before: bytes = b"", stream: str = "Workbook") -> bytes:
    """A workbook of Excel 97, perhaps one that asks for a password, with records before its list of sheets."""
    return compound({stream: _stream(sheets, before + (_LOCK if is_locked else b""))})


def record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


_LOCK = record(0x2F, bytes(4))


def _begin(what: int) -> bytes:
    return record(0x809, struct.pack("<HHHHII", 0x600, what, 0x1234, 1997, 0, 0x600))


def _cell(row: int, column: int, value: str | float) -> bytes:
    place = struct.pack("<HHH", row, column, 0)
    if isinstance(value, str):
        return record(0x204, place + struct.pack("<HB", len(value), 1) + value.encode("utf-16-le"))
    return record(0x203, place + struct.pack("<d", value))


def _stream(sheets: Sequence[Sheet], lock: bytes) -> bytes:
    bodies = []
    for _, _, rows in sheets:
        cells = (_cell(y, x, value) for y, row in enumerate(rows) for x, value in enumerate(row))
        bodies.append(_begin(0x10) + b"".join(cells) + record(0x0A))
    place = len(_globals(sheets, [0] * len(sheets), lock))
    places = [place + sum(map(len, bodies[:number])) for number in range(len(bodies))]
    return _globals(sheets, places, lock) + b"".join(bodies)


def _globals(sheets: Sequence[Sheet], places: Sequence[int], lock: bytes) -> bytes:
    listed = b""
    for (name, state, _), place in zip(sheets, places, strict=True):
        listed += record(0x85, struct.pack("<IBBBB", place, state, 0, len(name), 0) + name.encode("latin-1"))
    return _begin(5) + lock + listed + record(0x0A)


def compound(streams: Mapping[str, "bytes | Mapping[str, Any]"]) -> bytes:
    """A compound file: head, table of sectors, directory, streams. Short ones are padded, else they lie elsewhere.

    Streams may stand in folders, which are mappings too.
    """
    entries: list[bytes] = []
    content: list[bytes] = []
    _enter("Root Entry", 5, streams, _FREE, entries, content)
    folders = -(-len(entries) // 4)
    first = 1 + folders
    table, places = [_FAT, *range(2, first), _END], []
    for stream in content:
        place, count = len(table), len(stream) // _SECTOR
        places.append(place)
        table += [*range(place + 1, place + count), _END]
    assert len(table) <= _SECTOR // 4, "one sector of the table holds 128"
    table += [_FREE] * (_SECTOR // 4 - len(table))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<9I", 0, 1, 1, 0, 4096, _END, 0, _END, 0) + struct.pack("<I", 0) + b"\xff" * 4 * 108
    placed = [_placed(entry, places) for entry in entries]
    directory = b"".join(placed) + _entry("", 0, _FREE, 0, 0) * (4 * folders - len(entries))
    return head + struct.pack(f"<{len(table)}I", *table) + directory + b"".join(content)


def _enter(
    name: str, kind: int, inside: Mapping[str, Any], right: int, entries: list[bytes], content: list[bytes]
) -> None:
    """Add a folder and what is in it, each a neighbour of the next, to the directory."""
    at = len(entries)
    entries.append(b"")
    child = len(entries) if inside else _FREE
    for number, (below, value) in enumerate(inside.items(), 1):
        own = len(entries)
        if isinstance(value, bytes):
            padded = value.ljust(4096, b"\0")
            entries.append(_entry(below, 2, _FREE, len(content), len(padded)))
            content.append(padded.ljust(-(-len(padded) // _SECTOR) * _SECTOR, b"\0"))
        else:
            _enter(below, 1, value, _FREE, entries, content)
        if number < len(inside):
            entries[own] = _with_right(entries[own], len(entries))
    entries[at] = _with_right(_entry(name, kind, child, _END if kind == 5 else 0, 0), right)


def _with_right(entry: bytes, right: int) -> bytes:
    return entry[:72] + struct.pack("<I", right) + entry[76:]


def _placed(entry: bytes, places: Sequence[int]) -> bytes:
    """An entry of a stream with the sector where it begins in the place of its number."""
    if entry[66] != 2:
        return entry
    (number,) = struct.unpack_from("<I", entry, 116)
    return entry[:116] + struct.pack("<I", places[number]) + entry[120:]


def streams_of(data: bytes) -> dict[str, bytes]:
    """The streams of a compound file, without folders of streams."""
    with olefile.OleFileIO(io.BytesIO(data)) as file:
        return {names[0]: file.openstream(names).read() for names in file.listdir() if len(names) == 1}


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    raw = f"{name}\0".encode("utf-16-le") if name else b""
    head = raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw), kind, 1, _FREE, _FREE, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)
