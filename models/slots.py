"""How many answers at once pay on this machine, measured while nobody is served."""

import time

from models.llama import GenerationContext, Model, Part

SLOTS_MIN, SLOTS_MAX = 2, 16
"""Two at least, so that nobody waits for the whole of somebody's long task."""
GAIN_MIN = 1.25
"""What doubling the answers at once must add to the tokens a second. Two AVX-512 cores gain nothing (1.5B)."""
DEPTH = 64
"""Tokens that each sequence holds while it is measured."""
ROOM = 256
STEPS = 3


def slots_that_pay(model: Model, threads: int, kv_type: str) -> int:
    """Double the answers at once as long as it pays."""
    context = GenerationContext(model, context_tokens=ROOM, threads=threads, sequences=SLOTS_MAX, kv_type=kv_type)
    try:
        text = [token % model.vocabulary_size for token in range(1000, 1000 + DEPTH)]
        context.decode([Part(0, text, 0, has_logits=False)])
        state = context.take(0)
        for sequence in range(1, SLOTS_MAX):
            context.put(sequence, state)
        slots, seconds = 1, _step_seconds(context, 1, DEPTH)
        while slots < SLOTS_MAX:
            doubled = _step_seconds(context, 2 * slots, DEPTH)
            if 2 * seconds < GAIN_MIN * doubled:
                break
            slots, seconds = 2 * slots, doubled
        return max(slots, SLOTS_MIN)
    finally:
        context.close()


def _step_seconds(context: GenerationContext, sequences: int, position: int) -> float:
    """The fastest of a few steps that write one token for each sequence."""
    took = []
    for _ in range(STEPS):
        started = time.perf_counter()
        context.decode([Part(sequence, [0], position, has_logits=True) for sequence in range(sequences)])
        took.append(time.perf_counter() - started)
        for sequence in range(sequences):
            context.forget_from(sequence, position)
    return min(took)
