"""The header of a GGUF file, read with bounds before llama.cpp sees the file.

llama.cpp trusts some of what a header says and ends the process on the rest, so a damaged or foreign file is told
here, in a sentence. Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3).
"""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gguf.constants import GGML_QUANT_SIZES

from models.errors import WeightsCorrupt

MAGIC = b"GGUF"
VERSIONS = (2, 3)
FIELDS_MAX, TENSORS_MAX, ARRAY_MAX, DIMENSIONS_MAX = 4096, 100_000, 4_000_000, 4

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_BLOCKS: Mapping[int, tuple[int, int]] = {int(kind): sizes for kind, sizes in GGML_QUANT_SIZES.items()}
_TOKENS, _ALIGNMENT = "tokenizer.ggml.tokens", "general.alignment"
_ENCODERS = ("bert", "t5encoder")

Value = int | float | bool | str | tuple[int | float | bool | str, ...]


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a file says of itself."""

    fields: Mapping[str, Value]

    @property
    def architecture(self) -> str:
        """The family, such as qwen2 or bert."""
        return str(self.fields.get("general.architecture", ""))

    @property
    def is_encoder(self) -> bool:
        """Whether the weights give vectors only and cannot write."""
        return any(name in self.architecture for name in _ENCODERS)

    @property
    def context_tokens(self) -> int:
        """The longest text the weights were made for; 0 when the file does not say."""
        value = self.fields.get(f"{self.architecture}.context_length", 0)
        return value if isinstance(value, int) else 0

    def has_token(self, text: str) -> bool:
        """Whether the vocabulary has this very token."""
        tokens = self.fields.get(_TOKENS, ())
        return isinstance(tokens, tuple) and text in tokens


def read_header(path: Path) -> GgufHeader:
    """Read and check the header: bounds, counts, and that every tensor lies inside the file.

    Raises WeightsCorrupt with the file, what is wrong and the remedy.
    """
    size = path.stat().st_size
    if size < len(MAGIC):
        raise _wrong(path, f"{size} bytes")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            return _Reader(data).header()
        except (struct.error, ValueError, OverflowError) as error:
            raise _wrong(path, str(error)) from error


def _wrong(path: Path, reason: str) -> WeightsCorrupt:
    return WeightsCorrupt(f"{path} is no whole GGUF file ({reason}); copy or download it again, or convert it to GGUF")


class _Reader:
    """Walks the mapped file. Every read is bounded by the file's end: struct and the checks raise past it."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._place = data, 0

    def header(self) -> GgufHeader:
        if self._data[: len(MAGIC)] != MAGIC:
            raise ValueError("it does not begin with GGUF")
        self._place = len(MAGIC)
        version = self._one("I")
        if version not in VERSIONS:
            raise ValueError(f"version {version}, expected 2 or 3")
        tensors, fields = self._count(TENSORS_MAX, "tensors"), self._count(FIELDS_MAX, "fields")
        found = {self._text(): self._value(self._one("I")) for _ in range(fields)}
        ends = [self._tensor_end() for _ in range(tensors)]
        alignment = found.get(_ALIGNMENT, 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise ValueError(f"alignment {alignment!r}")
        start = -(-self._place // alignment) * alignment
        if tensors == 0 or start + max(ends) > len(self._data):
            raise ValueError(f"{len(self._data)} bytes, its tensors need {start + max(ends, default=0)}")
        return GgufHeader(found)

    def _one(self, form: str) -> int:
        value: int = struct.unpack_from("<" + form, self._data, self._place)[0]
        self._place += struct.calcsize("<" + form)
        return value

    def _count(self, most: int, what: str) -> int:
        count = self._one("Q")
        if count > most:
            raise ValueError(f"{count} {what}, at most {most} expected")
        return count

    def _text(self) -> str:
        start = self._place + 8
        end = start + self._one("Q")
        if end > len(self._data):
            raise ValueError("a text runs past the end")
        self._place = end
        return self._data[start:end].decode("utf-8", "replace")

    def _value(self, kind: int) -> Value:
        if kind == _TEXT:
            return self._text()
        if kind != _ARRAY:
            return self._one(self._form(kind))
        inner, count = self._one("I"), self._count(ARRAY_MAX, "values in a list")
        if inner == _TEXT:
            return tuple(self._text() for _ in range(count))
        values = struct.unpack_from(f"<{count}{self._form(inner)}", self._data, self._place)
        self._place += struct.calcsize(f"<{count}{self._form(inner)}")
        return values

    @staticmethod
    def _form(kind: int) -> str:
        if kind not in _SCALARS:
            raise ValueError(f"a field of the unknown type {kind}")
        return _SCALARS[kind]

    def _tensor_end(self) -> int:
        """Where a tensor ends, counted from the start of the tensor data."""
        self._text()
        dimensions = self._one("I")
        if not 1 <= dimensions <= DIMENSIONS_MAX:
            raise ValueError(f"a tensor of {dimensions} dimensions")
        values = 1
        for _ in range(dimensions):
            values *= self._one("Q")
        kind, offset = self._one("I"), self._one("Q")
        if kind not in _BLOCKS:
            raise ValueError(f"a tensor of the unknown type {kind}")
        block_values, block_bytes = _BLOCKS[kind]
        return offset + values // block_values * block_bytes
