"""Who is served next, and with how many tokens: decisions only, no llama.cpp.

After mini-sglang's scheduler (https://github.com/sgl-project/mini-sglang): requests wait, have their prompt read in
chunks, write a token a step, and end. A request has a slot from admission to its end: a sequence of the context with
room for the longest request that is let in, so that nothing is cut off later.
"""

import heapq
import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from models.errors import EngineBusy
from models.generation import GenerationRequest

PEOPLE_MAX = 10_000
"""Whose last turn is known; for others it was long ago."""
RECENT = 0.2
"""The weight of the last answer in the running mean of how long one takes."""


class State(Enum):
    """Where a request stands."""

    WAITING = "waiting"
    PREFILLING = "prefilling"
    DECODING = "decoding"
    FINISHED = "finished"


@dataclass(eq=False, slots=True)
class Job:
    """A request in the engine: its tokens, and how many of them the KV cache holds.

    `public` tokens of the prompt are the head that people share. Of `written` tokens the last is not read yet.
    `place` is what was last told of its place in line.
    """

    request: GenerationRequest
    prompt: Sequence[int]
    public: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)
    state: State = State.WAITING
    slot: int = -1
    place: int = 0
    held: int = 0
    written: list[int] = field(default_factory=list)

    @property
    def is_read(self) -> bool:
        """Whether the whole prompt has been read."""
        return self.held >= len(self.prompt)


J = TypeVar("J", bound=Job)


@dataclass(frozen=True, slots=True)
class Chunks:
    """How many tokens of prompts a step reads: while nobody writes, and beside those who do."""

    alone: int
    beside: int


ON_PROCESSORS = Chunks(alone=128, beside=64)
"""About a second on two cores, within which cancelling stops, and half a second between two tokens of who writes."""
ON_GPU = Chunks(alone=448, beside=448)
"""With a token each of 64 people a whole batch of llama.cpp."""


@dataclass(frozen=True, slots=True)
class Share(Generic[J]):
    """A job's part of one step: tokens read at `position`; with `is_sampled` the next token is drawn after them."""

    job: J
    tokens: Sequence[int]
    position: int
    is_sampled: bool


class Scheduler(Generic[J]):
    """The line, the slots, and the plan of each step. Not thread-safe: its owner holds one lock around it.

    Fair between people: whose own requests before it are fewest goes first, then whose turn was longest ago, then who
    came first; and one person's requests fill half of the line at most. Work that nobody waits for comes last and
    leaves one slot to people, where there are several.
    """

    def __init__(self, *, slots: int, queue_max: int, chunks: Chunks = ON_PROCESSORS) -> None:
        self.slots, self._queue_max, self._chunks = slots, queue_max, chunks
        self._free = list(range(slots))
        self._waiting: list[J] = []
        self.running: list[J] = []
        self._turns: OrderedDict[str, int] = OrderedDict()
        self._admitted = 0
        self._seconds: float | None = None

    @property
    def waiting(self) -> Sequence[J]:
        """Those in line, first who is next."""
        before = Counter(job.request.person for job in self.running)
        ranks: dict[J, tuple[bool, int, int]] = {}
        for job in self._waiting:
            person = job.request.person
            ranks[job] = (job.request.is_batch, before[person], self._turns.get(person, 0))
            before[person] += 1
        return sorted(self._waiting, key=lambda job: ranks[job])

    @property
    def behind(self) -> Sequence[J]:
        """Those in line who find no free slot."""
        line = self.waiting
        free = len(self._free)
        return [job for place, job in enumerate(line) if place >= free or not self._fits(job)]

    @property
    def is_busy(self) -> bool:
        """Whether there is anybody to serve."""
        return bool(self._waiting or self.running)

    def resize(self, slots: int) -> None:
        """Have so many slots from now on; one beyond that is in use is not given again."""
        taken = {job.slot for job in self.running}
        self.slots = slots
        self._free = [slot for slot in range(slots) if slot not in taken]

    def submit(self, job: J) -> None:
        """Put a request in line; raises EngineBusy where it is full, or half full of one person's."""
        behind, person = self.behind, job.request.person
        if len(behind) >= self._queue_max:
            raise EngineBusy(f"{self._queue_max} requests are waiting already; ask again in a moment")
        own = sum(each.request.person == person for each in behind)
        if person and own >= max(1, self._queue_max // 2):
            raise EngineBusy(f"{own} requests of the same person are waiting already; wait for one of them")
        self._waiting.append(job)

    def leave(self, job: J) -> bool:
        """Take a request out of the line; False where it is not in it (any more)."""
        if job not in self._waiting:
            return False
        self._waiting.remove(job)
        job.state = State.FINISHED
        return True

    def admit(self) -> Iterator[J]:
        """Give free slots to those next in line, in order."""
        while self._waiting and self._fits(job := self.waiting[0]):
            self._waiting.remove(job)
            job.slot, job.state = heapq.heappop(self._free), State.PREFILLING
            self.running.append(job)
            self._note_turn(job.request.person)
            yield job

    def close_gaps(self) -> Iterator[tuple[J, int]]:
        """Have those in the highest slots move to free ones below, so that slots in use follow one another.

        Gives each with the slot that it leaves. Sequences that do are read together (`GenerationContext.decode`).
        """
        while self._free and self.running:
            last = max(self.running, key=lambda job: job.slot)
            if self._free[0] > last.slot:
                return
            left, last.slot = last.slot, heapq.heappushpop(self._free, last.slot)
            yield last, left

    def _note_turn(self, person: str) -> None:
        self._admitted += 1
        self._turns[person] = self._admitted
        self._turns.move_to_end(person)
        while len(self._turns) > PEOPLE_MAX:
            self._turns.popitem(last=False)

    def _fits(self, job: J) -> bool:
        kept_free = 1 if job.request.is_batch and self.slots > 1 else 0
        return len(self._free) > kept_free

    def plan(self) -> list[Share[J]]:
        """The next step: a token of everybody who writes, then as much of the oldest prompts as a chunk takes."""
        writing = [job for job in self.running if job.state is State.DECODING]
        shares = [Share(job, job.written[-1:], job.held, is_sampled=True) for job in writing]
        room = self._chunks.beside if writing else self._chunks.alone
        for job in self.running:
            if job.state is State.PREFILLING and room > 0:
                share = _chunk(job, room)
                room -= len(share.tokens)
                shares.append(share)
        return shares

    def finish(self, job: J, seconds: float | None = None) -> None:
        """Take a running request's slot back. `seconds` it was served count for what the next are told to expect."""
        self.running.remove(job)
        if job.slot < self.slots:
            heapq.heappush(self._free, job.slot)
        job.state = State.FINISHED
        if seconds is not None:
            self._seconds = seconds if self._seconds is None else self._seconds + RECENT * (seconds - self._seconds)

    def seconds_until(self, place: int) -> float | None:
        """About how long who stands at `place` waits, from how long answers took lately; None before the first."""
        return None if self._seconds is None else self._seconds * math.ceil(place / self.slots)

    def clear(self) -> list[J]:
        """Everybody out, as the engine ends: those who were in line or running."""
        gone = [*self._waiting, *self.running]
        self._waiting.clear()
        for job in list(self.running):
            self.finish(job)
        return gone


def _chunk(job: J, room: int) -> Share[J]:
    """Tokens of a prompt that are read next; none goes beyond the public head in the chunk that completes it."""
    end = min(job.held + room, len(job.prompt))
    if job.held < job.public < end:
        end = job.public
    return Share(job, job.prompt[job.held : end], job.held, is_sampled=end == len(job.prompt))
