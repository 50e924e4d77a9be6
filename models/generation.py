"""What an answer is written from and how it comes: the request, its events, and the Generator that gives them."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from models.chat_format import Message


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen: the likeliest at temperature 0, else drawn from `top_k` within `top_p` and `min_p`.

    `repeat_penalty` over 1 makes what was written lately less likely; `min_p` 0 and `top_k` 0 cut nothing off. The same
    seed draws the same answer while nobody else is served: beside others llama.cpp rounds otherwise (5 of 12 short
    answers came out differently); the likeliest token was the same in every test.
    """

    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What to write, and within which bounds. Text from the first stop string on is not given.

    With `logprobs` the end tells how probable each token was, which costs a pass over the vocabulary a token. At most
    one of `grammar` (GBNF, start symbol root) and `json_schema` (its JSON text) shapes the answer.

    `person` is whose turn in line it is, `conversation` whose earlier turns may be remembered: both opaque, and nothing
    is remembered where either is empty. `is_batch` gives way to people who wait. Past `seconds_max`, counted from the
    submission, the answer ends as it is.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    grammar: str = ""
    json_schema: str = ""
    person: str = ""
    conversation: str = ""
    is_batch: bool = False
    seconds_max: float | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The request is in line; `place` 1 is next, in about `seconds` where that can be told."""

    place: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The prompt is being read; `kept_tokens` of it need not be: the public head, or this conversation's turns."""

    prompt_tokens: int
    kept_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text, whole characters only."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The end: `reason` is "stop", "length", "deadline" or "cancelled". `first_token_ms` counts from the submission.

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
    """Whatever can write an answer: the engine in this process, or a server inside the house."""

    @property
    def model_name(self) -> str:
        """What the weights are called."""
        ...

    @property
    def context_tokens(self) -> int:
        """The longest prompt and answer together."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens a text costs in the prompt."""
        ...

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        """Events up to and including Done; EngineBusy, RequestTooLong and GrammarWrong are raised before the first."""
        ...


class Memory(Protocol):
    """What a generator remembers of conversations, each for its own next turn."""

    def remembers(self, person: str, conversation: str) -> bool:
        """Whether the next turn would be read from where it stands, and not from its beginning."""
        ...

    def forget(self, person: str, conversation: str = "") -> None:
        """Forget a conversation, or all that a person has."""
        ...


class Wrapped:
    """What a Generator around another one says as that one does."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    @property
    def model_name(self) -> str:
        """As the generator is called now."""
        return self._generator.model_name

    @property
    def context_tokens(self) -> int:
        """As the generator has it now."""
        return self._generator.context_tokens

    def count_tokens(self, text: str) -> int:
        """How many tokens a text costs in the prompt."""
        return self._generator.count_tokens(text)


class OnBehalf(Wrapped):
    """A Generator for one person: each request says whose it is, in which conversation, and if nobody waits for it."""

    def __init__(self, generator: Generator, person: str, conversation: str = "", *, is_batch: bool = False) -> None:
        super().__init__(generator)
        self._person, self._conversation, self._is_batch = person, conversation, is_batch

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        """As the generator gives them."""
        whose = replace(
            request, person=self._person, conversation=self._conversation, is_batch=self._is_batch or request.is_batch
        )
        return self._generator.generate(whose, cancelled)
