"""Many requests at once: our engine, the native llama.cpp server, and llama_cpp's one-at-a-time class, same weights.

`python -m bench.engine [--model NAME] [--at-once 1,2,4,8,16] [--prompt-tokens 700] [--answer-tokens 128]`. As many
slots as requests, the same threads, batch and context, greedy, in turns; the class keeps its repacked weights, which it
cannot do without. Each request has a prompt of its own. Then what a conversation's next turn costs, what Python adds to
a step, and how long one person waits beside another's ten.
"""

import argparse
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import llama_cpp

from bench.generation import DOCUMENT, SYSTEM, bare_answer
from bench.measure import Bench, Row, options_of
from chat.settings import load_settings
from models.catalogue import Task
from models.chat_format import Message
from models.generation import Done, GenerationRequest, Generator, Started, Token
from models.generator import LlamaGenerator, open_generator
from models.served.address import ServerAddress
from models.served.generator import open_servers
from models.store import ModelStore

NATIVE = Path(sys.prefix) / "native" / "bin" / "python"
SERVER = Path(__file__).with_name("native.py")
AT_ONCE, PROMPT_TOKENS, ANSWER_TOKENS = "1,2,4,8,16", 700, 128
OTHER = DOCUMENT.with_name("benefits.md")
ENDLESS = "Count from {first} upwards in words, separated by commas, and never stop."
FOLLOW_UP = "And now count down from the last number, in words, separated by commas."
QUEUE_MAX = 64
TABS = 10
SHORT = 16


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


@dataclass
class Run(threading.Thread):
    """One request in a thread of its own: seconds of its tokens since `begun`, and steps of the engine at each."""

    generator: Generator
    request: GenerationRequest
    begun: float
    seconds: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    text: str = ""
    done: Done | None = None
    kept_tokens: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        """Ask, and note when each piece of text came."""
        engine = self.generator._engine if isinstance(self.generator, LlamaGenerator) else None
        for event in self.generator.generate(self.request, threading.Event()):
            if isinstance(event, Token):
                self.seconds.append(time.perf_counter() - self.begun)
                self.steps.append(engine.steps if engine else 0)
                self.text += event.text
            elif isinstance(event, Started):
                self.kept_tokens = event.kept_tokens
            elif isinstance(event, Done):
                self.done = event


def main() -> None:
    """Measure everything in one run."""
    options = _options()
    settings = load_settings(Path("state"))
    store = ModelStore(settings.models.folder, named=settings.models.named)
    entry = store.entry(options.model) if options.model else store.chosen(Task.GENERATE)
    wanted = Wanted(store.path(entry), settings.models.threads, options.prompt_tokens, options.answer_tokens)
    Bench("engine").finish(measured(wanted, [int(count) for count in options.at_once.split(",")]), options.results)


def measured(wanted: Wanted, at_once: Sequence[int]) -> Iterator[Row]:
    """Rows of each number at once, then of a follow-up, of a step, and of people beside each other."""
    for count in at_once:
        yield from together(wanted, count)
    with ours(wanted, 2) as engine:
        yield from follow_up(engine, wanted)
        yield beside_tabs(engine)


def together(wanted: Wanted, count: int) -> Iterator[Row]:
    """Tokens a second and first tokens of so many requests at once, against both baselines."""
    case = f"{wanted.path.stem}, {count} at once"
    with ours(wanted, count) as engine:
        requests = [request_of(wanted, engine, number) for number in range(count)]
        before = engine._engine.steps, engine._engine.step_seconds
        mine = at_once_on(engine, requests)
        spent = engine._engine.steps - before[0], engine._engine.step_seconds - before[1]
    with native(wanted, count) as server:
        theirs = at_once_on(server, requests)
    bare = one_by_one(wanted, requests)
    for name, other in (("native server", rate(theirs)), ("one at a time", bare)):
        yield Row(f"{case}: answers against {name}", "tokens/s", rate(mine), other, 1)
    for name, figure in (("median", statistics.median), ("worst", max)):
        firsts = [figure([run.seconds[0] for run in runs]) for runs in (mine, theirs)]
        yield Row(f"{case}: {name} first token against native server", "s", firsts[0], firsts[1], 1)
    pauses = [max(b - a for run in runs for a, b in pairwise(run.seconds)) for runs in (mine, theirs)]
    yield Row(f"{case}: longest pause against native server", "s", pauses[0], pauses[1], 1)
    steps = max(b - a for run in mine for a, b in pairwise(run.steps))
    yield Row(f"{case}: longest pause, steps of the engine against 4", "steps", steps, 4, 1)
    whole = max(run.seconds[-1] for run in mine)
    yield Row(f"{case}: outside llama.cpp against 5 % of {spent[0]} steps", "s", whole - spent[1], 0.05 * whole, 1)


def follow_up(engine: LlamaGenerator, wanted: Wanted) -> Iterator[Row]:
    """The first token of a next turn over what was read, and over new passages, with and without what is remembered."""
    first = replace(request_of(wanted, engine, 1), person="ada", conversation="talk")
    (answered,) = at_once_on(engine, [first])
    so_far = (*first.messages, Message("assistant", answered.text))
    for name, asked in (("same passages", FOLLOW_UP), ("new passages", f"{new_passages(wanted)}\n\n{FOLLOW_UP}")):
        turn = replace(first, messages=(*so_far, Message("user", asked)), max_tokens=SHORT)
        (reused,) = at_once_on(engine, [turn])
        (fresh,) = at_once_on(engine, [replace(turn, person=f"bert {name}")])
        (alone,) = at_once_on(engine, [replace(turn, person=f"carl {name}", messages=(Message("user", asked),))])
        yield Row(f"next turn, {name}: first token against without reuse", "s", reused.seconds[0], fresh.seconds[0], 1)
        yield Row(
            f"next turn, {name}: first token against reading it alone", "s", reused.seconds[0], alone.seconds[0], 1
        )


def beside_tabs(engine: LlamaGenerator) -> Row:
    """How long one person's answer takes beside another's ten, against alone."""

    def asked(person: str) -> GenerationRequest:
        return GenerationRequest((Message("user", ENDLESS.format(first=1)),), SHORT, person=person)

    (alone,) = at_once_on(engine, [asked("one")])
    tabs = [Run(engine, asked("ten"), time.perf_counter()) for _ in range(TABS)]
    for tab in tabs:
        tab.start()
    (one,) = at_once_on(engine, [asked("one")])
    for tab in tabs:
        tab.join()
    return Row(
        f"one person beside another's {TABS}: whole answer against alone", "s", one.seconds[-1], alone.seconds[-1], 1
    )


def at_once_on(generator: Generator, requests: Sequence[GenerationRequest]) -> list[Run]:
    """All of them at once, to their ends. Raises ValueError where one was cut short."""
    begun = time.perf_counter()
    runs = [Run(generator, request, begun) for request in requests]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    if not all(run.done and run.seconds for run in runs):
        raise ValueError("an answer did not come to its end")
    return runs


def rate(runs: Sequence[Run]) -> float:
    """Tokens of answers a second, from the submission of all to the last token of the last."""
    return sum(run.done.answer_tokens for run in runs if run.done) / max(run.seconds[-1] for run in runs)


def one_by_one(wanted: Wanted, requests: Sequence[GenerationRequest]) -> float:
    """The same of llama_cpp's own class, one request after the other."""
    bare = llama_cpp.Llama(
        str(wanted.path),
        n_ctx=wanted.context_tokens,
        n_threads=wanted.threads,
        n_threads_batch=wanted.threads,
        verbose=False,
    )
    try:
        begun = time.perf_counter()
        counts = [bare_answer(bare, request.messages, wanted.answer_tokens).answer_tokens for request in requests]
        return sum(counts) / (time.perf_counter() - begun)
    finally:
        bare.close()


@contextmanager
def ours(wanted: Wanted, slots: int) -> Iterator[LlamaGenerator]:
    """Our engine with so many slots, its public head read."""
    engine = open_generator(
        wanted.path, threads=wanted.threads, context_tokens=wanted.context_tokens, queue_max=QUEUE_MAX, slots=slots
    )
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def native(wanted: Wanted, slots: int) -> Iterator[Generator]:
    """The native server as its own process, through our client of such servers."""
    command = [NATIVE, "-I", SERVER, wanted.path, wanted.context_tokens, slots, wanted.threads]
    pipes = partial(subprocess.Popen[str], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with pipes([str(part) for part in command], stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout
            address = ServerAddress("http", "127.0.0.1", int(process.stdout.readline()))
            server = open_servers([address], context_tokens=wanted.context_tokens, queue_max=QUEUE_MAX)
            try:
                yield server
            finally:
                server.close()
        finally:
            process.kill()


def request_of(wanted: Wanted, engine: Generator, number: int) -> GenerationRequest:
    """A prompt of about as many tokens as wanted, no two alike after the system message; its answer goes on and on."""
    asked = ENDLESS.format(first=number + 1)
    text, size = f"Copy {number}. {DOCUMENT.read_text() * 4}", 0
    while engine.count_tokens(text[:size]) < wanted.prompt_tokens - SHORT * 4:
        size += 40
    messages = (Message("system", SYSTEM), Message("user", f"{text[:size]}\n\n{asked}"))
    return GenerationRequest(messages, wanted.answer_tokens, person=f"person {number}")


def new_passages(wanted: Wanted) -> str:
    """Text that no prompt above holds, of about half a prompt."""
    return OTHER.read_text()[: 2 * wanted.prompt_tokens]


def _options() -> argparse.Namespace:
    parser = options_of("engine", __doc__)
    parser.add_argument("--model", default="", help="a name of the catalogue; the one in use by default")
    parser.add_argument("--at-once", default=AT_ONCE, help="numbers of requests at once")
    parser.add_argument("--prompt-tokens", type=int, default=PROMPT_TOKENS)
    parser.add_argument("--answer-tokens", type=int, default=ANSWER_TOKENS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
