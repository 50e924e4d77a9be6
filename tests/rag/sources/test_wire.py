"""Values of Kafka's protocol come back as they were written, and never from beyond their end."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sources import wire
from rag.sources.wire import ITEMS_MAX, Wire
from tests.rag.sources.spoken import varint


@given(st.integers(min_value=-(2**62), max_value=2**62))
def test_a_number_of_any_length_comes_back(number: int) -> None:
    read = Wire(varint(number) + b"rest")
    assert read.varint() == number
    assert read.left == 4


@given(st.text(max_size=50), st.binary(max_size=50), st.lists(st.text(max_size=5), max_size=5))
def test_texts_bytes_and_lists_come_back(name: str, content: bytes, names: list[str]) -> None:
    read = Wire(wire.text(name) + wire.content(content) + wire.items([wire.text(each) for each in names]))
    assert (read.text(), bytes(read.content()), read.items(Wire.text, 2)) == (name, content, names)
    assert read.left == 0


def test_what_is_null_is_empty() -> None:
    read = Wire(wire.text(None) + struct.pack(">ii", -1, -1))
    assert (read.text(), bytes(read.content()), read.items(Wire.text, 2)) == ("", b"", [])


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (b"\x00", Wire.int16),
        (b"\x00\x05abc", Wire.text),
        (b"\x7f\xff\xff\xffabc", Wire.content),
        (b"\x80" * 20, Wire.varint),
        (b"\x80", Wire.varint),
        (b"\x7f\xff\xff\xff" + b"a" * 50, lambda read: read.items(Wire.text, 2)),
        (struct.pack(">i", ITEMS_MAX + 1) + bytes(2 * ITEMS_MAX + 2), lambda read: read.items(Wire.text, 2)),
        (b"abc", lambda read: read.take(-1)),
    ],
)
def test_what_is_longer_than_what_holds_it_is_an_error(data: bytes, read: object) -> None:
    assert callable(read)
    with pytest.raises(ValueError, match=r"a (value|number|list)"):
        read(Wire(data))
