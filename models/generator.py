"""Answers token by token: the Generator protocol and its llama.cpp implementation behind a bounded queue."""

import codecs
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from models.errors import EngineBusy, EngineFailed, RequestTooLong
from models.llama import GenerationContext, Model, Sampler, Sampling

PREFILL_CHUNK = 128
"""Tokens read between two looks at the cancel flag: about a second on two cores."""


@dataclass(frozen=True, slots=True)
class Message:
    """A turn of the prompt; `role` is "system", "user" or "assistant"."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What to write, and within which bounds."""

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """The request is in the queue; `place` 1 is next."""

    place: int


@dataclass(frozen=True, slots=True)
class Started:
    """The prompt is being read."""

    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text, whole characters only."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end: `reason` is "stop", "length" or "cancelled"."""

    reason: str
    prompt_tokens: int
    answer_tokens: int
    first_token_ms: float | None


GenerationEvent = Waiting | Started | Token | Done


class Generator(Protocol):
    """Whatever can write an answer: the engine in this process, later a server inside the house."""

    model_name: str
    context_tokens: int

    def count_tokens(self, text: str) -> int:
        """How many tokens a text costs in the prompt."""
        ...

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        """Events up to and including Done; EngineBusy and RequestTooLong are raised before the first."""
        ...


@dataclass(slots=True)
class _Job:
    request: GenerationRequest
    prompt: list[int]
    public: int
    cancelled: threading.Event
    events: "queue.SimpleQueue[GenerationEvent | Exception]" = field(default_factory=queue.SimpleQueue)
    submitted: float = field(default_factory=time.perf_counter)


class LlamaGenerator:
    """llama.cpp behind a bounded first-come queue: one thread owns the context and answers one request at a time.

    Between requests only the public system prompt stays in the KV cache; everything a person caused is removed.
    """

    def __init__(self, path: Path, *, threads: int, context_tokens: int, queue_max: int) -> None:
        self.model_name, self.context_tokens = path.stem, context_tokens
        self._model = Model(path)
        self._context = GenerationContext(self._model, context_tokens=context_tokens, threads=threads)
        self._public: list[int] = []
        self._waiting: list[_Job] = []
        self._queue_max = queue_max
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def count_tokens(self, text: str) -> int:
        """How many tokens a text costs in the prompt."""
        return len(self._model.tokenize(text))

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        """Queue the request and give its events; closing the iterator early cancels it."""
        job = self._submit(request, cancelled)
        try:
            while True:
                event = job.events.get()
                if isinstance(event, Exception):
                    raise event
                yield event
                if isinstance(event, Done):
                    return
        finally:
            cancelled.set()

    def _submit(self, request: GenerationRequest, cancelled: threading.Event) -> _Job:
        prompt, public = self._prompt(request)
        if len(prompt) + request.max_tokens > self.context_tokens:
            raise RequestTooLong(
                f"prompt of {len(prompt)} tokens and answer of {request.max_tokens} exceed the context of "
                f"{self.context_tokens}; ask more briefly or raise models.context_tokens"
            )
        job = _Job(request, prompt, public, cancelled)
        with self._changed:
            if self._closing:
                raise EngineFailed("the engine is stopping; ask again after the restart")
            if len(self._waiting) >= self._queue_max:
                raise EngineBusy(f"{self._queue_max} requests are waiting already; ask again in a moment")
            self._waiting.append(job)
            if len(self._waiting) > 1:
                job.events.put(Waiting(len(self._waiting) - 1))
            self._changed.notify_all()
        return job

    def _prompt(self, request: GenerationRequest) -> tuple[list[int], int]:
        """Prompt tokens in ChatML and the length of their public head (the system message).

        Control tokens come from us alone: contents are tokenised as plain text, whatever they spell.
        """
        tokens: list[int] = []
        public = 0
        for message in request.messages:
            tokens += self._control(f"<|im_start|>{message.role}\n")
            tokens += self._model.tokenize(message.content)
            tokens += self._control("<|im_end|>\n")
            public = len(tokens) if message.role == "system" and public == 0 else public
        return tokens + self._control("<|im_start|>assistant\n"), public

    def _control(self, text: str) -> list[int]:
        return self._model.tokenize(text, parse_special=True)

    def _work(self) -> None:
        while job := self._next():
            try:
                self._serve(job)
            except Exception as error:  # noqa: BLE001 - the edge of the engine's thread: one request must not end it
                job.events.put(error if isinstance(error, EngineFailed) else EngineFailed(type(error).__name__))
                self._reset()
            with self._changed:
                self._waiting.remove(job)
                for place, other in enumerate(self._waiting):
                    if place:
                        other.events.put(Waiting(place))

    def _next(self) -> _Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return None if self._closing else self._waiting[0]

    def _serve(self, job: _Job) -> None:
        """Read the prompt after its public head, then write until an end, a bound or a cancel."""
        job.events.put(Started(len(job.prompt)))
        head = self._keep_public(job.prompt[: job.public])
        if not self._read(job.prompt[head:], head, job.cancelled):
            job.events.put(Done("cancelled", len(job.prompt), 0, None))
            return
        sampler = Sampler(Sampling(job.request.temperature, job.request.seed))
        try:
            self._write(job, sampler)
        finally:
            sampler.close()
            self._context.forget_from(len(self._public))

    def _keep_public(self, head: list[int]) -> int:
        """Make the KV cache hold exactly the public head; returns its length."""
        if head == self._public:
            self._context.forget_from(len(head))
            return len(head)
        self._reset()
        self._read(head, 0, threading.Event())
        self._public = head
        return len(head)

    def _reset(self) -> None:
        self._public = []
        self._context.forget_from(0)

    def _read(self, tokens: list[int], position: int, cancelled: threading.Event) -> bool:
        """Decode the tokens in chunks; False as soon as the request is cancelled."""
        for start in range(0, len(tokens), PREFILL_CHUNK):
            if cancelled.is_set():
                self._context.forget_from(len(self._public))
                return False
            self._context.decode(tokens[start : start + PREFILL_CHUNK], position + start)
        return True

    def _write(self, job: _Job, sampler: Sampler) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        written, text, first_ms, reason = 0, "", None, "length"
        while written < job.request.max_tokens:
            if job.cancelled.is_set():
                reason = "cancelled"
                break
            token = sampler.sample(self._context)
            first_ms = first_ms or (time.perf_counter() - job.submitted) * 1000
            if self._model.is_end(token):
                reason = "stop"
                break
            piece = decoder.decode(self._model.piece(token))
            written, text = written + 1, text + piece
            if piece:
                job.events.put(Token(piece))
            if any(stop in text for stop in job.request.stop):
                reason = "stop"
                break
            self._context.decode([token], len(job.prompt) + written - 1)
        job.events.put(Done(reason, len(job.prompt), written, first_ms))

    def close(self) -> None:
        """Stop the thread after its current step and free everything."""
        with self._changed:
            self._closing = True
            for job in self._waiting:
                job.cancelled.set()
            self._changed.notify_all()
        self._thread.join()
        for job in self._waiting:
            job.events.put(EngineFailed("the engine stopped; ask again after the restart"))
        self._context.close()
        self._model.close()


def open_generator(path: Path, *, threads: int = 2, context_tokens: int = 4096, queue_max: int = 16) -> LlamaGenerator:
    """Load the weights at `path` (already verified) and start the engine's thread."""
    return LlamaGenerator(path, threads=threads, context_tokens=context_tokens, queue_max=queue_max)
