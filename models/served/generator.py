"""A Generator whose answers come from servers inside the house: a line, a server, its events, and another at failure.

Before the first token a request whose server fails goes to another; after it, nothing is asked twice: half an answer of
one server and half of another is no answer.
"""

import queue
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from models.errors import EngineBusy, EngineFailed, GrammarWrong, RequestTooLong
from models.figures import Figures
from models.generation import Done, GenerationEvent, GenerationRequest, Started, Token
from models.grammar import grammar_of
from models.served.address import ServerAddress
from models.served.answer import Piece, pieces
from models.served.dialect import Facts, Prompt, count, prepare
from models.served.event_stream import events
from models.served.line import CLOSED, Line, Place, unanswered
from models.served.patience import LOOK_SECONDS, Patience
from models.served.prompt import check_roles
from models.served.server import Server
from models.served.trouble import Busy, Cancelled, DeadlineReached, Ended, Refused, TooLong, Trouble
from models.stop_text import StopText

HEALTH_SECONDS = 10.0
"""Between two looks at each server. One that fails a request is marked down at once."""
RELOOK_SECONDS = 1.0
"""When no server answers, who asks has them looked at again, no sooner than this after the last look."""
LINE_SECONDS_MAX = 1800.0
FIRST_TOKEN_SECONDS_MAX = 300.0
"""For reading a prompt: 2 cores read 4,000 tokens in a minute, and another 4 may stand before it in the server."""
PAUSE_SECONDS_MAX = 60.0
"""Between two pieces of an answer; what keeps a connection open does not count."""
CHARACTERS_A_TOKEN_MAX = 128
"""A prompt of more characters for each token of the context is not even counted: no token known is longer."""
_ENDS = frozenset({"stop", "length"})
_Found = TypeVar("_Found")


@dataclass(slots=True)
class _Writing:
    """A request while it is answered."""

    request: GenerationRequest
    patience: Patience
    prompt: Prompt
    text: StopText
    submitted: float = field(default_factory=time.perf_counter)
    written: int = 0
    logprobs: list[float] = field(default_factory=list)
    first_token_ms: float | None = None

    def take(self, piece: Piece) -> str:
        """Count a piece; gives what of its text may be shown."""
        if piece.text or piece.logprobs or piece.reason:
            self.first_token_ms = self.first_token_ms or (time.perf_counter() - self.submitted) * 1000
            self.patience.begin("the next part of its answer", PAUSE_SECONDS_MAX)
        if piece.text:
            self.logprobs += piece.logprobs if self.request.logprobs else ()
            self._count(piece.written if piece.written is not None else self.written + 1)
        elif piece.written is not None:
            self._count(piece.written - (piece.reason == "stop"))  # the token that ends is none of the answer's
        return self.text.feed(piece.text)

    def _count(self, written: int) -> None:
        told = len(self.logprobs) if self.request.logprobs else max(self.written, written)
        self.written = min(told, self.request.max_tokens)

    def end(self, reason: str) -> Done:
        return Done(reason, self.prompt.tokens, self.written, self.first_token_ms, tuple(self.logprobs))


class ServedGenerator:
    """The servers named in the settings, as one generator. `model_name` is theirs, without folder and file type."""

    def __init__(self, servers: Sequence[Server], *, context_tokens: int, queue_max: int, slots: int) -> None:
        """`context_tokens` and `slots` are taken for a server that does not say; nothing is asked before `start`."""
        self._servers = tuple(servers)
        self._context_tokens = self.context_tokens = context_tokens
        self._model = self.model_name = ""
        self._line = Line(self._servers, queue_max, slots)
        self._looking = threading.Lock()
        self._looked = time.monotonic() - RELOOK_SECONDS
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="servers", daemon=True)

    def start(self) -> None:
        """Look at every server, and again at each interval. Raises EngineFailed where none answers."""
        self._look()
        if not self._well():
            raise unanswered(self._servers)
        self._thread.start()

    @property
    def servers(self) -> Sequence[Server]:
        """As they were found at the last look."""
        return self._servers

    def remembers(self, person: str, conversation: str) -> bool:
        """No: what a server keeps of a conversation it may have given away, and llama-server keeps nothing for one."""
        return False

    def forget(self, person: str, conversation: str = "") -> None:
        """There is nothing to forget."""

    @property
    def figures(self) -> Figures:
        """What the line says of itself; what happens in the servers, theirs do."""
        return self._line.figures

    def count_tokens(self, text: str) -> int:
        """How many tokens a text costs in the prompt, counted by a server; too many, never too few, where it cannot."""
        patience = Patience(self._closing)
        try:
            return self._asked(lambda server, facts: count(server.wire, facts, text, patience))
        except Cancelled:
            raise EngineFailed(CLOSED) from None

    def generate(self, request: GenerationRequest, cancelled: threading.Event) -> Iterator[GenerationEvent]:
        """Count, wait in line, and give the events of a server's answer; closing the iterator early cancels it."""
        check_roles(request.messages)
        grammar_of(request)  # one that is malformed, or would end a server, goes to none
        patience = Patience(cancelled, request.seconds_max)
        place = Place(request, (), cancelled=cancelled)
        writing = _Writing(request, patience, Prompt("", {}, 0), StopText(request.stop))
        served: float | None = None
        try:
            writing.prompt, facts = self._prepared(request, patience)
            self._line.enter(place)
            server = yield from _waited(place, patience)
            served = time.perf_counter()
            yield Started(writing.prompt.tokens)
            if request.max_tokens:
                yield from self._answered(writing, place, server, facts)
            else:
                yield writing.end("length")
        except Cancelled:
            yield writing.end("cancelled")
        except DeadlineReached:
            yield writing.end("deadline")
        finally:
            cancelled.set()
            self._line.leave(place, None if served is None else time.perf_counter() - served)

    def close(self) -> None:
        """End every request and stop looking. A second call does nothing."""
        self._closing.set()
        self._line.close()
        if self._thread.is_alive():
            self._thread.join()
        for server in self._servers:
            server.wire.close()

    def _prepared(self, request: GenerationRequest, patience: Patience) -> tuple[Prompt, Facts]:
        """The request as a server takes it, and what kind of server takes it so. Raises RequestTooLong."""
        characters = sum(len(message.content) for message in request.messages)
        if characters > self.context_tokens * CHARACTERS_A_TOKEN_MAX:
            raise _too_long(f"{characters} characters of prompt", self.context_tokens)
        prompt, facts = self._asked(lambda server, facts: (prepare(server.wire, facts, request, patience), facts))
        context = self._context(facts)
        if prompt.tokens + request.max_tokens > context:
            raise _too_long(f"prompt of {prompt.tokens} tokens and answer of {request.max_tokens}", context)
        return prompt, facts

    def _context(self, facts: Facts) -> int:
        return facts.context_tokens or self._context_tokens

    def _asked(self, ask: Callable[[Server, Facts], _Found]) -> _Found:
        """What the first server says that says anything, the least busy first."""
        if self._closing.is_set():
            raise EngineFailed(CLOSED)
        troubles: list[Trouble] = []
        for server in self._well() or self._looked_again():
            if server.facts is None:
                continue
            try:
                return ask(server, server.facts)
            except Trouble as error:
                self._note(server, error)
                troubles.append(error)
        raise self._failure(troubles)

    def _answered(self, writing: _Writing, place: Place, server: Server, facts: Facts) -> Iterator[GenerationEvent]:
        """The events of the first server that begins to answer."""
        tried: dict[Server, Trouble] = {}
        while True:
            try:
                if server.facts not in (None, facts):
                    writing.prompt, facts = (
                        prepare(server.wire, server.facts, writing.request, writing.patience),
                        server.facts,
                    )
                yield from self._streamed(writing, server)
                return  # noqa: TRY300 - an else would hide that this is the way out
            except Trouble as error:
                if isinstance(error, Refused) and (writing.request.grammar or writing.request.json_schema):
                    raise GrammarWrong(f"server {server.address.shown}: {error}; correct the grammar") from None
                tried[server] = error
                self._note(server, error)
                if writing.written:
                    raise EngineFailed(
                        f"server {server.address.shown} failed in the middle of the answer: {error}; ask again"
                    ) from None
            left = [other for other in self._well() if other not in tried]
            if not left:
                raise self._failure(list(tried.values()))
            server = left[0]
            self._line.move(place, server)

    def _streamed(self, writing: _Writing, server: Server) -> Iterator[GenerationEvent]:
        """One server's answer, to its end."""
        writing.patience.begin("its first token", FIRST_TOKEN_SECONDS_MAX)
        reason = None
        with server.wire.parts(writing.prompt.path, writing.patience, writing.prompt.body) as parts:
            for piece in pieces(events(parts), writing.request.max_tokens):
                writing.patience.look()
                reason = piece.reason or reason
                if text := writing.take(piece):
                    yield Token(text)
                if writing.text.is_stopped:
                    yield writing.end("stop")
                    return
        if reason not in _ENDS:
            raise Trouble("it ended without saying that the answer is whole; look at its log")
        if rest := writing.text.rest():
            yield Token(rest)
        yield writing.end(reason)

    def _note(self, server: Server, error: Trouble) -> None:
        """Ask a server in trouble nothing more until a look finds it well. Raises what asking another cannot mend."""
        if isinstance(error, TooLong):
            raise RequestTooLong(
                "the server counts more tokens than its context holds; ask more briefly, or give it a longer context"
            ) from None
        if isinstance(error, Refused):
            raise EngineFailed(f"server {server.address.shown}: {error}") from None
        if not isinstance(error, Busy):
            server.mark_down(str(error))
            self._line.refresh()

    def _failure(self, troubles: Sequence[Trouble]) -> EngineBusy | EngineFailed:
        if self._closing.is_set():
            return EngineFailed(CLOSED)
        if any(isinstance(error, Busy) for error in troubles):
            return EngineBusy("no server of models.servers has room now; ask again in a moment")
        return unanswered(self._servers)

    def _well(self) -> list[Server]:
        """The servers that answer, the least busy first."""
        return sorted((server for server in self._servers if server.facts), key=self._line.share)

    def _looked_again(self) -> list[Server]:
        """Those that answer after a look: who asks does not wait for the interval when none did."""
        self._look()
        return self._well()

    def _look(self) -> None:
        with self._looking:
            if self._closing.is_set() or time.monotonic() - self._looked < RELOOK_SECONDS:
                return
            with suppress(Ended), ThreadPoolExecutor(len(self._servers)) as pool:
                list(pool.map(lambda server: server.look(self._closing), self._servers))
            self._agree()
            self._looked = time.monotonic()
        self._line.refresh()

    def _agree(self) -> None:
        """All serve the model that the first served, and the shortest context of all holds for all."""
        for server in self._servers:
            if server.facts:
                self._model = self._model or server.facts.model
                if server.facts.model != self._model:
                    server.mark_down("it serves another model than the others; name one in models.server_model")
        self.model_name = self._model.rsplit("/", 1)[-1].removesuffix(".gguf")
        found = [self._context(server.facts) for server in self._servers if server.facts]
        self.context_tokens = min(found, default=self.context_tokens)

    def _keep_looking(self) -> None:
        while not self._closing.wait(HEALTH_SECONDS):
            self._look()


def _too_long(what: str, context: int) -> RequestTooLong:
    return RequestTooLong(f"{what} exceed the context of {context}; ask more briefly or give the server a longer one")


def _waited(place: Place, patience: Patience) -> Generator[GenerationEvent, None, Server]:
    """Places in line as they change, until there is a server. Raises EngineBusy after a bound."""
    patience.begin("the line", LINE_SECONDS_MAX)
    while True:
        try:
            event = place.events.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            try:
                patience.look()
            except Trouble:
                raise EngineBusy("the line did not move; ask again in a moment") from None
            continue
        if isinstance(event, Server):
            return event
        if isinstance(event, Exception):
            raise event
        yield event


def open_servers(
    addresses: Sequence[ServerAddress],
    *,
    model: str = "",
    key: str = "",
    tls: ssl.SSLContext | None = None,
    context_tokens: int = 4096,
    queue_max: int = 16,
    slots: int = 16,
) -> ServedGenerator:
    """Look at the servers and keep looking. The caller has checked that each address may be reached.

    Raises EngineFailed where none answers, or none serves `model` (empty: the first that the first server lists).
    """
    servers = [Server(address, key, tls, model) for address in addresses]
    generator = ServedGenerator(servers, context_tokens=context_tokens, queue_max=queue_max, slots=slots)
    try:
        generator.start()
    except EngineFailed:
        generator.close()
        raise
    return generator
