"""Whether the engine grows over many requests: memory and the time of a step, all along.

`python -m bench.growth [--requests 10000] [--model NAME] [--plot]`, with the small weights, tiny prompts and answers of
a few tokens, four at once: conversations that are remembered and evicted, strangers, and answers held to a JSON schema.
`--plot` writes docs/growth.svg. The slopes are of straight lines through all samples after the first tenth.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.asking import asked, weights_of
from bench.measure import Bench, Row, options_of
from bench.memory import MIB, anonymous_bytes
from bench.plot import Panel, plot
from bench.soak import SMALL
from bench.traffic import SCHEMA, SYSTEM
from models.chat_format import Message
from models.generation import GenerationRequest
from models.generator import LlamaGenerator, open_generator

REQUESTS = 10_000
AT_ONCE, CONTEXT_TOKENS, KEPT_MIB = 4, 256, 8
"""Memory for kept conversations is full within a hundred requests."""
ANSWER_TOKENS = 4
PEOPLE, TALKS = 20, 200
SAMPLES, TENTHS = 100, 10
PLOT = Path(__file__).parents[1] / "docs" / "growth.svg"
MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Sample:
    """After so many requests: MiB held, and the mean milliseconds of a step since the sample before."""

    requests: int
    memory: float
    step_ms: float


def main() -> None:
    """Serve them all, look at a hundred points."""
    options = _options()
    path, threads = weights_of(options.model)
    bench = Bench("growth")
    engine = open_generator(
        path,
        threads=threads,
        context_tokens=CONTEXT_TOKENS,
        slots=AT_ONCE,
        kept_mib=KEPT_MIB,
    )
    try:
        samples = list(sampled(engine, options.requests))
    finally:
        engine.close()
    bench.finish(rows(samples), options.results, list(slopes(samples)))
    if options.plot:
        PLOT.write_text(plot("The engine over its requests", panels(samples), is_linear=True))


def sampled(engine: LlamaGenerator, requests: int) -> Iterator[Sample]:
    """Serve so many requests, a few at once; a sample after each hundredth of them."""
    each = max(AT_ONCE, requests // SAMPLES)
    for first in range(0, requests, each):
        before = engine.figures
        last = min(first + each, requests)
        for number in range(first, last, AT_ONCE):
            asked(engine, [request_of(other) for other in range(number, min(number + AT_ONCE, last))])
        now = engine.figures
        seconds = (now.step_seconds - before.step_seconds) / (now.steps - before.steps)
        yield Sample(last, anonymous_bytes() / MIB, seconds * MILLISECONDS)


def request_of(number: int) -> GenerationRequest:
    """One of a person's conversations goes on, somebody without a name asks, or an answer has to be JSON."""
    kind, person, talk = number % 4, number % PEOPLE, number % TALKS
    request = GenerationRequest((SYSTEM, Message("user", f"Name {number % 100} words.")), ANSWER_TOKENS)
    if kind == 0:
        return request
    if kind == 1:
        return replace(request, json_schema=SCHEMA, person=f"person {person}")
    return replace(request, person=f"person {person}", conversation=f"talk {talk}")


def rows(samples: Sequence[Sample]) -> Iterator[Row]:
    """At the end against after a tenth, as sampled and on the line through all samples between."""
    kept = settled(samples)
    for name, unit, values in _figures(kept):
        case = f"{samples[-1].requests:,} requests: {name} at the end, to after a tenth"
        yield Row(case, unit, values[-1], values[0], 1)
        on_line = line_of(kept, values)
        yield Row(f"{case}, on the line through all", unit, on_line(kept[-1]), on_line(kept[0]), 1)


def slopes(samples: Sequence[Sample]) -> Iterator[str]:
    """What a thousand requests add, for the result."""
    kept = settled(samples)
    for name, unit, values in _figures(kept):
        on_line, first = line_of(kept, values), kept[0]
        gain = on_line(replace(first, requests=first.requests + 1000)) - on_line(first)
        yield f"{name}: {gain:+.4g} {unit} a thousand requests"


def panels(samples: Sequence[Sample]) -> list[Panel]:
    """Memory and the time of a step; the baseline is the line through the samples after the first tenth."""
    found = []
    for (name, unit, values), (_, _, after) in zip(_figures(samples), _figures(settled(samples)), strict=True):
        on_line = line_of(settled(samples), after)
        points = zip(samples, values, strict=True)
        found.append(Panel(name, unit, [(sample.requests, value, on_line(sample)) for sample, value in points]))
    return found


def settled(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Those after the first tenth."""
    return samples[len(samples) // TENTHS :]


def line_of(samples: Sequence[Sample], values: Sequence[float]) -> Callable[[Sample], float]:
    """The straight line through values, by least squares; flat through one."""
    if len(values) == 1:
        return lambda _: values[0]
    gain, start = statistics.linear_regression([sample.requests for sample in samples], values)
    return lambda sample: start + gain * sample.requests


def _figures(samples: Sequence[Sample]) -> tuple[tuple[str, str, list[float]], ...]:
    return (
        ("memory", "MiB", [sample.memory for sample in samples]),
        ("a step", "ms", [sample.step_ms for sample in samples]),
    )


def _options() -> argparse.Namespace:
    parser = options_of("growth", __doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--model", default=SMALL, help="a name of the catalogue")
    parser.add_argument("--plot", action="store_true", help="write docs/growth.svg")
    return parser.parse_args()


if __name__ == "__main__":
    main()
