"""What an answer is written from and how it comes: the request, its events, and the Generator that gives them."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from models.chat_format import Message


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What to write, and within which bounds. Text from the first stop string on is not given.

    With `logprobs` the end tells how probable each token was, which costs a pass over the vocabulary a token.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int = 1
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """The request is in the queue; `place` 1 is next."""

    place: int


@dataclass(frozen=True, slots=True)
class Started:
    """The prompt is being read; of it `kept_tokens` are in the cache: the public head, never more."""

    prompt_tokens: int
    kept_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text, whole characters only."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end: `reason` is "stop", "length" or "cancelled". `first_token_ms` counts from the submission.

    `logprobs` are the natural logarithms of the probabilities (temperature 1) of the tokens written, in order;
    none where they were not asked for.
    """

    reason: str
    prompt_tokens: int
    answer_tokens: int
    first_token_ms: float | None
    logprobs: tuple[float, ...] = ()


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
