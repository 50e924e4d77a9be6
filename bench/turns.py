"""What a conversation's next turn costs, and how long one person waits beside another's ten requests."""

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bench.asking import Answer, Asking, Wanted, asked, request_of
from bench.generation import DOCUMENT
from bench.measure import Row
from models.chat_format import Message
from models.generation import GenerationRequest, Generator
from models.generator import LlamaGenerator

OTHER = DOCUMENT.with_name("benefits.md")
ENDLESS = "Count from {first} upwards in words, separated by commas, and never stop."
FOLLOW_UP = "Which of this is most important to a person who is new? Answer in full sentences."
CHARACTERS_A_TOKEN = 4
TABS = 10
SUBMIT_SECONDS = 0.2
"""After which ten threads have submitted: who asks then is the last to come."""
SHORT = 16
"""Tokens of answers whose first is what counts."""


def next_turns(engine: LlamaGenerator, wanted: Wanted, runs: int) -> Iterator[Row]:
    """First tokens of a next turn over what was read, and over new passages: remembered, read anew, its news alone."""
    asks = {"same passages": FOLLOW_UP, "new passages": f"{new_passages(wanted)}\n\n{FOLLOW_UP}"}
    for name, ask in asks.items():
        turns = [_next_turn(engine, wanted, run, ask, f"{name} {run}") for run in range(runs)]
        reused, fresh, alone = zip(*turns, strict=True)
        yield _row(f"next turn, {name}: first token, to the same without reuse", reused, fresh)
        yield _row(f"next turn, {name}: first token, to reading only what is new", reused, alone)


def _next_turn(
    engine: LlamaGenerator, wanted: Wanted, run: int, ask: str, conversation: str
) -> tuple[float, float, float]:
    """Seconds to the first token: as the next turn, by somebody else who never asked before, and of its news alone."""
    first = replace(request_of(wanted, engine, 1, run), conversation=conversation)
    answered = _asked(engine, first)
    messages = (*first.messages, Message("assistant", answered.text), Message("user", ask))
    turn = replace(first, messages=messages, max_tokens=SHORT)
    stranger = replace(turn, person="stranger")
    alone = replace(turn, person="", messages=(first.messages[0], messages[-1]))
    reused, fresh, read = (_asked(engine, request).first for request in (turn, stranger, alone))
    return reused, fresh, read


def beside_tabs(engine: Generator, server: Generator, runs: int) -> Iterator[Row]:
    """How long one person's answer takes beside another's ten, against alone, and against the native server."""
    alone, beside, theirs = [], [], []
    for run in range(runs):
        alone.append(_asked(engine, _from("one", 3 * run)).seconds[-1])
        beside.append(_beside(engine, 3 * run + 1))
        theirs.append(_beside(server, 3 * run + 2))
    case = f"one person beside another's {TABS}: whole answer"
    yield _row(f"{case}, to alone", beside, alone)
    yield _row(f"{case}, to the native server", beside, theirs)


def _beside(generator: Generator, number: int) -> float:
    """Seconds of one person's answer, asked right after another's ten."""
    begun = time.perf_counter()
    tabs = [Asking(generator, _from("ten", 100 * number + tab), begun) for tab in range(TABS)]
    for tab in tabs:
        tab.start()
    time.sleep(SUBMIT_SECONDS)
    seconds = _asked(generator, _from("one", number)).seconds[-1]
    for tab in tabs:
        tab.join()
    return seconds


def _from(person: str, number: int) -> GenerationRequest:
    return GenerationRequest((Message("user", ENDLESS.format(first=number + 1)),), SHORT, person=person)


def _asked(generator: Generator, request: GenerationRequest) -> Answer:
    return asked(generator, [request]).answers[0]


def _row(case: str, ours: Sequence[float], baseline: Sequence[float]) -> Row:
    return Row(case, "s", statistics.median(ours), statistics.median(baseline), len(ours))


def new_passages(wanted: Wanted) -> str:
    """Text that no prompt above holds, of about half a prompt."""
    return OTHER.read_text()[: wanted.prompt_tokens // 2 * CHARACTERS_A_TOKEN]
