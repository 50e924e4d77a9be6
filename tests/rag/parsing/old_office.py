"""Old workbooks made of their smallest parts. [MS-XLS] 2.4, [MS-CFB] 2."""

import io
import struct
from collections.abc import Mapping, Sequence

import olefile

VISIBLE, HIDDEN, VERY_HIDDEN = 0, 1, 2
Sheet = tuple[str, int, Sequence[Sequence[str | float]]]
"""A name, a state and rows."""
_SECTOR, _FREE, _END, _FAT = 512, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def workbook(*sheets: Sheet, is_locked: bool = False) -> bytes:
    """A workbook of Excel 97, perhaps one that asks for a password."""
    return compound({"Workbook": _stream(sheets, _LOCK if is_locked else b"")})


def _record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


_LOCK = _record(0x2F, bytes(4))


def _begin(what: int) -> bytes:
    return _record(0x809, struct.pack("<HHHHII", 0x600, what, 0x1234, 1997, 0, 0x600))


def _cell(row: int, column: int, value: str | float) -> bytes:
    place = struct.pack("<HHH", row, column, 0)
    if isinstance(value, str):
        return _record(0x204, place + struct.pack("<HB", len(value), 1) + value.encode("utf-16-le"))
    return _record(0x203, place + struct.pack("<d", value))


def _stream(sheets: Sequence[Sheet], lock: bytes) -> bytes:
    bodies = []
    for _, _, rows in sheets:
        cells = (_cell(y, x, value) for y, row in enumerate(rows) for x, value in enumerate(row))
        bodies.append(_begin(0x10) + b"".join(cells) + _record(0x0A))
    place = len(_globals(sheets, [0] * len(sheets), lock))
    places = [place + sum(map(len, bodies[:number])) for number in range(len(bodies))]
    return _globals(sheets, places, lock) + b"".join(bodies)


def _globals(sheets: Sequence[Sheet], places: Sequence[int], lock: bytes) -> bytes:
    listed = b""
    for (name, state, _), place in zip(sheets, places, strict=True):
        listed += _record(0x85, struct.pack("<IBBBB", place, state, 0, len(name), 0) + name.encode("latin-1"))
    return _begin(5) + lock + listed + _record(0x0A)


def compound(streams: Mapping[str, bytes]) -> bytes:
    """A compound file: head, table of sectors, directory, streams. Short ones are padded, else they lie elsewhere."""
    padded = {name: stream.ljust(4096, b"\0") for name, stream in streams.items()}
    folders = -(-(len(padded) + 1) // 4)
    place = 1 + folders
    table, entries, content = [_FAT, *range(2, place), _END], b"", b""
    for number, (name, stream) in enumerate(padded.items(), 1):
        count = -(-len(stream) // _SECTOR)
        table += [*range(place + 1, place + count), _END]
        entries += _entry(name, 2, _FREE, place, len(stream), number + 1 if number < len(padded) else _FREE)
        content += stream.ljust(count * _SECTOR, b"\0")
        place += count
    assert len(table) <= _SECTOR // 4, "one sector of the table holds 128"
    table += [_FREE] * (_SECTOR // 4 - len(table))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<9I", 0, 1, 1, 0, 4096, _END, 0, _END, 0) + struct.pack("<I", 0) + b"\xff" * 4 * 108
    directory = _entry("Root Entry", 5, 1, _END, 0) + entries
    directory += _entry("", 0, _FREE, 0, 0) * (4 * folders - len(padded) - 1)
    return head + struct.pack(f"<{len(table)}I", *table) + directory + content


def streams_of(data: bytes) -> dict[str, bytes]:
    """The streams of a compound file, without folders of streams."""
    with olefile.OleFileIO(io.BytesIO(data)) as file:
        return {names[0]: file.openstream(names).read() for names in file.listdir() if len(names) == 1}


def _entry(name: str, kind: int, child: int, start: int, size: int, right: int = _FREE) -> bytes:
    raw = f"{name}\0".encode("utf-16-le") if name else b""
    head = raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw), kind, 1, _FREE, right, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)
