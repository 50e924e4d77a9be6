"""The steps of the engine on llama.cpp: begin a request, read and write for all at once, end it. One thread owns it."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from models.errors import EngineFailed
from models.generation import Started
from models.grammar import grammar_of
from models.kept import Kept, Read, shared_length
from models.llama import GenerationContext, Model, Part, Sampler
from models.probe import Probe
from models.scheduler import Share, State
from models.writing import Writing

HEADS_BYTES_MAX = 64 << 20
"""For public heads that were read: about 3 MB each with the default weights."""
KEY_OF_HEAD = "head"
"""Heads are remembered by their tokens, under a key that no conversation has."""


class Engine:
    """Slots of a context, what is remembered between requests, and one step of all of them.

    Between people only the public head is shared. A conversation's tokens are remembered for its own next turn, in
    memory outside the context, so that a slot is free as soon as its answer ends.
    """

    def __init__(
        self, model: Model, opened: Callable[[int], GenerationContext], slots: int, kept_bytes_max: int
    ) -> None:
        """`opened` gives a context of so many sequences; the first is opened at once, and EngineFailed passes."""
        self._model, self._opened, self._slots = model, opened, slots
        self._context: GenerationContext | None = opened(slots)
        self._heads, self.kept = Kept(HEADS_BYTES_MAX), Kept(kept_bytes_max)
        self._probe = Probe(model)
        self.restarts = self.steps = self.followed = self.failed_checks = 0
        self.step_seconds = 0.0

    @property
    def context(self) -> GenerationContext:
        """The open context, opened anew after a failure; raises EngineFailed where it does not open."""
        return self._context or self._opened_anew()

    def begin(self, job: Writing) -> None:
        """Put into the job's slot what need not be read again, at most all but the last token of its prompt."""
        job.sampler = Sampler(self._model, job.request.sampling, grammar_of(job.request))
        known = (self.kept.get(job.key) if job.key else None, self._heads.get(_head(job)))
        lengths = [shared_length(read.tokens, job.prompt[:-1]) if read else 0 for read in known]
        best = max(range(len(known)), key=lengths.__getitem__)
        if (read := known[best]) and lengths[best]:
            self.context.put(job.slot, read.state)
            self.context.forget_from(job.slot, lengths[best])
            job.held = lengths[best]
            self.followed += read is known[0] and job.held > job.public
        job.begun = time.perf_counter()
        job.events.put(Started(len(job.prompt), job.held))

    def move(self, job: Writing, left: int) -> None:
        """Have what the cache holds of a job where its slot is now, no longer in the one that it left."""
        if job.held:
            state = self.context.take(left)
            self.context.forget_from(left, 0)
            self.context.put(job.slot, state)

    def read(self, shares: Sequence[Share[Writing]]) -> list[int]:
        """One pass over the shares; gives the row of each one's logits. EngineFailed leaves the slots as they were."""
        started = time.perf_counter()
        parts = [Part(share.job.slot, share.tokens, share.position, share.is_sampled) for share in shares]
        try:
            rows = self.context.decode(parts)
        except EngineFailed:
            for share in shares:
                self.context.forget_from(share.job.slot, share.position)
            raise
        for share in shares:
            share.job.held += len(share.tokens)
        self.steps += 1
        self.step_seconds += time.perf_counter() - started
        return rows

    def keep_head(self, job: Writing) -> None:
        """Remember the public head where this job has just read it."""
        if job.held == job.public and not self._heads.get(_head(job)):
            self._heads.add(_head(job), Read(job.tokens, self.context.take(job.slot)))

    def write(self, job: Writing, row: int) -> str | None:
        """Draw the next token after `row`; gives the reason where it ends the answer."""
        assert job.sampler  # noqa: S101 - begun
        token = job.sampler.sample(self.context, row)
        job.state = State.DECODING
        job.first_token_ms = job.first_token_ms or (time.perf_counter() - job.submitted) * 1000
        if self._model.is_end(token):
            return "stop"
        job.written.append(token)
        if job.request.logprobs:
            job.logprobs.append(self.context.log_probability(token, row))
        if job.put(self._model.piece(token)):
            return "stop"
        return "length" if len(job.written) >= job.request.max_tokens else None

    def end(self, job: Writing, *, is_remembered: bool) -> None:
        """Empty the job's slot; its tokens are remembered for the conversation's next turn, where it has one."""
        job.close()
        if is_remembered and job.key and job.held > job.public:
            self.kept.add(job.key, Read(job.tokens, self.context.take(job.slot)))
        self.context.forget_from(job.slot, 0)

    def check(self) -> bool:
        """Whether the model writes what it wrote at the first check, while nobody is served.

        Else another context is opened, at once, so that who asks next does not wait for it.
        """
        with suppress(EngineFailed):
            if self._probe.is_as_before(self.context):
                return True
        self.failed_checks += 1
        self.drop_context()
        with suppress(EngineFailed):  # the next request tries again, and its person hears why
            self._opened_anew()
        return False

    def grow(self, slots: int) -> None:
        """Have more slots, while nobody is served: a larger context in the place of this one."""
        larger = self._opened(slots)
        self.context.close()
        self._context, self._slots = larger, slots

    def drop_context(self) -> None:
        """Close a context that failed; the next step opens another. What was remembered goes with it."""
        if self._context:
            self._context.close()
        self._context = None
        for kept in (self._heads, self.kept):
            kept.drop(lambda _: True)

    def close(self) -> None:
        """Free the context."""
        self.drop_context()

    def _opened_anew(self) -> GenerationContext:
        self._context = context = self._opened(self._slots)
        self.restarts += 1
        return context


def _head(job: Writing) -> tuple[str, tuple[int, ...]]:
    return KEY_OF_HEAD, tuple(job.prompt[: job.public])
