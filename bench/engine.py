"""Many requests at once: our engine, the native llama.cpp server, and llama_cpp's one-at-a-time class, same weights.

`python -m bench.engine [--model NAME] [--at-once 1,2,4,8,16] [--prompt-tokens 700] [--answer-tokens 128] [--slots N]
[--runs 3] [--note TEXT]`. As many slots as requests unless said otherwise, the same threads, batch and context, greedy,
in turns; on the GPU where llama.cpp was compiled for one. Each request has a prompt of its own. Then what a
conversation's next turn costs, and how long one person waits beside another's ten. What could not be made equal stands
in the result.
"""

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from bench.asking import Together, Wanted, asked, request_of, weights_of
from bench.measure import Bench, Row, options_of
from bench.rivals import differences, native, one_at_a_time, one_by_one, ours
from bench.steps import Writing, clocked, writing
from bench.turns import beside_tabs, next_turns
from models.generation import Generator

AT_ONCE, PROMPT_TOKENS, ANSWER_TOKENS, RUNS = "1,2,4,8,16", 700, 128, 3
STEPS_MAX, OUTSIDE_MAX = 4, 0.05
"""Bounds: steps between two tokens of an answer, and the share of a step outside llama_decode."""
FEW = 2
"""Slots for the next turns, and for people beside each other."""
MEASURES = (
    ("answers, to native server", "tokens/s", "ours.rate", "native.rate"),
    ("answers, to one at a time", "tokens/s", "ours.rate", "bare.rate"),
    ("median first token, to native server", "s", "ours.median_first", "native.median_first"),
    ("median first token, to one at a time", "s", "ours.median_first", "bare.median_first"),
    ("worst first token, to native server", "s", "ours.worst_first", "native.worst_first"),
    ("worst first token, to one at a time", "s", "ours.worst_first", "bare.worst_first"),
    ("longest pause, to native server", "s", "ours.pause", "native.pause"),
    (f"longest pause, to {STEPS_MAX} steps", "steps", "ours.pause_steps", "pause_steps_max"),
    (f"longest pause, to {STEPS_MAX} steps in which nobody reads", "s", "ours.pause", "pause_max"),
    (f"of a step outside llama_decode, to {OUTSIDE_MAX:.0%} of it", "ms", "writing.outside_ms", "outside_ms_max"),
)
"""Case, unit, ours and the baseline, both as named in a `Turn`."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of all three, of our engine its steps that write, and its bounds then."""

    ours: Together
    native: Together
    bare: Together
    writing: Writing
    pause_steps_max: int = STEPS_MAX

    @property
    def pause_max(self) -> float:
        """Seconds of as many steps that write."""
        return STEPS_MAX * self.writing.median

    @property
    def outside_ms_max(self) -> float:
        """Milliseconds of a step that writes."""
        return OUTSIDE_MAX * self.writing.mean_ms


def main() -> None:
    """Measure everything in one run."""
    options = _options()
    wanted = Wanted(*weights_of(options.model), options.prompt_tokens, options.answer_tokens)
    notes: list[str] = options.note
    rows = measured(wanted, [int(count) for count in options.at_once.split(",")], options.slots, options.runs, notes)
    Bench("engine").finish(rows, options.results, notes)


def measured(wanted: Wanted, at_once: Sequence[int], slots: int, runs: int, notes: list[str]) -> Iterator[Row]:
    """Rows of each number at once, then of the next turns, and of people beside each other."""
    for count in at_once:
        turns = turns_of(wanted, count, slots or count, runs, notes)
        yield from rows(f"{wanted.path.stem}, {count} at once{f' on {slots} slots' if slots else ''}", turns)
        notes.extend(uneven(f"{count} at once", turns, wanted.answer_tokens))
    with ours(wanted, FEW) as engine, native(wanted, FEW) as server:
        yield from next_turns(engine, wanted, runs)
        yield from beside_tabs(engine, server.generator, runs)


def turns_of(wanted: Wanted, count: int, slots: int, runs: int, notes: list[str]) -> list[Turn]:
    """So many requests at once of each of the three, in turns. All hold the weights throughout."""
    with ours(wanted, slots) as engine, native(wanted, slots) as server, one_at_a_time(wanted) as bare:
        notes.extend(note for note in differences(server.features) if note not in notes)
        _warm(wanted, engine, server.generator)
        found = []
        for run in range(runs):
            requests = [request_of(wanted, engine, number, run) for number in range(count)]
            with clocked() as steps:
                mine = asked(engine, requests)
            theirs = asked(server.generator, requests)
            found.append(Turn(mine, theirs, one_by_one(bare, requests), writing(steps, count)))
        return found


def rows(case: str, turns: Sequence[Turn]) -> Iterator[Row]:
    """Medians over the turns."""
    for name, unit, *values in MEASURES:
        mine, other = (statistics.median(map(attrgetter(value), turns)) for value in values)
        yield Row(f"{case}: {name}", unit, mine, other, len(turns))


def uneven(case: str, turns: Sequence[Turn], answer_tokens: int) -> Iterator[str]:
    """A note where answers ended before their tokens were all written: rates hold, but the work was not the same."""
    for name in ("ours", "native", "bare"):
        answers = [answer for turn in turns for answer in getattr(turn, name).answers]
        if short := sum(answer.tokens < answer_tokens for answer in answers):
            yield f"{case}: {short} of {len(answers)} answers of {name} ended before {answer_tokens} tokens"


def _warm(wanted: Wanted, *generators: Generator) -> None:
    """The first request of each reads weights from disk, and the head that all share."""
    for generator in generators:
        asked(generator, [replace(request_of(wanted, generator, 0, -1), max_tokens=FEW)])


def _options() -> argparse.Namespace:
    parser = options_of("engine", __doc__, RUNS)
    parser.add_argument("--model", default="", help="a name of the catalogue; the one in use by default")
    parser.add_argument("--at-once", default=AT_ONCE, help="numbers of requests at once")
    parser.add_argument("--prompt-tokens", type=int, default=PROMPT_TOKENS)
    parser.add_argument("--answer-tokens", type=int, default=ANSWER_TOKENS)
    parser.add_argument("--note", action="append", default=[], help="what else the result has to say, such as the GPU")
    parser.add_argument("--slots", type=int, default=0, help="of ours and of the native server; as many as requests")
    return parser.parse_args()


if __name__ == "__main__":
    main()
