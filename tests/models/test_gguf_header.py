"""A damaged or foreign file is told before llama.cpp sees it."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import WeightsCorrupt
from models.gguf_header import read_header
from tests.models.small import write_gguf


def test_a_header_tells_family_context_and_vocabulary(tiny: Path) -> None:
    header = read_header(tiny)
    assert (header.architecture, header.context_tokens, header.is_encoder) == ("qwen2", 2048, False)
    assert header.has_token("<|im_start|>")
    assert not header.has_token("[INST]")


def test_weights_that_only_embed_are_told_apart(tmp_path: Path) -> None:
    assert read_header(write_gguf(tmp_path / "bert.gguf", "nomic-bert")).is_encoder


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "0 bytes"),
        (b"PK\x03\x04" + b"x" * 100, "it does not begin with GGUF"),
        (b"GGUF", "requires a buffer"),
        (b"GGUF" + (99).to_bytes(4, "little") + bytes(16), "version 99, expected 2 or 3"),
        (b"GGUF" + (3).to_bytes(4, "little") + b"\xff" * 16, "tensors, at most"),
        (b"GGUF" + (3).to_bytes(4, "little") + bytes(16), "its tensors need"),
        (struct.pack("<4sIQQQ", b"GGUF", 3, 1, 1, 2**40) + b"name", "a text runs past the end"),
        (struct.pack("<4sIQQQ4sIIQ", b"GGUF", 3, 1, 1, 4, b"name", 9, 4, 2**40), "values in a list, at most"),
        (struct.pack("<4sIQQQ4sI", b"GGUF", 3, 1, 1, 4, b"name", 77), "a field of the unknown type 77"),
        (struct.pack("<4sIQQQ4sI", b"GGUF", 3, 1, 0, 4, b"name", 9), "a tensor of 9 dimensions"),
        (struct.pack("<4sIQQQ4sIQIQ", b"GGUF", 3, 1, 0, 4, b"name", 1, 1, 999, 0), "a tensor of the unknown type 999"),
    ],
)
def test_what_is_no_gguf_is_refused_with_a_reason(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(
        WeightsCorrupt, match=rf"broken\.gguf is no whole GGUF file \(.*{said}.*copy or download it again"
    ):
        read_header(path)


def test_a_file_cut_anywhere_is_refused(tiny: Path) -> None:
    content = tiny.read_bytes()
    for end in range(0, len(content), 97):
        tiny.write_bytes(content[:end])
        with pytest.raises(WeightsCorrupt, match="no whole GGUF file"):
            read_header(tiny)


@settings(max_examples=300, deadline=None)
@given(place=st.integers(4, 400), value=st.binary(min_size=1, max_size=8))
def test_a_header_with_changed_bytes_is_read_or_refused_but_never_crashes(
    place: int, value: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write_gguf(tmp_path_factory.mktemp("fuzz") / "x.gguf")
    content = bytearray(path.read_bytes())
    content[place : place + len(value)] = value
    path.write_bytes(content)
    try:
        read_header(path)
    except WeightsCorrupt as error:
        assert "no whole GGUF file" in str(error)  # noqa: PT017 - both outcomes are right
