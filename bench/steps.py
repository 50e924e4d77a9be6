"""The steps of our engine by the clock: how long llama.cpp took for each, and what lies between two of them."""

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import llama_cpp


@dataclass(frozen=True, slots=True)
class Step:
    """One llama_decode: its moments of `time.perf_counter`, and the tokens it read."""

    begun: float
    ended: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Writing:
    """Steps in which answers are written and no prompt is read: seconds of each, and of them outside llama_decode."""

    whole: tuple[float, ...]
    outside: tuple[float, ...]

    @property
    def mean_ms(self) -> float:
        """Of a step, with what lies before it."""
        return 1000 * statistics.mean(self.whole)

    @property
    def outside_ms(self) -> float:
        """Of that outside llama_decode: sampling, text, events, and the threads of those who read them."""
        return 1000 * statistics.mean(self.outside)

    @property
    def median(self) -> float:
        """Seconds of a step."""
        return statistics.median(self.whole)


@contextmanager
def clocked() -> Iterator[list[Step]]:
    """Note every llama_decode of our engine in this process (not those of llama_cpp's own class) while it is open."""
    decode, steps = llama_cpp.llama_decode, list[Step]()

    def noted(context: object, batch: llama_cpp.llama_batch) -> int:
        begun = time.perf_counter()
        code = int(decode(context, batch))
        llama_cpp.llama_synchronize(context)
        steps.append(Step(begun, time.perf_counter(), batch.n_tokens))
        return code

    llama_cpp.llama_decode = noted
    try:
        yield steps
    finally:
        llama_cpp.llama_decode = decode


def writing(steps: Sequence[Step], at_once: int) -> Writing:
    """Of the steps of one load, those that read a token for each of some answers, after another such step."""
    pairs = [(before, step) for before, step in pairwise(steps) if max(before.tokens, step.tokens) <= at_once]
    return Writing(
        tuple(step.ended - before.ended for before, step in pairs),
        tuple(step.begun - before.ended for before, step in pairs),
    )
