"""Time to the first token and tokens a second of our engine, against llama_cpp's own `Llama` class.

`python -m bench.generation [--model NAME] [--runs 3]`. Same weights, threads, context and prompt (three passages and a
question), greedy, in turns. Ours runs behind its queue, reads in chunks it can cancel between, and gives whole
characters. `Llama` is as the package makes it: weights repacked, prompt read at once.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import llama_cpp

from bench.material import DEMO
from bench.measure import Bench, Row, interleaved, options_of
from chat.settings import Settings, load_settings
from models.catalogue import Task
from models.chat_format import Message
from models.generation import Done, GenerationRequest, Token
from models.generator import LlamaGenerator, open_generator
from models.store import ModelStore

RUNS = 3
ANSWER_TOKENS = 64
DOCUMENT = DEMO / "en" / "handbook" / "leave.md"
PASSAGE_CHARACTERS, PASSAGES = 800, 3
SYSTEM = "You answer an employee's question from the given passages only."
MILLISECONDS = 1000
Prompt = tuple[Message, ...]
QUESTION = "Describe every kind of leave that the passages name, each in a full sentence."


@dataclass(frozen=True, slots=True)
class Timing:
    """One answer: milliseconds to its first token, then tokens a second, and how many tokens were read and written."""

    first_ms: float
    tokens_a_second: float
    prompt_tokens: int
    answer_tokens: int


MEASURES: tuple[tuple[str, str, Callable[[Timing], float]], ...] = (
    ("first token", "ms", lambda timing: timing.first_ms),
    ("writing", "tokens/s", lambda timing: timing.tokens_a_second),
)


def main() -> None:
    """Answer with both engines in turns."""
    options = _options()
    settings = load_settings(Path("state"))
    store = ModelStore(settings.models.folder, named=settings.models.named)
    entry = store.entry(options.model) if options.model else store.chosen(Task.GENERATE)
    bench = Bench("generation")
    bench.finish(measured(store.path(entry), settings, options.runs), options.results)


def measured(path: Path, settings: Settings, runs: int) -> Iterator[Row]:
    """Rows for a prompt read whole, and for one whose public head our engine kept from the question before."""
    chosen = settings.models
    ours = open_generator(path, threads=chosen.threads, context_tokens=chosen.context_tokens)
    bare = llama_cpp.Llama(
        str(path),
        n_ctx=chosen.context_tokens,
        n_threads=chosen.threads,
        n_threads_batch=chosen.threads,
        verbose=False,
    )
    try:
        yield from rows("whole prompt read", ours, bare, [messages(f"{SYSTEM} ({run})") for run in range(runs)])
        answer(ours, messages(SYSTEM))
        yield from rows("public head kept", ours, bare, [messages(SYSTEM)] * runs)
    finally:
        ours.close()
        bare.close()


def rows(case: str, ours: LlamaGenerator, bare: llama_cpp.Llama, prompts: Sequence[Prompt]) -> Iterator[Row]:
    """Medians of both over the prompts. Raises ValueError when the two did not read the same number of tokens."""
    asked, compared = iter(prompts), iter(prompts)
    mine, theirs = interleaved(
        lambda: answer(ours, next(asked)), lambda: bare_answer(bare, next(compared)), len(prompts)
    )
    read = {timing.prompt_tokens for timing in (*mine, *theirs)}
    if len(read) != 1:
        raise ValueError(f"prompts of {sorted(read)} tokens were read, expected one length: the templates differ")
    about = f"{ours.model_name}, {case} ({read.pop()} tokens)"
    for name, unit, value in MEASURES:
        ours_median, bare_median = (statistics.median(map(value, timings)) for timings in (mine, theirs))
        yield Row(f"{about}: {name}", unit, ours_median, bare_median, len(prompts))


def messages(system: str) -> Prompt:
    """A prompt as answering makes them: the public system message, then passages and question."""
    text = DOCUMENT.read_text()
    starts = range(0, PASSAGES * PASSAGE_CHARACTERS, PASSAGE_CHARACTERS)
    passages = [text[start : start + PASSAGE_CHARACTERS] for start in starts]
    return Message("system", system), Message("user", "\n\n".join((*passages, QUESTION)))


def answer(engine: LlamaGenerator, prompt: Prompt) -> Timing:
    """Our engine, through its queue."""
    marks = [time.perf_counter()]
    tokens = read = 0
    for event in engine.generate(GenerationRequest(prompt, ANSWER_TOKENS), threading.Event()):
        if isinstance(event, Token):
            marks.append(time.perf_counter())
        elif isinstance(event, Done):
            tokens, read = event.answer_tokens, event.prompt_tokens
    return _timing(marks, tokens, read)


def bare_answer(engine: llama_cpp.Llama, prompt: Prompt, tokens_max: int = ANSWER_TOKENS) -> Timing:
    """llama_cpp's own loop, from the text to pieces of text."""
    engine.reset()
    marks = [time.perf_counter()]
    turns = "".join(f"<|im_start|>{turn.role}\n{turn.content}<|im_end|>\n" for turn in prompt)
    tokens = engine.tokenize(f"{turns}<|im_start|>assistant\n".encode(), add_bos=False, special=True)
    for token in islice(engine.generate(tokens, temp=0.0), tokens_max):
        if token == engine.token_eos():
            break
        engine.detokenize([token])
        marks.append(time.perf_counter())
    return _timing(marks, len(marks) - 1, len(tokens))


def _timing(marks: Sequence[float], tokens: int, prompt_tokens: int) -> Timing:
    """From the moments of the start and of each piece of text."""
    return Timing((marks[1] - marks[0]) * MILLISECONDS, (tokens - 1) / (marks[-1] - marks[1]), prompt_tokens, tokens)


def _options() -> argparse.Namespace:
    parser = options_of("generation", __doc__, RUNS)
    parser.add_argument("--model", default="", help="a name of the catalogue; the one in use by default")
    return parser.parse_args()


if __name__ == "__main__":
    main()
