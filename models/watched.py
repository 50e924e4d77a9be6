"""A generator whose requests are timed: how long each waited, read and wrote, told when it ends."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from models.errors import EngineBusy, EngineFailed, GrammarWrong, ModelError, RequestTooLong
from models.generation import Done, GenerationEvent, GenerationRequest, Generator, Started, Token, Wrapped


@dataclass(slots=True)
class Course:
    """How a request went, in seconds. `outcome` is the reason of its end, or busy, too_long, refused or failed."""

    outcome: str = "cancelled"
    waited: float | None = None
    first_token: float | None = None
    writing: float = 0.0
    prompt_tokens: int = 0
    kept_tokens: int = 0
    answer_tokens: int = 0
    _begun: float = field(default_factory=time.perf_counter)

    @property
    def token(self) -> float | None:
        """Seconds a token after the first; None where there are no two."""
        return self.writing / (self.answer_tokens - 1) if self.answer_tokens > 1 and self.first_token else None

    def take(self, event: GenerationEvent) -> None:
        """Note what an event says."""
        now = time.perf_counter() - self._begun
        if isinstance(event, Started):
            self.waited, self.kept_tokens = now, event.kept_tokens
        elif isinstance(event, Token):
            self.first_token = self.first_token or now
            self.writing = now - self.first_token
        elif isinstance(event, Done):
            self.outcome = event.reason
            self.prompt_tokens, self.answer_tokens = event.prompt_tokens, event.answer_tokens


_OUTCOMES: tuple[tuple[type[ModelError], str], ...] = (
    (EngineBusy, "busy"),
    (RequestTooLong, "too_long"),
    (GrammarWrong, "refused"),
    (EngineFailed, "failed"),
)


class Watched(Wrapped):
    """Hands requests to a generator, and tells `ended` how each went. Nothing of the text is looked at."""

    def __init__(self, generator: Generator, ended: Callable[[Course], None]) -> None:
        super().__init__(generator)
        self._ended = ended

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        """The generator's events."""
        course = Course()
        try:
            for event in self._generator.generate(request, cancelled):
                course.take(event)
                yield event
        except ModelError as error:
            course.outcome = next((name for kind, name in _OUTCOMES if isinstance(error, kind)), "failed")
            raise
        finally:
            self._ended(course)
