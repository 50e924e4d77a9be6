"""Claim: a sealed value or stream that was changed, moved, cut or sealed under another key does not open."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.errors import SealBroken
from security.sealing import BLOCK_BYTES, Context, DataKey

KEY = DataKey("collection:c1", {1: b"1" * 32})
PLACE = Context("passages", "p1", "text")
HEADER = 37
BLOCK = BLOCK_BYTES + 16


def sealed_stream(blocks: int) -> bytes:
    target = io.BytesIO()
    KEY.seal_stream(io.BytesIO(b"".join(bytes([65 + index]) * BLOCK_BYTES for index in range(blocks))), target, PLACE)
    return target.getvalue()


def open_stream(sealed: bytes, context: Context = PLACE, key: DataKey = KEY) -> bytes:
    return b"".join(key.open_stream(io.BytesIO(sealed), context))


@pytest.mark.parametrize(
    "elsewhere",
    [Context("passages", "p2", "text"), Context("passages", "p1", "headings"), Context("documents", "p1", "text")],
)
def test_a_value_moved_to_another_record_does_not_open(elsewhere: Context) -> None:
    with pytest.raises(SealBroken, match="changed, moved"):
        KEY.open(KEY.seal(b"salary", PLACE), elsewhere)


def test_a_value_moved_between_owners_of_one_secret_does_not_open() -> None:
    other = DataKey("collection:c2", {1: b"1" * 32})
    with pytest.raises(SealBroken):
        other.open(KEY.seal(b"salary", PLACE), PLACE)


def test_a_value_with_a_swapped_key_version_does_not_open() -> None:
    both = DataKey("collection:c1", {1: b"1" * 32, 2: b"1" * 32})  # even if both versions were the same secret
    sealed = KEY.seal(b"salary", PLACE)
    with pytest.raises(SealBroken):
        both.open(sealed[:1] + (2).to_bytes(4, "big") + sealed[5:], PLACE)


def test_a_value_of_a_version_that_is_not_held_does_not_open() -> None:
    newer = DataKey("collection:c1", {2: b"2" * 32})
    with pytest.raises(SealBroken, match="key version 2, which collection:c1 does not hold"):
        KEY.open(newer.seal(b"salary", PLACE), PLACE)


def test_the_wrong_key_opens_nothing() -> None:
    with pytest.raises(SealBroken):
        DataKey("collection:c1", {1: b"2" * 32}).open(KEY.seal(b"salary", PLACE), PLACE)


@given(st.data())
def test_one_changed_bit_anywhere_is_noticed(data: st.DataObject) -> None:
    sealed = bytearray(KEY.seal(b"a few words", PLACE))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(SealBroken):
        KEY.open(bytes(sealed), PLACE)


@given(st.binary(max_size=64))
def test_bytes_from_elsewhere_do_not_open(garbage: bytes) -> None:
    with pytest.raises(SealBroken):
        KEY.open(garbage, PLACE)
    with pytest.raises(SealBroken):
        open_stream(garbage)


@pytest.mark.parametrize(
    "kept", [HEADER - 1, HEADER, HEADER + 5, HEADER + BLOCK, HEADER + 2 * BLOCK, HEADER + 3 * BLOCK - 1]
)
def test_a_truncated_stream_does_not_open(kept: int) -> None:
    with pytest.raises(SealBroken):
        open_stream(sealed_stream(3)[:kept])


def test_a_stream_with_blocks_exchanged_repeated_dropped_or_added_does_not_open() -> None:
    whole = sealed_stream(3)
    head, one, two, three = whole[:HEADER], whole[HEADER:][:BLOCK], whole[HEADER + BLOCK :][:BLOCK], whole[-BLOCK:]
    for forged in ([two, one, three], [one, one, two, three], [one, three], [one, two, three, three], [three]):
        with pytest.raises(SealBroken):
            open_stream(head + b"".join(forged))


def test_blocks_of_two_streams_do_not_mix() -> None:
    one, other = sealed_stream(2), sealed_stream(2)
    with pytest.raises(SealBroken):
        open_stream(one[: HEADER + BLOCK] + other[HEADER + BLOCK :])


def test_a_stream_in_another_place_or_of_another_owner_does_not_open() -> None:
    sealed = sealed_stream(1)
    with pytest.raises(SealBroken):
        open_stream(sealed, Context("passages", "p2", "text"))
    with pytest.raises(SealBroken):
        open_stream(sealed, key=DataKey("collection:c2", {1: b"1" * 32}))


def test_a_stream_is_no_value_and_a_value_no_stream() -> None:
    with pytest.raises(SealBroken, match="format 02, expected 01"):
        KEY.open(sealed_stream(1), PLACE)
    with pytest.raises(SealBroken, match="format 01, expected 02"):
        open_stream(KEY.seal(b"value", PLACE))
