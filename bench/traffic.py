"""Mixed traffic for the engine: what people ask of it, each with what has to come of it."""

import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from models.chat_format import Message
from models.errors import EngineBusy, ModelError, RequestTooLong
from models.generation import Done, GenerationRequest, Generator, Sampling, Token

TURNS_MAX = 4
ANSWER_TOKENS_MAX = 24
SHAPED_TOKENS = 64
"""More than the longest JSON text of the schema takes."""
SOON_SECONDS = 3.0
"""Cancellations and deadlines come at random moments within: in line, while the prompt is read, while it is written."""
LATE_SECONDS = 10.0
"""Past a cancellation or a deadline an answer has ended: a step takes a tenth of a second, on a busy machine some."""
COLOURS = ("red", "green", "blue")
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"colour": {"enum": COLOURS}},
        "required": ["colour"],
        "additionalProperties": False,
    }
)
SYSTEM = Message("system", "You answer briefly.")
WORDS = ("door", "key", "lamp", "river", "paper", "winter", "holiday", "invoice", "train", "garden", "letter", "market")


class Kind(Enum):
    """What is asked."""

    PLAIN = "plain"
    FOLLOW_UP = "follow-up"
    BATCH = "batch"
    SHAPED = "shaped"
    CANCELLED = "cancelled"
    DEADLINE = "with a deadline"
    TOO_LONG = "too long"


SHARES = {
    Kind.PLAIN: 0.25,
    Kind.FOLLOW_UP: 0.25,
    Kind.BATCH: 0.10,
    Kind.SHAPED: 0.12,
    Kind.CANCELLED: 0.15,
    Kind.DEADLINE: 0.08,
    Kind.TOO_LONG: 0.05,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with what happens to it: cancelled after `cancel_seconds`, where it is to be."""

    kind: Kind
    request: GenerationRequest
    cancel_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `fault` is empty where it was right, and names no content.

    `is_busy` where there was no room, `is_cut` where the end of everything ended it.
    """

    kind: Kind
    fault: str = ""
    is_busy: bool = False
    is_cut: bool = False
    text: str = ""

    @property
    def is_judged(self) -> bool:
        """Whether it came to an end of its own."""
        return not (self.is_busy or self.is_cut)


@dataclass
class Person:
    """Somebody who asks: a conversation goes on for some turns, then another begins."""

    name: str
    chance: random.Random
    talks: int = 0
    talk: list[Message] = field(default_factory=lambda: [SYSTEM])

    def next(self, context_tokens: int) -> Asked:
        """What this person asks now."""
        kind = self.chance.choices(list(SHARES), list(SHARES.values()))[0]
        request = GenerationRequest(
            (SYSTEM, self._question()),
            self.chance.randint(1, ANSWER_TOKENS_MAX),
            Sampling(temperature=self.chance.choice((0.0, 0.8)), seed=self.chance.randint(1, 1000)),
            person=self.name,
        )
        long = context_tokens // 4
        match kind:
            case Kind.FOLLOW_UP:
                return Asked(kind, self._follow_up(request))
            case Kind.BATCH:
                return Asked(kind, replace(request, is_batch=True))
            case Kind.SHAPED:
                return Asked(kind, replace(request, json_schema=SCHEMA, max_tokens=SHAPED_TOKENS))
            case Kind.CANCELLED:
                return Asked(kind, replace(request, max_tokens=long), self.chance.uniform(0, SOON_SECONDS))
            case Kind.DEADLINE:
                bound = self.chance.uniform(0, SOON_SECONDS)
                return Asked(kind, replace(request, max_tokens=long, seconds_max=bound))
            case Kind.TOO_LONG:
                return Asked(kind, replace(request, messages=(Message("user", "word " * 2 * context_tokens),)))
        return Asked(kind, request)

    def hear(self, asked: Asked, outcome: Outcome) -> None:
        """Go on with a conversation after its answer; one without answer is not gone on with."""
        if asked.kind is Kind.FOLLOW_UP:
            answered = [*asked.request.messages, Message("assistant", outcome.text)]
            is_over = not outcome.text or len(answered) > 2 * TURNS_MAX
            self.talk = [SYSTEM] if is_over else answered
            self.talks += is_over

    def _follow_up(self, request: GenerationRequest) -> GenerationRequest:
        return replace(request, messages=(*self.talk, self._question()), conversation=f"talk {self.talks}")

    def _question(self) -> Message:
        words = self.chance.choices(WORDS, k=self.chance.randint(3, 60))
        return Message("user", f"Write about these words: {' '.join(words)}.")


def outcome_of(generator: Generator, asked: Asked, closing: threading.Event) -> Outcome:
    """Ask to the end, cancel where it is to be cancelled or everything closes, and judge."""
    cancelled, begun = threading.Event(), time.perf_counter()
    timer = threading.Timer(asked.cancel_seconds, cancelled.set) if asked.cancel_seconds is not None else None
    if timer:
        timer.start()
    text, done, error = "", None, None
    try:
        for event in generator.generate(asked.request, cancelled):
            if isinstance(event, Token):
                text += event.text
            elif isinstance(event, Done):
                done = event
            if closing.is_set():
                cancelled.set()
    except ModelError as raised:
        error = raised
    finally:
        if timer:
            timer.cancel()
    seconds = time.perf_counter() - begun
    if isinstance(error, EngineBusy):
        return Outcome(asked.kind, is_busy=True)
    if closing.is_set() and done and done.reason == "cancelled":
        return Outcome(asked.kind, is_cut=True)
    return Outcome(asked.kind, fault_of(asked, done, error, text, seconds), text=text)


def fault_of(asked: Asked, done: Done | None, error: ModelError | None, text: str, seconds: float) -> str:
    """What is wrong with how a request ended, without content; empty where nothing is."""
    if asked.kind is Kind.TOO_LONG or error or not done:
        is_right = asked.kind is Kind.TOO_LONG and isinstance(error, RequestTooLong)
        return "" if is_right else f"ended with {type(error).__name__ if error else 'no error'}"
    if done.reason not in _reasons(asked.kind):
        return f"ended as {done.reason}"
    if asked.kind is Kind.SHAPED and not _is_shaped(text):
        return "does not hold its shape"
    bound = asked.cancel_seconds if asked.cancel_seconds is not None else asked.request.seconds_max
    if bound is not None and seconds > bound + LATE_SECONDS:
        return f"ended {seconds - bound:.0f} s late"
    return ""


def _reasons(kind: Kind) -> Sequence[str]:
    """How a request of a kind may end."""
    ends = {Kind.SHAPED: ("stop",), Kind.CANCELLED: ("cancelled",), Kind.DEADLINE: ("deadline",)}
    return (*ends.get(kind, ()), *(("stop", "length") if kind is not Kind.SHAPED else ()))


def _is_shaped(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and list(found) == ["colour"] and found["colour"] in COLOURS
