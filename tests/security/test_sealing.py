import io
import json
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from security.errors import SealBroken
from security.sealing import BLOCK_BYTES, Context, DataKey, frame

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "sealing.json").read_text())
KEY = DataKey("collection:c1", {1: bytes(32)})
PLACE = Context("passages", "p1", "text")
contexts = st.builds(Context, st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))


class CountedBytes:
    """Randomness that counts up from zero, so that sealed bytes can be written down."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self, count: int) -> bytes:
        given = bytes((self._next + offset) % 256 for offset in range(count))
        self._next += count
        return given


class OneByteAtATime(io.BytesIO):
    """A source that gives less than was asked, as a pipe may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(1 if size is None or size > 0 else size)


def sealed_stream(plaintext: bytes, context: Context = PLACE, key: DataKey = KEY) -> bytes:
    target = io.BytesIO()
    key.seal_stream(io.BytesIO(plaintext), target, context)
    return target.getvalue()


def opened_stream(sealed: bytes, context: Context = PLACE, key: DataKey = KEY) -> bytes:
    return b"".join(key.open_stream(io.BytesIO(sealed), context))


@given(st.binary(max_size=2000), contexts)
def test_what_was_sealed_opens_where_it_was_sealed(plaintext: bytes, context: Context) -> None:
    assert KEY.open(KEY.seal(plaintext, context), context) == plaintext


@given(st.binary(max_size=200), contexts, contexts)
def test_a_value_opens_in_no_other_place(plaintext: bytes, here: Context, there: Context) -> None:
    sealed = KEY.seal(plaintext, here)
    if here != there:
        with pytest.raises(SealBroken):
            KEY.open(sealed, there)


def test_sealing_twice_gives_different_bytes() -> None:
    sealed = {KEY.seal(b"same", PLACE) for _ in range(100)}
    assert len(sealed) == 100
    assert len({value[5:17] for value in sealed}) == 100  # the nonces


def test_a_sealed_value_is_33_bytes_longer_and_holds_no_word_of_it() -> None:
    sealed = KEY.seal(b"a secret sentence", PLACE)
    assert len(sealed) == len(b"a secret sentence") + 33
    assert b"secret" not in sealed


def test_an_older_version_still_opens_and_the_newest_seals() -> None:
    old = KEY.seal(b"old", PLACE)
    both = DataKey("collection:c1", {1: bytes(32), 2: b"2" * 32})
    assert both.open(old, PLACE) == b"old"
    assert both.seal(b"new", PLACE)[1:5] == (2).to_bytes(4, "big")
    assert both.blind("name", b"x") == KEY.blind("name", b"x")


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
def test_a_stream_opens_to_what_went_in(size: int) -> None:
    plaintext = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert opened_stream(sealed_stream(plaintext)) == plaintext


def test_a_stream_read_in_drops_is_the_same_stream() -> None:
    plaintext = b"drop by drop " * 6000
    target = io.BytesIO()
    KEY.seal_stream(OneByteAtATime(plaintext), target, PLACE)
    assert b"".join(KEY.open_stream(OneByteAtATime(target.getvalue()), PLACE)) == plaintext


def test_blinding_is_equal_for_equals_and_differs_by_label_value_and_key() -> None:
    assert KEY.blind("name", b"ada") == KEY.blind("name", b"ada")
    others = {
        KEY.blind("nam", b"eada"),
        KEY.blind("name", b"bob"),
        KEY.blind("file", b"ada"),
        DataKey("collection:c1", {1: b"1" * 32}).blind("name", b"ada"),
    }
    assert len(others | {KEY.blind("name", b"ada")}) == 5


def test_the_key_shows_no_byte_and_does_not_travel() -> None:
    key = DataKey("system", {1: b"SECRETSECRETSECRETSECRETSECRETSE"})
    assert repr(key) == "DataKey(owner='system', version=1)"
    with pytest.raises(TypeError):
        pickle.dumps(key)


@pytest.mark.parametrize("secrets_by_version", [{}, {1: b"short"}])
def test_a_key_of_the_wrong_size_is_refused(secrets_by_version: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="expected one or more secrets of 32 bytes"):
        DataKey("system", secrets_by_version)


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_no_two_lists_of_parts_make_the_same_frame(one: list[bytes], other: list[bytes]) -> None:
    assert (frame(*one) == frame(*other)) == (one == other)


@pytest.mark.parametrize("vector", VECTORS["values"], ids=lambda vector: vector["name"])
def test_values_are_sealed_as_written_down(vector: dict[str, str]) -> None:
    key = DataKey(vector["owner"], {int(vector["version"]): bytes.fromhex(vector["key"])}, CountedBytes())
    context = Context(vector["table"], vector["row"], vector["column"])
    sealed = bytes.fromhex(vector["sealed"])
    assert key.seal(vector["plaintext"].encode(), context) == sealed
    assert key.open(sealed, context) == vector["plaintext"].encode()
    assert key.blind("name", vector["plaintext"].encode()).hex() == vector["blind"]


@pytest.mark.parametrize("vector", VECTORS["streams"], ids=lambda vector: vector["name"])
def test_streams_are_sealed_as_written_down(vector: dict[str, str]) -> None:
    key = DataKey(vector["owner"], {int(vector["version"]): bytes.fromhex(vector["key"])}, CountedBytes())
    context = Context(vector["table"], vector["row"], vector["column"])
    plaintext = vector["plaintext"].encode() * int(vector["times"])
    sealed = sealed_stream(plaintext, context, key)
    assert (len(sealed), sealed[:64].hex()) == (int(vector["bytes"]), vector["first_64"])
    assert sealed[-32:].hex() == vector["last_32"]


def derived(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


def test_a_value_can_be_opened_by_following_the_written_format_alone() -> None:
    """A second implementation, written from the module's docstring."""
    sealed = KEY.seal(b"by the book", PLACE)
    sub_key = derived(bytes(32), frame(b"huisclos sub-key", b"value"))
    data = frame(b"huisclos value", b"\x01", b"collection:c1", b"\0\0\0\x01", b"passages", b"p1", b"text")
    assert AESGCM(sub_key).decrypt(sealed[5:17], sealed[17:], data) == b"by the book"
