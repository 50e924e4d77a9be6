"""The e5 file of its package is read by its layout, and another file is never repacked."""

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

import models.repack
from models.errors import WeightsCorrupt
from models.gguf_header import read_header
from models.repack import e5_to_gguf

HIDDEN, LAYERS, HEADS, WIDE, POSITIONS, TYPES = 32, 1, 2, 64, 6, 2
PIECES = (b"<s>", b"<pad>", b"</s>", b"<unk>", b"\xe2\x96\x81a", b"<mask>")
BOS, PAD, EOS, UNKNOWN = range(4)
Q4_0_BYTES = 18


def _shapes() -> dict[str, tuple[int, int, bool]]:
    """Tensor name to (rows, columns, whether it is quantized), in the package's names."""
    vectors = {f"l0.{name}": (1, HIDDEN, False) for name in ("aln.w", "aln.b", "oln.w", "oln.b")}
    squares = {f"l0.{name}.w": (HIDDEN, HIDDEN, True) for name in ("q", "k", "v", "ao")}
    biases = {f"l0.{name}.b": (1, HIDDEN, False) for name in ("q", "k", "v", "ao", "fo")}
    return {
        "emb.word": (len(PIECES), HIDDEN, True),
        "emb.pos": (POSITIONS, HIDDEN, False),
        "emb.type": (TYPES, HIDDEN, False),
        "emb.ln.w": (1, HIDDEN, False),
        "emb.ln.b": (1, HIDDEN, False),
        **vectors,
        **squares,
        **biases,
        "l0.fi.w": (WIDE, HIDDEN, True),
        "l0.fi.b": (1, WIDE, False),
        "l0.fo.w": (HIDDEN, WIDE, True),
    }


def _tensor(rows: int, columns: int, is_quantized: bool, seed: int) -> bytes:
    draw = np.random.default_rng(seed)
    if is_quantized:
        return draw.integers(0, 256, rows * columns // 32 * Q4_0_BYTES, dtype=np.uint8).tobytes()
    return draw.standard_normal(rows * columns).astype("<f4").tobytes()


def write_source(path: Path) -> dict[str, bytes]:
    """A file in the package's layout with one small layer; gives the bytes of its tensors."""
    blob = b"".join(PIECES)
    ends = np.cumsum([0, *map(len, PIECES)]).astype("<u4").tobytes()
    head = struct.pack("<I7ifi", 1, HIDDEN, LAYERS, HEADS, WIDE, len(PIECES), POSITIONS, TYPES, 1e-12, 0)
    words = struct.pack("<i4iQ", len(PIECES), BOS, EOS, PAD, UNKNOWN, len(blob)) + ends
    words += np.arange(len(PIECES), dtype="<f4").tobytes() + blob + struct.pack("<iI", 0, 3) + b"abc"
    tensors = {name: _tensor(*shape, seed) for seed, (name, shape) in enumerate(_shapes().items())}
    start = 4 + len(head) + len(words) + 4 + sum(2 + len(name) + 21 for name in tensors)
    directory, data = struct.pack("<i", len(tensors)), b""
    for name, content in tensors.items():
        rows, columns, is_quantized = _shapes()[name]
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", is_quantized, rows * columns, start + len(data), len(content))
        data += content
    path.write_bytes(b"E5S1" + head + words + directory + data)
    return tensors


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small source that counts as the expected one."""
    path = tmp_path / "e5.bin"
    write_source(path)
    monkeypatch.setattr(models.repack, "SOURCE_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_every_tensor_keeps_its_bytes(source: Path, tmp_path: Path) -> None:
    tensors = write_source(source)
    e5_to_gguf(source, tmp_path / "e5.gguf")
    found = {tensor.name: tensor.data.tobytes() for tensor in GGUFReader(tmp_path / "e5.gguf").tensors}
    assert found["token_embd.weight"] == tensors["emb.word"]
    assert found["position_embd.weight"] == tensors["emb.pos"]
    assert found["token_types.weight"] == tensors["emb.type"][: HIDDEN * 4]
    assert found["blk.0.ffn_down.weight"] == tensors["l0.fo.w"]
    assert found["blk.0.attn_output.bias"] == tensors["l0.ao.b"]
    assert found["blk.0.layer_output_norm.weight"] == tensors["l0.oln.w"]
    assert len(found) == 5 + 16


def test_the_result_is_an_encoder_with_the_vocabulary_of_the_source(source: Path, tmp_path: Path) -> None:
    e5_to_gguf(source, tmp_path / "e5.gguf")
    header = read_header(tmp_path / "e5.gguf")
    assert header.is_encoder
    assert header.context_tokens == POSITIONS
    assert header.fields["tokenizer.ggml.tokens"] == tuple(piece.decode() for piece in PIECES)
    assert header.fields["tokenizer.ggml.bos_token_id"] == BOS
    assert header.fields["tokenizer.ggml.padding_token_id"] == PAD


def test_repacking_gives_the_same_bytes_each_time(source: Path, tmp_path: Path) -> None:
    for name in ("one.gguf", "two.gguf"):
        e5_to_gguf(source, tmp_path / name)
    assert (tmp_path / "one.gguf").read_bytes() == (tmp_path / "two.gguf").read_bytes()


def test_another_source_is_refused_with_both_hashes(tmp_path: Path) -> None:
    path = tmp_path / "e5.bin"
    write_source(path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(WeightsCorrupt, match=rf"e5\.bin: sha256 {found}, expected {models.repack.SOURCE_SHA256}"):
        e5_to_gguf(path, tmp_path / "e5.gguf")
    assert not (tmp_path / "e5.gguf").exists()
