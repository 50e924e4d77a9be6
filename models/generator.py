"""Answers token by token, many at once: llama.cpp behind a bounded line that is fair between people."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from models.chat_format import FORMATS, ChatFormat
from models.engine import Engine
from models.errors import EngineFailed, RequestTooLong
from models.figures import Figures
from models.generation import Done, GenerationEvent, GenerationRequest, Waiting
from models.grammar import grammar_of
from models.llama import GenerationContext, Model
from models.processors import physical_cores
from models.scheduler import ON_GPU, ON_PROCESSORS, Scheduler, Share
from models.slots import SLOTS_MIN, slots_that_pay
from models.writing import Writing

CANCEL_LOOK_SECONDS = 0.1
"""How often a request that waits in line looks at its cancel flag."""
THREADS_MAX = 16
"""Threads when nobody says how many: beyond, memory bandwidth bounds decoding, not cores."""
CHARACTERS_A_TOKEN_MAX = 128
"""The longest tokens are this many blanks: a text of more a token of the context is not even counted."""
QUIET_SECONDS = 20.0
"""How long nobody is served before the slots are measured, once: who comes meanwhile waits for the measuring."""
CHECK_SECONDS = 600.0
"""How long nobody is served before the engine checks itself, again and again: a step of a few tokens each."""
MIB = 1 << 20
Tell = Callable[..., None]
"""Takes the name of an event and its fields."""


class LlamaGenerator:
    """llama.cpp behind a bounded line: one thread owns the context and writes for everybody who has a slot.

    The loop: those next in line get the free slots, everybody's next tokens are read in one pass, each gets a token.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int,
        context_tokens: int,
        queue_max: int,
        chat_format: ChatFormat,
        slots: int,
        kept_mib: int,
        kv_type: str,
        gpu_layers: int,
        tell: Tell | None = None,
    ) -> None:
        self.model_name = path.stem
        self._tell = tell
        self._format = chat_format
        self._model = Model(path, gpu_layers=gpu_layers)
        try:
            _check_fit(self._model, path, chat_format)
            self.context_tokens = min(context_tokens, self._model.context_tokens)
            opened = partial(
                GenerationContext,
                self._model,
                context_tokens=self.context_tokens,
                threads=threads,
                kv_type=kv_type,
            )
            self._engine = Engine(
                self._model, lambda count: opened(sequences=count), slots or SLOTS_MIN, kept_mib * MIB
            )
        except EngineFailed:
            self._model.close()
            raise
        self._pays = None if slots else partial(slots_that_pay, self._model, threads, kv_type)
        chunks = ON_GPU if self._model.is_on_gpu else ON_PROCESSORS
        self._scheduler: Scheduler[Writing] = Scheduler(slots=slots or SLOTS_MIN, queue_max=queue_max, chunks=chunks)
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    @property
    def figures(self) -> Figures:
        """What the engine says of itself now."""
        engine, kept = self._engine, self._engine.kept
        with self._changed:
            now = len(self._scheduler.behind), len(self._scheduler.running), self._scheduler.slots
        return Figures(
            *now,
            len(kept),
            kept.bytes,
            kept.evictions,
            engine.restarts,
            engine.steps,
            engine.step_seconds,
            engine.followed,
            engine.failed_checks,
            self._model.is_on_gpu,
        )

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

    def remembers(self, person: str, conversation: str) -> bool:
        """Whether a conversation's next turn would be read from where it stands, and not from its beginning."""
        return self._engine.kept.get((person, conversation)) is not None

    def forget(self, person: str, conversation: str = "") -> None:
        """Forget what is remembered of a conversation, or of all that a person has."""
        asked = (person, conversation)
        self._engine.kept.drop(
            lambda key: key == asked or (not conversation and isinstance(key, tuple) and key[0] == person)
        )

    def _next_event(self, job: Writing) -> GenerationEvent | Exception:
        """The job's next event. One cancelled in line leaves it and ends here, as all do when the engine died."""
        while True:
            with suppress(queue.Empty):
                return job.events.get(timeout=CANCEL_LOOK_SECONDS)
            if (reason := _over(job)) and self._leave(job):
                return job.done(reason)
            if not self._thread.is_alive() and job.events.empty():
                return EngineFailed("the engine stopped; ask again after the restart")

    def _submit(self, request: GenerationRequest, cancelled: threading.Event) -> Writing:
        grammar_of(request)
        prompt, public = self._prompt(request)
        if len(prompt) + request.max_tokens > self.context_tokens:
            raise self._too_long(f"prompt of {len(prompt)} tokens and answer of {request.max_tokens}")
        job = Writing(request, prompt, public, cancelled)
        with self._changed:
            if self._is_closing:
                raise EngineFailed("the engine is closed; ask again after the restart")
            self._scheduler.submit(job)
            self._tell_places()
            self._changed.notify_all()
        return job

    def _too_long(self, what: str) -> RequestTooLong:
        return RequestTooLong(
            f"{what} exceed the context of {self.context_tokens}; ask more briefly or raise models.context_tokens"
        )

    def _prompt(self, request: GenerationRequest) -> tuple[list[int], int]:
        """Prompt tokens and the length of their public head (the system message that opens it).

        Control tokens come from us alone: contents are tokenised as plain text, whatever they spell.
        """
        characters = sum(len(message.content) for message in request.messages)
        if characters > self.context_tokens * CHARACTERS_A_TOKEN_MAX:
            raise self._too_long(f"{characters} characters of prompt")
        tokens: list[int] = []
        public = 0
        for piece in self._format.pieces(request.messages):
            tokens += self._model.tokenize(piece.text, parse_special=piece.is_control)
            public = len(tokens) if piece.is_public else public
        return tokens, public

    def _leave(self, job: Writing) -> bool:
        """Take a job out of the line and move the others up; False when it is not in it (any more)."""
        with self._changed:
            is_left = self._scheduler.leave(job)
            self._tell_places()
            return is_left

    def _tell_places(self) -> None:
        """Tell those in line whose place is another now. Who gets a free slot at once is not told to wait."""
        for place, job in enumerate(self._scheduler.behind, 1):
            if job.place != place:
                job.place = place
                job.events.put(Waiting(place, self._scheduler.seconds_until(place)))

    def _work(self) -> None:
        act: Callable[[], None] = self._check  # what is found now is what later checks compare with
        while not self._is_closing:
            try:
                act()
            except Exception as error:  # noqa: BLE001 - the edge of the engine's thread: nothing must end it
                self._recover(error)
            act = self._step if self._is_called() else self._rest

    def _rest(self) -> None:
        self._measure_slots()
        self._check()

    def _check(self) -> None:
        """One step, so that who asks meanwhile waits for no more."""
        if not self._engine.check() and self._tell:
            self._tell("engine_check_failed", failed_checks=self._engine.failed_checks)

    def _is_called(self) -> bool:
        """Wait for somebody to serve, or for the end; False in a quiet moment."""
        with self._changed:
            seconds = QUIET_SECONDS if self._pays else CHECK_SECONDS
            return self._changed.wait_for(lambda: self._scheduler.is_busy or self._is_closing, seconds)

    def _measure_slots(self) -> None:
        """Have as many slots as pay on this machine; those there are, where no more fit its memory."""
        pays, self._pays = self._pays, None
        with suppress(EngineFailed):
            if pays and (slots := pays()) > self._scheduler.slots:
                self._engine.grow(slots)
                with self._changed:
                    self._scheduler.resize(slots)

    def _step(self) -> None:
        """Those who are over end, those next in line begin, all read, and who has read their prompt gets a token."""
        for job in list(self._scheduler.running):
            if reason := _over(job):
                self._end(job, reason)
        with self._changed:
            begun = list(self._scheduler.admit())
            self._tell_places()
        for job in begun:
            self._guarded(job, partial(self._begin, job))
        with self._changed:
            moved = list(self._scheduler.close_gaps())
        for job, left in moved:
            self._guarded(job, partial(self._engine.move, job, left))
        if shares := self._scheduler.plan():
            self._read(shares)

    def _begin(self, job: Writing) -> None:
        if job.request.max_tokens and job.prompt:
            self._engine.begin(job)
        else:
            self._end(job, "length")

    def _read(self, shares: Sequence[Share[Writing]]) -> None:
        """Read the shares together; where that fails each alone, so that only who cannot be served is dropped."""
        try:
            rows = self._engine.read(shares)
        except EngineFailed:
            if len(shares) == 1 or not self._read_alone(shares):
                raise
            return
        for share, row in zip(shares, rows, strict=True):
            self._guarded(share.job, partial(self._go_on, share, row))

    def _read_alone(self, shares: Sequence[Share[Writing]]) -> bool:
        """Read each share by itself; False where all failed, which is the context's fault."""
        read = [self._guarded(share.job, partial(self._read, [share])) for share in shares]
        return any(read)

    def _go_on(self, share: Share[Writing], row: int) -> None:
        self._engine.keep_head(share.job)
        reason = self._engine.write(share.job, row) if share.is_sampled else None
        if reason:
            self._end(share.job, reason)

    def _guarded(self, job: Writing, act: Callable[[], None]) -> bool:
        """Do something for one request; what goes wrong ends this one alone, and gives False."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - any request's fault, told to who asked
            self._engine.end(job, is_remembered=False)
            self._finish(job)
            job.fail(error)
            return False
        return True

    def _end(self, job: Writing, reason: str) -> None:
        self._engine.end(job, is_remembered=True)
        self._finish(job)
        job.end(reason)  # after its slot is free: who asks as soon as this is told does not wait

    def _finish(self, job: Writing) -> None:
        with self._changed:
            self._scheduler.finish(job, time.perf_counter() - job.begun if job.begun else None)

    def _recover(self, error: Exception) -> None:
        """A fault of the context: all whom it served are told, and the next step opens another for those in line."""
        failed = list(self._scheduler.running)
        self._engine.drop_context()
        for job in failed:
            job.close()
            self._finish(job)
            job.fail(error)

    def close(self) -> None:
        """Stop the thread after its current step and free everything. A second call does nothing."""
        with self._changed:
            if self._is_closing:
                return
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()
        for job in self._scheduler.clear():
            self._part(job)
        self._engine.close()
        self._model.close()

    def _part(self, job: Writing) -> None:
        """The last word to who is in line or running when the engine closes."""
        job.close()
        if job.slot < 0:
            job.fail(EngineFailed("the engine stopped; ask again after the restart"))
        else:
            job.end("cancelled")


def _over(job: Writing) -> str | None:
    """Why a request ends before its answer does."""
    if job.cancelled.is_set():
        return "cancelled"
    return "deadline" if job.is_overdue else None


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
    slots: int = 1,
    kept_mib: int = 512,
    kv_type: str = "f16",
    gpu_layers: int = -1,
    tell: Tell | None = None,
) -> LlamaGenerator:
    """Load the weights at `path` (already verified) and start the engine's thread.

    One thread a physical core when `threads` is left out. `chat_format` names a table of models/chat_format.py; one
    that does not fit the vocabulary raises EngineFailed. The context is never longer than the weights were made for:
    each of `slots` answers at once has one, as many as pay on this machine where `slots` is 0. `kept_mib` MiB remember
    conversations for their next turn. `gpu_layers` of the weights lie on a GPU, -1 for all: where llama.cpp was
    compiled for one and finds it. `tell` gets events with fields, for the log.
    """
    return LlamaGenerator(
        path,
        threads=threads or min(physical_cores(), THREADS_MAX),
        context_tokens=context_tokens,
        queue_max=queue_max,
        chat_format=FORMATS[chat_format],
        slots=slots,
        kept_mib=kept_mib,
        kv_type=kv_type,
        gpu_layers=gpu_layers,
        tell=tell,
    )
