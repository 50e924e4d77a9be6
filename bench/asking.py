"""Requests asked of a generator all at once: when each piece of an answer came, and what it says of all of them."""

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bench.generation import DOCUMENT, SYSTEM
from chat.settings import load_settings
from models.catalogue import Task
from models.chat_format import Message
from models.generation import Done, GenerationRequest, Generator, Token
from models.generator import LlamaGenerator
from models.store import ModelStore

COPY = "Copy the text above word for word, from its beginning to its end."
"""Goes on for as long as the text."""
ASKED_TOKENS = 64
"""Room in a prompt for the question and what stands around the messages."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is run."""

    path: Path
    threads: int
    prompt_tokens: int
    answer_tokens: int

    @property
    def context_tokens(self) -> int:
        """Room for a first turn and the next two."""
        return 2 * self.prompt_tokens + 4 * self.answer_tokens


@dataclass(frozen=True, slots=True)
class Answer:
    """Seconds from the submission of all to each piece of its text, steps of the engine by then, its tokens."""

    seconds: tuple[float, ...]
    steps: tuple[int, ...]
    tokens: int
    text: str = ""

    @property
    def first(self) -> float:
        """Seconds to its first token."""
        return self.seconds[0]

    @property
    def pause(self) -> float:
        """The longest time between two pieces."""
        return max((after - before for before, after in pairwise(self.seconds)), default=0.0)

    @property
    def pause_steps(self) -> int:
        """The most steps of the engine between two pieces."""
        return max((after - before for before, after in pairwise(self.steps)), default=0)


@dataclass(frozen=True, slots=True)
class Together:
    """The answers to all that were asked at once."""

    answers: tuple[Answer, ...]

    @property
    def rate(self) -> float:
        """Tokens of answers a second, from the submission of all to the last token of the last."""
        return sum(answer.tokens for answer in self.answers) / self.seconds

    @property
    def seconds(self) -> float:
        """Until the last token of the last."""
        return max(answer.seconds[-1] for answer in self.answers)

    @property
    def median_first(self) -> float:
        """Of the seconds to a first token."""
        return statistics.median(answer.first for answer in self.answers)

    @property
    def worst_first(self) -> float:
        """Of the seconds to a first token."""
        return max(answer.first for answer in self.answers)

    @property
    def pause(self) -> float:
        """The longest between two pieces of any answer."""
        return max(answer.pause for answer in self.answers)

    @property
    def pause_steps(self) -> int:
        """The most steps of the engine between two pieces of any answer."""
        return max(answer.pause_steps for answer in self.answers)


class Asking(threading.Thread):
    """One request in a thread of its own; `answer` is there once it has ended well."""

    def __init__(self, generator: Generator, request: GenerationRequest, begun: float) -> None:
        super().__init__(daemon=True)
        self._generator, self._request, self._begun = generator, request, begun
        self.answer: Answer | None = None

    def run(self) -> None:
        """Ask, and note when each piece of text came."""
        count = _steps_of(self._generator)
        seconds, steps, text = [], [], ""
        for event in self._generator.generate(self._request, threading.Event()):
            if isinstance(event, Token):
                seconds.append(time.perf_counter() - self._begun)
                steps.append(count())
                text += event.text
            elif isinstance(event, Done):
                self.answer = Answer(tuple(seconds), tuple(steps), event.answer_tokens, text)


def weights_of(name: str) -> tuple[Path, int]:
    """The file of a model, the one in use where `name` is empty, and the threads that the settings say."""
    settings = load_settings(Path("state")).models
    store = ModelStore(settings.folder, named=settings.named)
    return store.path(store.entry(name) if name else store.chosen(Task.GENERATE)), settings.threads


def asked(generator: Generator, requests: Sequence[GenerationRequest]) -> Together:
    """All of them at once, to their ends. Raises ValueError where one was cut short."""
    begun = time.perf_counter()
    asking = [Asking(generator, request, begun) for request in requests]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    answers = tuple(each.answer for each in asking if each.answer)
    if len(answers) < len(requests):
        raise ValueError("an answer did not come to its end")
    return Together(answers)


def request_of(wanted: Wanted, generator: Generator, number: int, run: int = 0) -> GenerationRequest:
    """A prompt of about as many tokens as wanted, no two alike after the system message; its answer goes on."""
    text = f"Copy {run}.{number}. {DOCUMENT.read_text() * 4}"
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = generator.count_tokens(text[:middle]) <= wanted.prompt_tokens - ASKED_TOKENS
        low, high = (middle, high) if fits else (low, middle - 1)
    messages = (Message("system", SYSTEM), Message("user", f"{text[:low]}\n\n{COPY}"))
    return GenerationRequest(messages, wanted.answer_tokens, person=f"person {number}")


def _steps_of(generator: Generator) -> Callable[[], int]:
    """What tells the steps of our own engine; 0 for a server."""
    return (lambda: generator.figures.steps) if isinstance(generator, LlamaGenerator) else int
