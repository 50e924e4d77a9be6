"""What a batch is packed in comes out within a bound, however it was packed."""

import gzip
import struct
import tracemalloc
from collections.abc import Callable

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sources.unpacking import Codec, TooLarge, unpacked


def xerial(data: bytes) -> bytes:
    """As Java's snappy writes it, in blocks of 100 bytes."""
    blocks = [bytes(cramjam.snappy.compress_raw(data[at : at + 100])) for at in range(0, len(data), 100)]
    head = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1)
    return head + b"".join(struct.pack(">i", len(block)) + block for block in blocks)


PACK: dict[str, tuple[Codec, Callable[[bytes], bytes]]] = {
    "gzip": (Codec.GZIP, gzip.compress),
    "snappy": (Codec.SNAPPY, lambda data: bytes(cramjam.snappy.compress_raw(data))),
    "xerial": (Codec.SNAPPY, xerial),
    "lz4": (Codec.LZ4, lambda data: bytes(cramjam.lz4.compress(data))),
    "zstd": (Codec.ZSTD, lambda data: bytes(cramjam.zstd.compress(data))),
}
WAYS = pytest.mark.parametrize("way", PACK)


@WAYS
@given(data=st.binary(min_size=1, max_size=3000), times=st.sampled_from([1, 1000]))
def test_what_was_packed_comes_out(way: str, data: bytes, times: int) -> None:
    codec, pack = PACK[way]
    whole = data * times
    assert bytes(unpacked(codec, memoryview(pack(whole)), len(whole))) == whole


@WAYS
def test_a_bomb_costs_no_more_than_its_bound(way: str) -> None:
    codec, pack = PACK[way]
    packed = memoryview(pack(b"\0" * 30_000_000))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        unpacked(codec, packed, 1_000_000)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < len(packed) + 5_000_000
    assert len(unpacked(codec, packed, 30_000_000)) == 30_000_000


@WAYS
@given(cut=st.integers(min_value=1, max_value=200), at=st.integers(min_value=0, max_value=400))
def test_what_is_broken_is_an_error_and_no_crash(way: str, cut: int, at: int) -> None:
    codec, pack = PACK[way]
    packed = bytearray(pack(bytes(range(256)) * 4))
    packed[at % len(packed)] ^= 0xFF
    for broken in (bytes(packed), bytes(packed[:-cut]), b"", b"\xff" * cut):
        try:
            unpacked(codec, memoryview(broken), 10_000)
        except ValueError:
            continue


def test_what_is_not_packed_passes() -> None:
    assert bytes(unpacked(Codec.NONE, memoryview(b"apples"), 1)) == b"apples"
