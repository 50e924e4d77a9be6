"""Mixed traffic for as long as wanted: failures, and memory after a tenth and at the end.

`python -m bench.soak [--minutes 60] [--model NAME] [--seed 1]`, with the small weights. Several people at once:
follow-ups, work that nobody waits for, answers held to a JSON schema, cancellations at random moments, deadlines,
requests that are too long, and more of them than the line takes. TERM ends it early and well. The exit status is 1
where anything failed.
"""

import argparse
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.asking import weights_of
from bench.measure import Bench, Row, options_of
from bench.memory import MIB, anonymous_bytes
from bench.traffic import Kind, Outcome, Person, outcome_of
from models.generator import LlamaGenerator, open_generator

SMALL = "qwen2.5-coder-0.5b-instruct"
MINUTES = 60.0
PEOPLE = 12
SLOTS, QUEUE_MAX, CONTEXT_TOKENS, KEPT_MIB = 4, 6, 1024, 32
"""Fewer places than people, so that some find the line full; memory for kept conversations is full within minutes."""
WATCH_SECONDS = 1.0
REST_SECONDS_MAX = 4.0
"""Between two requests of a person, also of one who was told to come back."""
STUCK_SECONDS = 120.0
"""After the end nobody asks again: a request that has not ended by then never does."""
TENTHS = 10


@dataclass
class Soak:
    """What came of everything so far; `memory` holds seconds since the beginning and MiB.

    Once it `is_over` nobody asks again and requests end by themselves; `closing` cancels them.
    """

    is_over: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)
    outcomes: list[Outcome] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    begun: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self.begun

    def watch(self) -> None:
        """Note what is held now."""
        self.memory.append((self.seconds, anonymous_bytes() / MIB))


def main() -> None:
    """Run the traffic; results come also where it was ended early."""
    options = _options()
    path, threads = weights_of(options.model)
    soak = Soak()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: soak.closing.set())
    bench = Bench("soak")
    engine = open_generator(
        path,
        threads=threads,
        context_tokens=CONTEXT_TOKENS,
        queue_max=QUEUE_MAX,
        slots=SLOTS,
        kept_mib=KEPT_MIB,
    )
    run(engine, soak, options.minutes * 60, options.seed)
    bench.finish(rows(soak), options.results, [f"{fault}: {count}" for fault, count in Counter(soak.faults).items()])
    sys.exit(1 if soak.faults else 0)


def run(engine: LlamaGenerator, soak: Soak, seconds: float, seed: int) -> None:
    """People ask until the time is over or TERM comes; then every request ends, and nothing may be left."""
    people = [
        threading.Thread(target=_ask, args=(engine, soak, Person(f"person {number}", random.Random(seed + number))))
        for number in range(PEOPLE)
    ]
    for person in people:
        person.daemon = True
        person.start()
    print(f"traffic of {PEOPLE} people for {seconds / 60:g} minutes; TERM ends it", flush=True)
    while soak.seconds < seconds and not soak.closing.wait(WATCH_SECONDS):
        soak.watch()
    soak.is_over.set()
    soak.watch()
    _end(engine, soak, people)


def _end(engine: LlamaGenerator, soak: Soak, people: Sequence[threading.Thread]) -> None:
    """Wait for everybody; what is stuck, left over or was opened anew is a fault."""
    end = time.perf_counter() + STUCK_SECONDS
    for person in people:
        person.join(max(0.0, end - time.perf_counter()))
    figures = engine.figures
    left = {
        "people whose request never ended": sum(person.is_alive() for person in people),
        "requests left in the engine": figures.waiting + figures.running,
        "contexts opened anew": figures.restarts,
    }
    soak.faults += [f"{count} {what}" for what, count in left.items() if count]
    if not any(left.values()):
        engine.close()


def _ask(engine: LlamaGenerator, soak: Soak, person: Person) -> None:
    """One person's requests, one after the other. A list takes what threads append."""
    while not soak.is_over.is_set():
        asked = person.next(engine.context_tokens)
        try:
            outcome = outcome_of(engine, asked, soak.closing)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            outcome = Outcome(asked.kind, f"raised {type(error).__name__}")
        person.hear(asked, outcome)
        soak.outcomes.append(outcome)
        if outcome.fault:
            soak.faults.append(f"{outcome.kind.value}: {outcome.fault}")
        soak.is_over.wait(person.chance.uniform(0, REST_SECONDS_MAX))


def rows(soak: Soak) -> Iterator[Row]:
    """Failures among the requests of each kind, and memory."""
    after = f"after {soak.memory[-1][0] / 60:.1f} minutes"
    served = Counter(outcome.kind for outcome in soak.outcomes if outcome.is_judged)
    failed = Counter(outcome.kind for outcome in soak.outcomes if outcome.fault)
    for kind in (kind for kind in Kind if served[kind]):
        yield Row(f"{after}: failures among requests, {kind.value}", "requests", failed[kind], served[kind], 1)
    total = len(soak.outcomes)
    busy = sum(outcome.is_busy for outcome in soak.outcomes)
    yield Row(f"{after}: all failures (bound 0), to all requests", "requests", len(soak.faults), max(1, total), 1)
    yield Row(f"{after}: told that the line is full, to all requests", "requests", busy, max(1, total), 1)
    tenth = soak.memory[len(soak.memory) // TENTHS][1]
    yield Row(f"{after}: memory at the end, to after a tenth", "MiB", soak.memory[-1][1], tenth, 1)


def _options() -> argparse.Namespace:
    parser = options_of("soak", __doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--model", default=SMALL, help="a name of the catalogue")
    parser.add_argument("--seed", type=int, default=1, help="of what is asked")
    return parser.parse_args()


if __name__ == "__main__":
    main()
