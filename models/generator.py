"""Answers token by token: llama.cpp behind a bounded queue."""

import codecs
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from models.chat_format import FORMATS, ChatFormat
from models.errors import EngineBusy, EngineFailed, RequestTooLong
from models.generation import Done, GenerationEvent, GenerationRequest, Started, Token, Waiting
from models.llama import GenerationContext, Model, Sampler, Sampling
from models.processors import physical_cores
from models.stop_text import StopText

PREFILL_CHUNK = 128
"""Tokens read between two looks at the cancel flag: about a second on two cores."""
CANCEL_LOOK_SECONDS = 0.1
"""How often a request that waits in line looks at its cancel flag."""
THREADS_MAX = 16
"""Threads when nobody says how many: beyond, memory bandwidth bounds decoding, not cores."""


@dataclass(eq=False, slots=True)
class _Job:
    """A request in the engine. `public` tokens of the prompt are the part that people share."""

    request: GenerationRequest
    prompt: list[int]
    public: int
    cancelled: threading.Event
    events: "queue.SimpleQueue[GenerationEvent | Exception]" = field(default_factory=queue.SimpleQueue)
    submitted: float = field(default_factory=time.perf_counter)
    written: int = 0
    logprobs: list[float] = field(default_factory=list)
    first_token_ms: float | None = None

    def end(self, reason: str) -> Done:
        return Done(reason, len(self.prompt), self.written, self.first_token_ms, tuple(self.logprobs))


class LlamaGenerator:
    """llama.cpp behind a bounded first-come queue: one thread owns the context and answers one request at a time.

    Between requests only the public system prompt stays in the KV cache; everything a person caused is removed.
    """

    def __init__(
        self, path: Path, *, threads: int, context_tokens: int, queue_max: int, chat_format: ChatFormat
    ) -> None:
        self.model_name = path.stem
        self._format = chat_format
        self._model = Model(path)
        try:
            _check_fit(self._model, path, chat_format)
            self.context_tokens = min(context_tokens, self._model.context_tokens)
            self._context = GenerationContext(self._model, context_tokens=self.context_tokens, threads=threads)
        except EngineFailed:
            self._model.close()
            raise
        self._public: list[int] = []
        self._queue: deque[_Job] = deque()
        self._running: _Job | None = None
        self._queue_max = queue_max
        self._changed = threading.Condition()
        self._is_closing = False
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
                event = self._next_event(job)
                if isinstance(event, Exception):
                    raise event
                yield event
                if isinstance(event, Done):
                    return
        finally:
            cancelled.set()
            self._leave(job)

    def _next_event(self, job: _Job) -> GenerationEvent | Exception:
        """The job's next event. One cancelled in line leaves it and ends here, as all do when the engine died."""
        while True:
            with suppress(queue.Empty):
                return job.events.get(timeout=CANCEL_LOOK_SECONDS)
            if job.cancelled.is_set() and self._leave(job):
                return job.end("cancelled")
            if not self._thread.is_alive() and job.events.empty():
                return EngineFailed("the engine stopped; ask again after the restart")

    def _submit(self, request: GenerationRequest, cancelled: threading.Event) -> _Job:
        prompt, public = self._prompt(request)
        if len(prompt) + request.max_tokens > self.context_tokens:
            raise RequestTooLong(
                f"prompt of {len(prompt)} tokens and answer of {request.max_tokens} exceed the context of "
                f"{self.context_tokens}; ask more briefly or raise models.context_tokens"
            )
        job = _Job(request, prompt, public, cancelled)
        with self._changed:
            if self._is_closing:
                raise EngineFailed("the engine is closed; ask again after the restart")
            before = len(self._queue) + (self._running is not None)
            if before > self._queue_max:
                raise EngineBusy(f"{self._queue_max} requests are waiting already; ask again in a moment")
            self._queue.append(job)
            if before:
                job.events.put(Waiting(before))
            self._changed.notify_all()
        return job

    def _prompt(self, request: GenerationRequest) -> tuple[list[int], int]:
        """Prompt tokens and the length of their public head (the system message that opens it).

        Control tokens come from us alone: contents are tokenised as plain text, whatever they spell.
        """
        tokens: list[int] = []
        public = 0
        for piece in self._format.pieces(request.messages):
            tokens += self._model.tokenize(piece.text, parse_special=piece.is_control)
            public = len(tokens) if piece.is_public else public
        return tokens, public

    def _leave(self, job: _Job) -> bool:
        """Take a job out of the line and move the others up; False when it is not in it (any more)."""
        with self._changed:
            if job not in self._queue:
                return False
            self._queue.remove(job)
            self._tell_places()
            return True

    def _tell_places(self) -> None:
        for place, job in enumerate(self._queue, 1):
            job.events.put(Waiting(place))

    def _work(self) -> None:
        while job := self._next_job():
            end: Done | EngineFailed
            try:
                end = self._serve(job)
            except Exception as error:  # noqa: BLE001 - the edge of the engine's thread: one request must not end it
                self._reset()
                end = error if isinstance(error, EngineFailed) else EngineFailed(_withheld(error))
            with self._changed:
                self._running = None
            job.events.put(end)  # after its place is free: who asks as soon as this is told does not wait

    def _next_job(self) -> _Job | None:
        """Wait for the first in line; None when the engine closes."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_closing)
            if self._is_closing:
                return None
            self._running = self._queue.popleft()
            self._tell_places()
            return self._running

    def _serve(self, job: _Job) -> Done:
        """Read the prompt after its public head, write until an end, and forget all but the head."""
        head = job.prompt[: job.public]
        kept = len(head) if head == self._public else 0
        job.events.put(Started(len(job.prompt), kept))
        if not (
            self._keep_public(head, job.cancelled) and self._read(job.prompt[len(head) :], len(head), job.cancelled)
        ):
            reason = "cancelled"
        else:
            reason = self._write(job)
        self._context.forget_from(len(self._public))
        return job.end(reason)

    def _keep_public(self, head: list[int], cancelled: threading.Event) -> bool:
        """Make the KV cache hold exactly the public head; False when the request was cancelled meanwhile."""
        if head != self._public:
            self._reset()
            if not self._read(head, 0, cancelled):
                self._reset()
                return False
            self._public = head
        return True

    def _reset(self) -> None:
        self._public = []
        self._context.forget_from(0)

    def _read(self, tokens: list[int], position: int, cancelled: threading.Event) -> bool:
        """Decode the tokens in chunks; False as soon as the request is cancelled."""
        for start in range(0, len(tokens), PREFILL_CHUNK):
            if cancelled.is_set():
                return False
            self._context.decode(tokens[start : start + PREFILL_CHUNK], position + start)
        return True

    def _write(self, job: _Job) -> str:
        """Put tokens until the end; gives the reason of the end. Characters split over tokens wait to be whole."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = StopText(job.request.stop)
        with Sampler(Sampling(job.request.temperature, job.request.seed)) as sampler:
            reason = "length"
            while job.written < job.request.max_tokens:
                if job.cancelled.is_set():
                    return "cancelled"
                token = sampler.sample(self._context)
                job.first_token_ms = job.first_token_ms or (time.perf_counter() - job.submitted) * 1000
                if self._model.is_end(token):
                    reason = "stop"
                    break
                job.written += 1
                if job.request.logprobs:
                    job.logprobs.append(self._context.log_probability(token))
                _put(job, text.feed(decoder.decode(self._model.piece(token))))
                if text.is_stopped:
                    return "stop"
                self._context.decode([token], len(job.prompt) + job.written - 1)
        _put(job, text.rest())
        return reason

    def close(self) -> None:
        """Stop the thread after its current step and free everything. A second call does nothing."""
        with self._changed:
            if self._is_closing:
                return
            self._is_closing = True
            for job in self._queue:
                job.events.put(EngineFailed("the engine stopped; ask again after the restart"))
            self._queue.clear()
            if self._running:
                self._running.cancelled.set()
            self._changed.notify_all()
        self._thread.join()
        self._context.close()
        self._model.close()


def _put(job: _Job, text: str) -> None:
    if text:
        job.events.put(Token(text))


def _withheld(error: Exception) -> str:
    """An error of another kind without its message, which may quote content."""
    return f"the request was dropped ({type(error).__name__}); ask again, and tell IT when it comes back"


def _check_fit(model: Model, path: Path, chat_format: ChatFormat) -> None:
    if model.is_encoder:
        raise EngineFailed(
            f"weights {path.name} embed texts and cannot write; choose others with `huisclos models use`"
        )
    if len(model.tokenize(chat_format.marker, parse_special=True)) != 1:
        raise EngineFailed(
            f"weights {path.name} have no token {chat_format.marker}, which chat format {chat_format.name} needs; "
            "correct chat_format in own.toml of the models folder, or choose other weights"
        )


def open_generator(
    path: Path,
    *,
    threads: int | None = None,
    context_tokens: int = 4096,
    queue_max: int = 16,
    chat_format: str = "chatml",
) -> LlamaGenerator:
    """Load the weights at `path` (already verified) and start the engine's thread.

    One thread a physical core when `threads` is left out. `chat_format` names a table of models/chat_format.py; one
    that does not fit the vocabulary raises EngineFailed. The context is never longer than the weights were made for.
    """
    return LlamaGenerator(
        path,
        threads=threads or min(physical_cores(), THREADS_MAX),
        context_tokens=context_tokens,
        queue_max=queue_max,
        chat_format=FORMATS[chat_format],
    )
