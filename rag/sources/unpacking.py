"""Batches of messages unpacked into a bound: gzip, snappy, lz4, zstd. The one door to cramjam."""

import struct
import zlib
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Protocol

_XERIAL = b"\x82SNAPPY\0"
"""What begins the blocks that Java's snappy writes; other writers give one block and no head."""

_XERIAL_HEAD_BYTES = 16
_GZIP = 31
_GROWTH = (8, 64)
"""Times the packed size that are tried before the bound: nobody says how much comes out, few batches shrink more."""


class Codec(IntEnum):
    """How a batch is packed."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


class TooLarge(ValueError):
    """More comes out than may."""


class _IntoBuffer(Protocol):
    def __call__(self, packed: bytes, output: bytearray, /) -> int: ...


def unpacked(codec: Codec, packed: memoryview, bytes_max: int) -> memoryview:
    """What was packed. Raises TooLarge for more than the bound, which is never held; ValueError for what is broken."""
    if codec is Codec.NONE:
        return packed
    return _UNPACK[codec](bytes(packed), bytes_max)


def _gzip(packed: bytes, bytes_max: int) -> memoryview:
    unpacking = zlib.decompressobj(_GZIP)
    try:
        found = unpacking.decompress(packed, bytes_max + 1)
    except zlib.error as error:
        raise ValueError("it is not packed as it says") from error
    if len(found) > bytes_max:
        raise TooLarge
    if not unpacking.eof:
        raise ValueError("its end is missing")
    return memoryview(found)


def _snappy(packed: bytes, bytes_max: int) -> memoryview:
    """One block, or several with their lengths; each begins with the length of what comes out."""
    import cramjam

    output = bytearray()
    try:
        for block in _blocks(packed) if packed.startswith(_XERIAL) else (packed,):
            if len(output) + cramjam.snappy.decompress_raw_len(block) > bytes_max:
                raise TooLarge
            output += memoryview(cramjam.snappy.decompress_raw(block))
        return memoryview(output)
    except cramjam.DecompressionError as error:
        raise ValueError("it is not packed as it says") from error


def _blocks(packed: bytes) -> Iterator[bytes]:
    at = _XERIAL_HEAD_BYTES
    while at < len(packed):
        (size,) = struct.unpack_from(">i", packed, at) if at + 4 <= len(packed) else (-1,)
        at += 4
        if not 0 < size <= len(packed) - at:
            raise ValueError("its end is missing")
        yield packed[at : at + size]
        at += size


def _lz4(packed: bytes, bytes_max: int) -> memoryview:
    import cramjam

    return _grown(cramjam.lz4.decompress_into, packed, bytes_max)


def _zstd(packed: bytes, bytes_max: int) -> memoryview:
    import cramjam

    return _grown(cramjam.zstd.decompress_into, packed, bytes_max)


def _grown(unpack: _IntoBuffer, packed: bytes, bytes_max: int) -> memoryview:
    """Try larger buffers up to the bound. The library says with one error that it is full, and that it is broken."""
    import cramjam

    for size in (*(min(bytes_max, times * len(packed)) for times in _GROWTH), bytes_max):
        output = bytearray(size)
        try:
            return memoryview(output)[: unpack(packed, output)]
        except cramjam.DecompressionError as error:
            refused = error
    raise TooLarge from refused


_UNPACK: dict[Codec, Callable[[bytes, int], memoryview]] = {
    Codec.GZIP: _gzip,
    Codec.SNAPPY: _snappy,
    Codec.LZ4: _lz4,
    Codec.ZSTD: _zstd,
}
