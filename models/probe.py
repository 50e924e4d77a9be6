"""Whether a model still writes what it wrote at first: a fixed sentence, read in one step, and what follows each token.

It finds memory that went bad and a context that fails, before a person does.
"""

import numpy as np

from models.llama import GenerationContext, Model, Part

SENTENCE = "One, two, three, four, five, six. The capital of France is"
"""Public, and nobody's: what the weights make of it is theirs alone."""
NEAR = 0.5
"""How far a token that was the likeliest may fall behind. Read again, after other requests, in a context of more
slots, with KV of either type, logits differed by nothing at all (0.5B, 24 readings); beside others it is up to 0.3."""


class Probe:
    """Remembers the likeliest token after each of the sentence's, as they were at the first look."""

    def __init__(self, model: Model) -> None:
        self._tokens = model.tokenize(SENTENCE)
        self._likeliest: list[int] | None = None

    def is_as_before(self, context: GenerationContext) -> bool:
        """Whether they are still; one step of a context that serves nobody. Logits that are no numbers never are.

        EngineFailed passes.
        """
        parts = [Part(0, (token,), place, has_logits=True) for place, token in enumerate(self._tokens)]
        logits = [context.logits(row) for row in context.decode(parts)]
        expected = self._likeliest or [int(row.argmax()) for row in logits]
        is_same = all(
            np.isfinite(row).all() and row[token] >= row.max() - NEAR
            for row, token in zip(logits, expected, strict=True)
        )
        context.forget_from(0, 0)
        if is_same:
            self._likeliest = expected
        return is_same
