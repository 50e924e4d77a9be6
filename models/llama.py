"""The only door to llama.cpp: models, contexts, batches, tokens. Nothing above it imports llama_cpp.

Low-level API on purpose: the high-level class allocates n_batch × vocabulary floats for embeddings and renders chat
templates that come with the weights, which are data to us, never code.
"""

import ctypes
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from models.errors import EngineFailed
from models.gguf_header import read_header

_GREEDY_TEMPERATURE = 0.0
_TOP_K, _TOP_P = 40, 0.95
_start_lock = threading.Lock()


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _silence(_level: int, _text: bytes, _data: object) -> None:
    """Drop llama.cpp's own log: it may quote tokens, and our logs hold no content."""


def _start_backend() -> None:
    """Initialise llama.cpp once in the process."""
    with _start_lock:
        llama_cpp.llama_log_set(_silence, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()


class Model:
    """Loaded weights: vocabulary and shapes, shared by any number of contexts."""

    def __init__(self, path: Path, *, extra_buffers: bool = False) -> None:
        """Load a GGUF file whose header is sound: llama.cpp would end the process over some that are not.

        `extra_buffers` repacks weights: slower prompts and faster decoding on the CPUs measured.
        """
        header = read_header(path)
        self.is_encoder = header.is_encoder
        self._lock = threading.Lock()
        _start_backend()
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = 0
        parameters.use_extra_bufts = extra_buffers
        self.handle = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
        if not self.handle:
            raise EngineFailed(f"weights {path.name}: llama.cpp cannot load this file; run `huisclos models verify`")
        self._vocabulary = llama_cpp.llama_model_get_vocab(self.handle)

    @property
    def dimensions(self) -> int:
        """Width of the embedding vectors."""
        return int(llama_cpp.llama_model_n_embd(self.handle))

    @property
    def vocabulary_size(self) -> int:
        """How many tokens there are: the width of the logits."""
        return int(llama_cpp.llama_vocab_n_tokens(self._vocabulary))

    @property
    def context_tokens(self) -> int:
        """The longest text the weights were made for."""
        return int(llama_cpp.llama_model_n_ctx_train(self.handle))

    def tokenize(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        """Token ids. With `parse_special` false, control tokens written in the text are plain text."""
        data = text.encode("utf-8", "ignore")
        room = len(data) + 8
        buffer = (llama_cpp.llama_token * room)()
        with self._lock:  # callers tokenize in their own threads, also while close() frees the vocabulary
            if not self.handle:
                raise EngineFailed("the engine is closed; ask again after the restart")
            count = llama_cpp.llama_tokenize(
                self._vocabulary, data, len(data), buffer, room, add_special, parse_special
            )
        if count < 0:
            raise EngineFailed(f"tokenizing {len(data)} bytes failed (code {count}); shorten the text")
        return list(buffer[:count])

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; a control token gives none."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = int(llama_cpp.llama_token_to_piece(self._vocabulary, token, buffer, size, 0, False))
            if count >= 0:
                return buffer.raw[:count]
            size = -count

    def is_end(self, token: int) -> bool:
        """Whether the token ends a generation."""
        return bool(llama_cpp.llama_vocab_is_eog(self._vocabulary, token))

    def close(self) -> None:
        """Free the weights; contexts must be closed before."""
        with self._lock:
            if self.handle:
                llama_cpp.llama_model_free(self.handle)
                self.handle = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen: greedy at temperature 0."""

    temperature: float = _GREEDY_TEMPERATURE
    seed: int = 1


class Sampler:
    """A chain of llama.cpp samplers for one request."""

    def __init__(self, sampling: Sampling) -> None:
        self._chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        for link in self._links(sampling):
            llama_cpp.llama_sampler_chain_add(self._chain, link)

    @staticmethod
    def _links(sampling: Sampling) -> list[object]:
        if sampling.temperature <= _GREEDY_TEMPERATURE:
            return [llama_cpp.llama_sampler_init_greedy()]
        return [
            llama_cpp.llama_sampler_init_top_k(_TOP_K),
            llama_cpp.llama_sampler_init_top_p(_TOP_P, 1),
            llama_cpp.llama_sampler_init_temp(sampling.temperature),
            llama_cpp.llama_sampler_init_dist(sampling.seed),
        ]

    def sample(self, context: "GenerationContext") -> int:
        """The next token after the last decoded one."""
        return int(llama_cpp.llama_sampler_sample(self._chain, context.handle, -1))

    def __enter__(self) -> "Sampler":
        return self

    def __exit__(self, *_: object) -> None:
        llama_cpp.llama_sampler_free(self._chain)


class GenerationContext:
    """One sequence of tokens with its KV cache. Not thread-safe: one thread owns it."""

    def __init__(self, model: Model, *, context_tokens: int, threads: int, batch_tokens: int = 512) -> None:
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx, parameters.n_batch, parameters.n_ubatch = context_tokens, batch_tokens, batch_tokens
        parameters.n_seq_max = 1
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.no_perf = True
        self.handle = llama_cpp.llama_init_from_model(model.handle, parameters)
        if not self.handle:
            raise EngineFailed(f"no memory for a context of {context_tokens} tokens; lower models.context_tokens")
        self._memory = llama_cpp.llama_get_memory(self.handle)
        self._batch = llama_cpp.llama_batch_init(batch_tokens, 0, 1)
        self.batch_tokens = batch_tokens
        self._vocabulary_size = model.vocabulary_size

    def decode(self, tokens: Sequence[int], position: int) -> None:
        """Read up to `batch_tokens` tokens at `position`; logits are kept for the last one."""
        batch = self._batch
        for index, token in enumerate(tokens):
            batch.token[index], batch.pos[index] = token, position + index
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
            batch.logits[index] = index == len(tokens) - 1
        batch.n_tokens = len(tokens)
        code = llama_cpp.llama_decode(self.handle, batch)
        if code:
            raise EngineFailed(f"llama_decode returned {code} at position {position}; the request was dropped")

    def log_probability(self, token: int) -> float:
        """The natural logarithm of the probability, at temperature 1, of a token after the last decoded one."""
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.handle, -1), (self._vocabulary_size,))
        highest = logits.max()
        return float(logits[token] - highest - np.log(np.exp(logits - highest).sum()))

    def forget_from(self, position: int) -> None:
        """Remove every cached token from `position` on; raises EngineFailed where these weights can only forget all."""
        if not llama_cpp.llama_memory_seq_rm(self._memory, 0, position, -1):
            raise EngineFailed(f"the cache cannot forget from position {position} on; choose weights of another family")

    def cached_tokens(self) -> int:
        """How many tokens the KV cache holds."""
        return int(llama_cpp.llama_memory_seq_pos_max(self._memory, 0)) + 1

    def close(self) -> None:
        """Free the context and its batch."""
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self.handle)


class EmbeddingContext:
    """Mean-pooled encoder. `tokens_max` bounds one pass: n_ctx = n_batch = n_ubatch, or llama.cpp aborts."""

    def __init__(self, model: Model, *, threads: int, tokens_max: int = 512, sequences_max: int = 8) -> None:
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = tokens_max
        parameters.n_seq_max = sequences_max
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.embeddings = True
        parameters.pooling_type = 1  # mean
        parameters.flash_attn_type = 1  # 115 against 197 ms per 200 tokens without
        parameters.kv_unified = True
        self.handle = llama_cpp.llama_init_from_model(model.handle, parameters)
        if not self.handle:
            raise EngineFailed("no memory for an embedding context; close other programs")
        self._batch = llama_cpp.llama_batch_init(tokens_max, 0, 1)
        self.tokens_max, self.sequences_max, self._dimensions = tokens_max, sequences_max, model.dimensions

    def encode(self, sequences: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Vectors (n, dimensions) float32 of unit length for sequences that fit one pass together."""
        self._fill(sequences)
        code = llama_cpp.llama_encode(self.handle, self._batch)
        if code:
            raise EngineFailed(f"llama_encode returned {code} for {len(sequences)} texts")
        rows = np.empty((len(sequences), self._dimensions), np.float32)
        for index in range(len(sequences)):
            pointer = llama_cpp.llama_get_embeddings_seq(self.handle, index)
            rows[index] = np.ctypeslib.as_array(pointer, (self._dimensions,))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-12
        return rows

    def _fill(self, sequences: Sequence[Sequence[int]]) -> None:
        batch, place = self._batch, 0
        for index, sequence in enumerate(sequences):
            for position, token in enumerate(sequence):
                batch.token[place], batch.pos[place] = token, position
                batch.n_seq_id[place], batch.seq_id[place][0], batch.logits[place] = 1, index, 1
                place += 1
        batch.n_tokens = place

    def close(self) -> None:
        """Free the context and its batch."""
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self.handle)
