"""The format of a backup: fixed bytes, values that come back, and nothing that was changed is taken for whole."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.backup.archive import Head, Kind, Record, decode_row, encode_row, opened, read_head, sealed
from chat.backup.contents import Contents, FileBegins, FilePart, Item, Reader, Row, TableBegins
from chat.errors import BackupBroken
from security.sealing import BLOCK_BYTES, DataKey

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "backup.json").read_text())
HEAD = Head(**VECTOR["head"])
RECORDS = [Record(Kind(kind.encode()), bytes.fromhex(body)) for kind, body in VECTOR["records"]]
KEY = bytes.fromhex(VECTOR["key"])
BLOCK = BLOCK_BYTES + 16
VALUES = st.none() | st.binary(max_size=99) | st.text() | st.integers() | st.floats(allow_nan=False)


def counting(size: int) -> bytes:
    return bytes(range(size))


def written(records: list[Record], head: Head = HEAD) -> bytes:
    return b"".join(sealed(DataKey("system", {1: KEY}, counting), head, iter(records)))


def read(content: bytes, key: bytes = KEY) -> list[Item]:
    file = io.BytesIO(content)
    return list(Reader(opened(DataKey("system", {1: key}), read_head(file), file)).items())


def large() -> Iterator[Record]:
    """A backup of several blocks."""
    yield RECORDS[0]
    yield from (Record(Kind.ROW, encode_row((f"u{number}", bytes(1000), None))) for number in range(300))
    yield Record(Kind.END, Contents({"users": 300}).encoded())


def test_the_format_is_the_one_that_was_written_down() -> None:
    assert written(RECORDS).hex() == VECTOR["backup"]
    assert read(bytes.fromhex(VECTOR["backup"])) == [
        TableBegins("users", ("id", "profile", "seen_at")),
        Row(("u1", b"\x01\x02", None)),
        Row(("é", b"", 1.5)),
        Row(("u3", None, -3)),
        FileBegins("huisclos.toml"),
        FilePart(b"[server]\n"),
        FileBegins("originals/c1/d1"),
        Contents({"users": 3}, 2, 9, ["c1/d2"]),
    ]


@given(st.lists(VALUES))
def test_any_row_comes_back(values: list[str | bytes | int | float | None]) -> None:
    again = decode_row(encode_row(values))
    assert list(again) == values
    assert [type(value) for value in again] == [type(value) for value in values]


def test_a_head_that_was_changed_opens_nothing() -> None:
    for name in ("id", "at", "keyring", "revision", "release"):
        changed = Head(**VECTOR["head"] | {name: "x"}).encoded()
        with pytest.raises(BackupBroken, match="not whole"):
            read(changed + written(RECORDS)[len(HEAD.encoded()) :])


def test_another_key_opens_nothing() -> None:
    with pytest.raises(BackupBroken, match="not whole"):
        read(written(RECORDS), key=bytes(32))


@pytest.mark.parametrize(
    ("records", "told"),
    [
        (RECORDS[:-1], "no end"),
        ([*RECORDS, RECORDS[1]], "after its end"),
        ([*RECORDS[:2], *RECORDS[3:]], "than it counts"),
        ([*RECORDS[:5], Record(Kind.PART, b"[other]\n\n"), *RECORDS[6:]], "SHA-256"),
        ([*RECORDS[:7], Record(Kind.FILE, b"originals/../../c1"), *RECORDS[7:]], "a place that is not ours"),
        ([*RECORDS[:7], Record(Kind.FILE, b"keys/keyring.json"), *RECORDS[7:]], "a place that is not ours"),
        ([*RECORDS[:1], Record(Kind.ROW, b"X\0\0\0\0"), *RECORDS[1:]], "a cell of kind"),
    ],
)
def test_records_that_do_not_fit_together_are_told(records: list[Record], told: str) -> None:
    with pytest.raises(BackupBroken, match=told):
        read(written(records))


def test_blocks_that_were_cut_swapped_doubled_or_added_are_told() -> None:
    whole = written(list(large()))
    start = len(HEAD.encoded()) + 5 + 32
    head, blocks = whole[:start], [whole[place : place + BLOCK] for place in range(start, len(whole), BLOCK)]
    assert len(blocks) > 4
    assert len(read(whole)) == 302
    for changed in (
        blocks[:-1],
        blocks[1:],
        [*blocks[:2], *blocks[3:]],
        [blocks[1], blocks[0], *blocks[2:]],
        [*blocks[:2], blocks[1], *blocks[2:]],
        [*blocks, blocks[-1]],
        [*blocks[:-1], blocks[-1][:-1]],
        [*blocks[:-1], blocks[-1] + b"\0"],
        [],
    ):
        with pytest.raises(BackupBroken, match="not whole"):
            read(head + b"".join(changed))


@given(st.data())
def test_a_flipped_bit_anywhere_is_told(data: st.DataObject) -> None:
    content = bytearray.fromhex(VECTOR["backup"])
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BackupBroken):
        read(bytes(content))


@pytest.mark.parametrize("size", range(0, len(HEAD.encoded()) + 60, 7))
def test_a_file_that_was_cut_in_its_head_is_told(size: int) -> None:
    with pytest.raises(BackupBroken):
        read(written(RECORDS)[:size])
