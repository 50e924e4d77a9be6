"""Messages come out of their batches as they were written, and those that do not count are told."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sources.batches import OldFormat, committed, read_batches
from tests.rag.sources.spoken import AT_MS, batch, batch_of, marker, message

TRANSACTIONAL = 0x10


@given(st.lists(st.tuples(st.none() | st.binary(max_size=200), st.none() | st.binary(max_size=200)), max_size=20))
def test_keys_and_contents_come_back(pairs: list[tuple[bytes | None, bytes | None]]) -> None:
    packed = b"".join(message(number, *pair, later=number) for number, pair in enumerate(pairs))
    (found,) = read_batches(memoryview(batch(7, packed, len(pairs), last=7 + 20)))
    read = list(found.messages(10**6))
    assert [(each.key, None if each.value is None else bytes(each.value)) for each in read] == pairs
    assert [(each.offset, each.at_ms) for each in read] == [
        (7 + number, AT_MS + number) for number in range(len(pairs))
    ]


def test_a_batch_that_the_broker_stamped_has_its_time() -> None:
    (found,) = read_batches(memoryview(batch_of(0, ("a", "x"), attributes=0x08, until_ms=42)))
    assert [each.at_ms for each in found.messages(100)] == [42]


def test_a_batch_that_is_cut_is_left_to_the_next_answer() -> None:
    data = batch_of(0, ("a", "x")) + batch_of(1, ("b", "y"))
    for cut in range(1, len(batch_of(1, ("b", "y")))):
        assert [found.first for found in read_batches(memoryview(data[:-cut]))] == [0]


def test_what_was_compacted_away_leaves_its_offsets() -> None:
    (found,) = read_batches(memoryview(batch(10, b"", 0, last=19)))
    assert (found.first, found.last, list(found.messages(100))) == (10, 19, [])


def counted(data: bytes, *aborted: tuple[int, int]) -> list[int]:
    return [found.first for found, counts in committed(read_batches(memoryview(data)), aborted) if counts]


def test_transactions_count_as_they_ended() -> None:
    one, two = ({"attributes": TRANSACTIONAL, "producer": number} for number in (1, 2))
    data = (
        batch_of(0, ("a", "x"), **one)
        + batch_of(1, ("b", "x"), **two)
        + batch_of(2, ("c", "x"))
        + batch_of(3, ("d", "x"), **one)
        + marker(4, 1, is_abort=True)
        + batch_of(5, ("e", "x"), **one)
        + marker(6, 2, is_abort=False)
        + marker(7, 1, is_abort=False)
    )
    assert counted(data, (1, 0)) == [1, 2, 5]
    assert counted(data, (1, 5)) == [0, 1, 2, 3]
    assert counted(data, (2, 1), (1, 0)) == [2, 5]
    assert counted(data) == [0, 1, 2, 3, 5]


@pytest.mark.parametrize(
    "data",
    [
        batch_of(0, ("a", "x"), magic=3),
        batch(0, b"", 5, last=0),
        batch(0, b"", -1, last=0),
        batch(5, b"", 0, last=4),
        batch(-1, b"", 0, last=0),
        struct.pack(">qi", 0, 5) + b"\0" * 4 + b"\x02" + b"\0" * 80,
        struct.pack(">qi", 0, -5) + b"\0" * 4 + b"\x02" + b"\0" * 80,
    ],
)
def test_what_is_no_batch_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="batch"):
        list(read_batches(memoryview(data)))


def test_messages_that_are_not_what_their_batch_says_are_an_error() -> None:
    for packed in (b"", b"\x00", b"\x7f", b"\x01" * 70, message(0, b"a", b"x")[:-3]):
        (found,) = read_batches(memoryview(batch(0, packed, 1)))
        with pytest.raises(ValueError):  # noqa: PT011 - any of them
            list(found.messages(100))
    (found,) = read_batches(memoryview(batch(0, b"x", 1, attributes=7)))
    with pytest.raises(ValueError, match="Codec"):
        list(found.messages(100))


def test_a_format_of_before_is_told() -> None:
    with pytest.raises(OldFormat):
        list(read_batches(memoryview(batch_of(0, ("a", "x"), magic=1))))
