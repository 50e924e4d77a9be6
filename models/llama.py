"""The only door to llama.cpp: models, contexts, batches, tokens. Nothing above it imports llama_cpp.

Low-level API on purpose: the high-level class allocates n_batch × vocabulary floats for embeddings and renders chat
templates that come with the weights, which are data to us, never code.
"""

import ctypes
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from models.errors import EngineFailed, GrammarWrong
from models.generation import Sampling
from models.gguf_header import read_header
from models.grammar import GRAMMAR_ROOT

_GREEDY_TEMPERATURE = 0.0
_WORD_BYTES = 4
_HEAD_WORDS = 2
"""Of a state: a mark and the sequence."""
_PENALTY_TOKENS = 64
"""How far back a repetition counts."""
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
KV_TYPES: Mapping[str, int] = {"f16": llama_cpp.GGML_TYPE_F16, "q8_0": llama_cpp.GGML_TYPE_Q8_0}
"""How keys and values are held: q8_0 takes half the memory; prompts read at 42 instead of 49 tokens/s (one thread)."""
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

    def __init__(self, path: Path, *, extra_buffers: bool = False, gpu_layers: int = 0) -> None:
        """Load a GGUF file whose header is sound: llama.cpp would end the process over some that are not.

        `extra_buffers` repacks weights: slower prompts and faster decoding on the CPUs measured. `gpu_layers` of the
        weights lie on the GPU, -1 for all; where llama.cpp finds none, all stay on the processors.
        """
        header = read_header(path)
        self.is_encoder = header.is_encoder
        self._lock = threading.Lock()
        _start_backend()
        self.is_on_gpu = bool(gpu_layers and llama_cpp.llama_supports_gpu_offload())
        parameters = llama_cpp.llama_model_default_params()
        parameters.n_gpu_layers = gpu_layers
        parameters.use_extra_bufts = extra_buffers
        self.handle = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
        if not self.handle:
            remedy = " or lower models.gpu_layers" if self.is_on_gpu else ""
            raise EngineFailed(
                f"weights {path.name}: llama.cpp cannot load this file; run `huisclos models verify`{remedy}"
            )
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.handle)

    @property
    def dimensions(self) -> int:
        """Width of the embedding vectors."""
        return int(llama_cpp.llama_model_n_embd(self.handle))

    @property
    def vocabulary_size(self) -> int:
        """How many tokens there are: the width of the logits."""
        return int(llama_cpp.llama_vocab_n_tokens(self.vocabulary))

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
            count = llama_cpp.llama_tokenize(self.vocabulary, data, len(data), buffer, room, add_special, parse_special)
        if count < 0:
            raise EngineFailed(f"tokenizing {len(data)} bytes failed (code {count}); shorten the text")
        return list(buffer[:count])

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; a control token gives none."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = int(llama_cpp.llama_token_to_piece(self.vocabulary, token, buffer, size, 0, False))
            if count >= 0:
                return buffer.raw[:count]
            size = -count

    def is_end(self, token: int) -> bool:
        """Whether the token ends a generation."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocabulary, token))

    def close(self) -> None:
        """Free the weights; contexts must be closed before."""
        with self._lock:
            if self.handle:
                llama_cpp.llama_model_free(self.handle)
                self.handle = None


class Sampler:
    """A chain of llama.cpp samplers for one request; a grammar comes first, so that it always holds."""

    def __init__(self, model: Model, sampling: Sampling, grammar: str = "") -> None:
        """Raises GrammarWrong where llama.cpp cannot read the grammar."""
        self._is_plain = not grammar and sampling.temperature <= _GREEDY_TEMPERATURE and sampling.repeat_penalty == 1
        shape = (_grammar(model, grammar),) if grammar else ()
        links = (*shape, *self._links(model, sampling))
        self._chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        for link in links:
            llama_cpp.llama_sampler_chain_add(self._chain, link)
        self._is_shaped = bool(grammar)

    @staticmethod
    def _links(model: Model, sampling: Sampling) -> Iterator[object]:
        if sampling.repeat_penalty != 1:
            size = model.vocabulary_size
            yield llama_cpp.llama_sampler_init_penalties(size, _PENALTY_TOKENS, sampling.repeat_penalty, 0.0, 0.0)
        if sampling.temperature <= _GREEDY_TEMPERATURE:
            yield llama_cpp.llama_sampler_init_greedy()
            return
        yield llama_cpp.llama_sampler_init_top_k(sampling.top_k)
        yield llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1)
        yield llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1)
        yield llama_cpp.llama_sampler_init_temp(sampling.temperature)
        yield llama_cpp.llama_sampler_init_dist(sampling.seed)

    def sample(self, context: "GenerationContext", row: int) -> int:
        """The next token after the one at `row` of the step. EngineFailed where a grammar lets no token follow."""
        if self._is_plain:  # as llama.cpp chooses it, in a twelfth of its time
            return int(context.logits(row).argmax())
        if not self._is_shaped:
            return int(llama_cpp.llama_sampler_sample(self._chain, context.handle, row))
        return self._sample_shaped(context.logits(row))

    def _sample_shaped(self, logits: NDArray[np.float32]) -> int:
        """As llama_sampler_sample does it, with a look before the token is accepted: one that the grammar excludes
        would end the process there."""
        rows = np.empty(len(logits), _CANDIDATE)
        rows["id"], rows["logit"], rows["p"] = np.arange(len(logits)), logits, 0
        data = rows.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data))
        candidates = llama_cpp.llama_token_data_array(data, len(rows), -1, False)
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(candidates))
        chosen = candidates.data[candidates.selected] if candidates.selected >= 0 else None
        if chosen is None or not math.isfinite(chosen.logit):
            raise EngineFailed("the grammar lets no token of these weights follow; correct the grammar")
        llama_cpp.llama_sampler_accept(self._chain, chosen.id)
        return int(chosen.id)

    def close(self) -> None:
        """Free the chain. A second call does nothing."""
        if self._chain:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None


def _grammar(model: Model, text: str) -> object:
    link = llama_cpp.llama_sampler_init_grammar(model.vocabulary, text.encode(), GRAMMAR_ROOT.encode())
    if not link:
        raise GrammarWrong(f"the grammar of {len(text)} characters cannot be read; correct it (GBNF, starting at root)")
    return link


@dataclass(frozen=True, slots=True)
class Part:
    """Tokens of one sequence that a step reads; with `has_logits` what may follow the last is worked out."""

    sequence: int
    tokens: Sequence[int]
    position: int
    has_logits: bool


class GenerationContext:
    """Sequences of up to `context_tokens` with a KV cache each. Not thread-safe: one thread owns it.

    A cache each and not one for all: attention then looks at a sequence's own tokens only. Of processor time, 7 that
    write beside 64 tokens of a prompt took 1.2 against 1.8 s (0.5B, 700 tokens each, AVX-512).
    """

    def __init__(
        self,
        model: Model,
        *,
        context_tokens: int,
        threads: int,
        sequences: int = 1,
        kv_type: str = "f16",
        batch_tokens: int = 512,
    ) -> None:
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = context_tokens * sequences
        parameters.n_batch = parameters.n_ubatch = batch_tokens
        parameters.n_seq_max = sequences
        parameters.kv_unified = False
        parameters.type_k = parameters.type_v = KV_TYPES[kv_type]
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.no_perf = True
        self.handle = llama_cpp.llama_init_from_model(model.handle, parameters)
        if not self.handle:
            raise EngineFailed(
                f"no memory for {sequences} contexts of {context_tokens} tokens; "
                "lower models.context_tokens or models.slots"
            )
        self._memory = llama_cpp.llama_get_memory(self.handle)
        self._batch = llama_cpp.llama_batch_init(batch_tokens, 0, 1)
        self._sequences = range(sequences)
        self._vocabulary_size = model.vocabulary_size

    def decode(self, parts: Sequence[Part]) -> list[int]:
        """Read the parts in one pass; gives for each the row of its logits (its last token's place in the batch).

        In the order of their sequences: llama.cpp reads those that follow one another together, any other alone, which
        for 8 that write a token each takes 8.2 times as long as for one, and together 4.1 times (0.5B, two cores).
        """
        batch, place, rows = self._batch, 0, [0] * len(parts)
        for index, part in sorted(enumerate(parts), key=lambda item: item[1].sequence):
            for offset, token in enumerate(part.tokens):
                batch.token[place], batch.pos[place] = token, part.position + offset
                batch.n_seq_id[place], batch.seq_id[place][0] = 1, part.sequence
                batch.logits[place] = part.has_logits and offset == len(part.tokens) - 1
                place += 1
            rows[index] = place - 1
        batch.n_tokens = place
        code = llama_cpp.llama_decode(self.handle, batch)
        if code:
            raise EngineFailed(f"llama_decode returned {code}; the request was dropped, ask again")
        llama_cpp.llama_synchronize(self.handle)  # a GPU is only told what to do: steps are timed to their end
        return rows

    def logits(self, row: int) -> NDArray[np.float32]:
        """How likely each token is after the one at `row`: (vocabulary,) float32, valid until the next step."""
        return np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.handle, row), (self._vocabulary_size,))

    def log_probability(self, token: int, row: int) -> float:
        """The natural logarithm of the probability, at temperature 1, of a token after the one at `row`."""
        logits = self.logits(row)
        highest = logits.max()
        return float(logits[token] - highest - np.log(np.exp(logits - highest).sum()))

    def forget_from(self, sequence: int, position: int) -> None:
        """Remove a sequence's tokens from `position` on; EngineFailed where these weights can only forget all."""
        if not llama_cpp.llama_memory_seq_rm(self._memory, sequence, position, -1):
            raise EngineFailed(f"the cache cannot forget from position {position} on; choose weights of another family")

    def take(self, sequence: int) -> NDArray[np.uint8]:
        """A copy of what the cache holds of a sequence, as a context of one sequence writes it: (bytes,) uint8.

        llama.cpp writes a mark, the sequence, how many caches there are, and of each the number of cells (uint32 all)
        with what they hold. Only the sequence's own has some: left with it alone, any context can take it in.
        """
        state = np.empty(llama_cpp.llama_state_seq_get_size(self.handle, sequence), np.uint8)
        pointer = state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        written = llama_cpp.llama_state_seq_get_data(self.handle, pointer, len(state), sequence)
        first = _HEAD_WORDS + 1
        words = state[: _WORD_BYTES * (first + len(self._sequences))].view(np.uint32)
        before = int(np.argmax(words[first:] > 0))
        one = state[_WORD_BYTES * before : written - _WORD_BYTES * (len(self._sequences) - 1 - before)]
        one[: _WORD_BYTES * first] = _bytes(*words[:_HEAD_WORDS].tolist(), 1)
        return one

    def put(self, sequence: int, state: NDArray[np.uint8]) -> None:
        """Put into a sequence what `take` of this very process gave: llama.cpp does not defend itself here."""
        first = _WORD_BYTES * _HEAD_WORDS
        count, others = _bytes(len(self._sequences)), _bytes(*[0] * (len(self._sequences) - 1))
        state = np.concatenate((state[:first], count, state[first + _WORD_BYTES :], others))
        pointer = state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        if not llama_cpp.llama_state_seq_set_data(self.handle, pointer, len(state), sequence):
            raise EngineFailed(f"the cache has no room for {len(state)} bytes; the request was dropped, ask again")

    def cached_tokens(self) -> int:
        """How many tokens the KV cache holds, of all sequences."""
        highest = (llama_cpp.llama_memory_seq_pos_max(self._memory, sequence) for sequence in self._sequences)
        return sum(int(position) + 1 for position in highest)

    def close(self) -> None:
        """Free the context and its batch."""
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self.handle)


def _bytes(*values: int) -> NDArray[np.uint8]:
    return np.array(values, np.uint32).view(np.uint8)


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
