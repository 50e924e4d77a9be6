"""Small real files to test with: GGUF files of a few kilobytes, and the entries that name them."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from gguf import GGUFWriter

from models.catalogue import LocalFile, ModelEntry, Source, Task

CHATML_TOKENS = ("a", "b", "<|im_start|>", "<|im_end|>")


def write_gguf(path: Path, architecture: str = "qwen2", tokens: tuple[str, ...] = CHATML_TOKENS) -> Path:
    """A well-formed file that holds one tensor and a vocabulary: enough for every check but loading it."""
    writer = GGUFWriter(path, architecture)
    writer.add_context_length(2048)
    writer.add_token_list(list(tokens))
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_tensor("token_embd.weight", np.arange(2048, dtype=np.float32).reshape(32, 64))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def entry_for(content: bytes, *sources: Source, name: str = "tiny") -> ModelEntry:
    """An entry that expects exactly this content."""
    digest = hashlib.sha256(content).hexdigest()
    return replace(waiting_entry(name), bytes=len(content), sha256=digest, sources=sources)


def waiting_entry(name: str = "tiny") -> ModelEntry:
    """An entry known by name only, as those that `models add` fills."""
    file, languages = f"{name}-q4.gguf", ("fr", "en")
    return ModelEntry(
        name, Task.GENERATE, file, 0, None, "MIT", languages, 2048, "chatml", "", "", True, False, (LocalFile(),)
    )
