"""A request being served: its job in the schedule, the text as it grows, and the events that its person sees."""

import codecs
import queue
import time
from dataclasses import dataclass, field

from models.errors import EngineFailed, ModelError
from models.generation import Done, GenerationEvent, Token
from models.llama import Sampler
from models.scheduler import Job
from models.stop_text import StopText


@dataclass(eq=False, slots=True)
class Writing(Job):
    """A job with its text. Times are of `time.perf_counter`."""

    sampler: Sampler | None = None
    events: "queue.SimpleQueue[GenerationEvent | Exception]" = field(default_factory=queue.SimpleQueue)
    submitted: float = field(default_factory=time.perf_counter)
    begun: float = 0.0
    first_token_ms: float | None = None
    logprobs: list[float] = field(default_factory=list)
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    _text: StopText = field(init=False)

    def __post_init__(self) -> None:
        self._text = StopText(self.request.stop)

    @property
    def key(self) -> tuple[str, str] | None:
        """Under which its tokens are remembered for the conversation's next turn; None where nothing may be."""
        person, conversation = self.request.person, self.request.conversation
        return (person, conversation) if person and conversation else None

    @property
    def is_overdue(self) -> bool:
        """Whether its time is up."""
        bound = self.request.seconds_max
        return bound is not None and time.perf_counter() - self.submitted > bound

    @property
    def tokens(self) -> tuple[int, ...]:
        """What the KV cache holds of it."""
        return (*self.prompt, *self.written)[: self.held]

    def put(self, piece: bytes) -> bool:
        """Give on what a token adds, whole characters only; True where a stop string ends the answer."""
        self._tell(self._text.feed(self._decoder.decode(piece)))
        return self._text.is_stopped

    def end(self, reason: str) -> None:
        """The last event; what was held back as the beginning of a stop string comes before it."""
        if reason in ("stop", "length", "deadline"):
            self._tell(self._text.rest())
        self.events.put(self.done(reason))

    def close(self) -> None:
        """Free what it samples with. A second call does nothing."""
        if self.sampler:
            self.sampler.close()

    def fail(self, error: Exception) -> None:
        """The last event, where it cannot go on."""
        self.events.put(error if isinstance(error, ModelError) else EngineFailed(_withheld(error)))

    def done(self, reason: str) -> Done:
        """What the end says."""
        return Done(reason, len(self.prompt), len(self.written), self.first_token_ms, tuple(self.logprobs))

    def _tell(self, text: str) -> None:
        if text:
            self.events.put(Token(text))


def _withheld(error: Exception) -> str:
    """An error of another kind without its message, which may quote content."""
    return f"the request was dropped ({type(error).__name__}); ask again, and tell IT when it comes back"
