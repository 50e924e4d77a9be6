"""Ways to serve the same weights: our engine, the native llama.cpp server, and llama_cpp's class, one at a time."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import llama_cpp

from bench.asking import Answer, Together, Wanted
from bench.generation import bare_answer
from models.generation import GenerationRequest, Generator
from models.generator import LlamaGenerator, open_generator
from models.scheduler import ON_GPU, ON_PROCESSORS
from models.served.address import ServerAddress
from models.served.generator import open_servers

NATIVE = Path(sys.prefix) / "native" / "bin" / "python"
SERVER = Path(__file__).with_name("native.py")
QUEUE_MAX = 64
_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class NativeServer:
    """The native server through our client of such servers, and what its build uses of the processor."""

    generator: Generator
    features: str


@contextmanager
def ours(wanted: Wanted, slots: int) -> Iterator[LlamaGenerator]:
    """Our engine with so many slots."""
    engine = open_generator(
        wanted.path, threads=wanted.threads, context_tokens=wanted.context_tokens, queue_max=QUEUE_MAX, slots=slots
    )
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def native(wanted: Wanted, slots: int) -> Iterator[NativeServer]:
    """The native server as its own process."""
    command = [NATIVE, "-I", SERVER, wanted.path, wanted.context_tokens, slots, wanted.threads]
    pipes = partial(subprocess.Popen[str], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with pipes([str(part) for part in command], stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout
            port, _, features = process.stdout.readline().strip().partition(" ")
            address = ServerAddress("http", "127.0.0.1", int(port))
            server = open_servers([address], context_tokens=wanted.context_tokens, queue_max=QUEUE_MAX)
            try:
                yield NativeServer(server, features)
            finally:
                server.close()
        finally:
            process.kill()


@contextmanager
def one_at_a_time(wanted: Wanted) -> Iterator[llama_cpp.Llama]:
    """llama_cpp's own class as the package makes it: weights repacked, which it cannot do without."""
    bare = llama_cpp.Llama(
        str(wanted.path),
        n_ctx=wanted.context_tokens,
        n_threads=wanted.threads,
        n_threads_batch=wanted.threads,
        n_gpu_layers=-1,
        verbose=False,
    )
    try:
        yield bare
    finally:
        bare.close()


def one_by_one(bare: llama_cpp.Llama, requests: Sequence[GenerationRequest]) -> Together:
    """The answers of the class to requests that came at once: each waits for those before it."""
    begun = time.perf_counter()
    timings, ends = [], []
    for request in requests:
        timings.append(bare_answer(bare, request.messages, request.max_tokens))
        ends.append(time.perf_counter() - begun)
    starts = [0.0, *ends]
    firsts = [start + timing.first_ms / _MILLISECONDS for start, timing in zip(starts, timings, strict=False)]
    counts = [timing.answer_tokens for timing in timings]
    return Together(
        tuple(Answer((first, end), (), count) for first, end, count in zip(firsts, ends, counts, strict=True))
    )


def differences(features: str) -> tuple[str, str]:
    """What the settings could not make equal, for the result. `features` are the native server's."""
    own = llama_cpp.llama_print_system_info().decode()
    missing = sorted(_used(own) - _used(features))
    chunks = ON_GPU if llama_cpp.llama_supports_gpu_offload() else ON_PROCESSORS
    return (
        "native server: same weights, slots, context a slot, threads, batch of 512, f16 KV, flash attention as "
        f"llama.cpp chooses, no extra buffers; its wheel does without {', '.join(missing) or 'nothing'}; it reads up "
        f"to 512 tokens of prompts a step, ours {chunks.alone}, or {chunks.beside} beside who writes; it is asked over "
        "HTTP",
        "one at a time: as the package makes it, weights repacked, no flash attention",
    )


def _used(features: str) -> set[str]:
    names = (part.partition("=") for part in features.replace("CPU : ", "").split("|"))
    return {name.strip() for name, _, value in names if value.strip() == "1"}
