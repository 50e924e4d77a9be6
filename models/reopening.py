"""A generator whose weights may be away: opened once they are there, without a restart of whoever asks it."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from models.errors import EngineAway, EngineFailed, ModelError
from models.figures import Figures
from models.generation import Done, GenerationEvent, GenerationRequest, Generator, Memory

REOPEN_SECONDS = 5.0
"""An opening that failed is not tried again sooner: who asks meanwhile hears it at once."""
REOPEN_SHARE = 10
"""Nor before ten times as long as it took: weights that stay corrupt are hashed for a tenth of the time at most."""
CANCEL_LOOK_SECONDS = 0.1
"""How often a request that waits for an opening looks at its cancel flag."""
CHARACTERS_A_TOKEN = 3
"""What is counted while no vocabulary is here. In the demo's Markdown it is 3.7 in French and 4.0 in English."""


class Engine(Generator, Memory, Protocol):
    """A generator that holds something."""

    @property
    def figures(self) -> Figures:
        """What it says of itself."""
        ...

    def close(self) -> None:
        """Free it."""
        ...


class ReopeningGenerator:
    """Hands requests to the engine that `open_engine` gives; raises EngineAway while it gives none.

    `tell` gets events with fields, for the log: no sentence goes there, `look` gives it.
    """

    def __init__(self, open_engine: Callable[[], Engine], tell: Callable[..., None]) -> None:
        self.model_name, self.context_tokens = "", 0
        self._open_engine, self._tell = open_engine, tell
        self._engine: Engine | None = None
        self._opening = threading.Lock()
        self._due = 0.0
        self._away = self._failed = ""
        self._is_closed = False

    @property
    def is_away(self) -> bool:
        """Whether there was no engine when it was last looked for."""
        return bool(self._away)

    def look(self) -> str:
        """Why no answer can be written, with what to do; empty where one can. An opening that is due is tried now.

        While another thread opens it, this is as it was before. An engine that failed at its last request says so.
        """
        if self._engine is None and self._opening.acquire(blocking=False):
            try:
                self._open_when_due()
            finally:
                self._opening.release()
        return self._away or self._failed

    @property
    def figures(self) -> Figures | None:
        """What the engine says of itself; None while there is none."""
        return self._engine.figures if self._engine and not self._is_closed else None

    def remembers(self, person: str, conversation: str) -> bool:
        """Whether the engine reads a conversation's next turn from where it stands."""
        return bool(self._engine and self._engine.remembers(person, conversation))

    def forget(self, person: str, conversation: str = "") -> None:
        """Have the engine forget a conversation, or all that a person has."""
        if self._engine:
            self._engine.forget(person, conversation)

    def count_tokens(self, text: str) -> int:
        """How many tokens a text costs in the prompt; about so many while there is no engine."""
        try:
            if self._engine is not None:
                return self._engine.count_tokens(text)
        except EngineFailed:
            pass  # it is being closed, or restarts
        return -(-len(text) // CHARACTERS_A_TOKEN)

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        """The engine's events; the first request after its weights came back waits until it is open."""
        engine = self._opened(cancelled)
        if engine is None:
            yield Done("cancelled", 0, 0, None)
            return
        self._name(engine)
        try:
            yield from engine.generate(request, cancelled)
        except EngineFailed as error:
            self._failed = str(error)
            self._tell("model_failed")
            raise
        self._failed = ""

    def close(self) -> None:
        """Free the engine, and open no other."""
        with self._opening:
            self._is_closed = True
            if self._engine is not None:
                self._engine.close()

    def _opened(self, cancelled: threading.Event) -> Engine | None:
        """The engine; None where the request was cancelled while it waited. Raises EngineAway."""
        if self._engine is not None:
            return self._engine
        while not self._opening.acquire(timeout=CANCEL_LOOK_SECONDS):
            if cancelled.is_set():
                return None
        try:
            self._open_when_due()
        finally:
            self._opening.release()
        if self._engine is None:
            raise EngineAway(self._away or "the house is being closed; ask again after its restart")
        return self._engine

    def _open_when_due(self) -> None:
        """Try to open it, unless a try failed just now."""
        if self._engine is not None or self._is_closed or time.monotonic() < self._due:
            return
        begun = time.monotonic()
        try:
            engine = self._open_engine()
        except (ModelError, OSError) as error:
            ended = time.monotonic()
            self._due = ended + max(REOPEN_SECONDS, REOPEN_SHARE * (ended - begun))
            self._away = _sentence(error)
            self._tell("model_away", error=type(error).__name__)
            return
        self._name(engine)
        if self._away:
            self._tell("model_back", model=engine.model_name)
        self._engine, self._away = engine, ""

    def _name(self, engine: Engine) -> None:
        """Be called as the engine is; that of servers elsewhere may change while it is open."""
        self.model_name, self.context_tokens = engine.model_name, engine.context_tokens


def _sentence(error: ModelError | OSError) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'the weights'}: {error.strerror or type(error).__name__}; make them readable"
    return str(error)
