"""Documents in the other language than the question, as near as they would be in its own.

A multilingual encoder places a language's texts near each other, so that passages in the question's language crowd the
others out: French questions had their English document among the first ten for 14 of 30, with this stage for all.
Which language a passage is in, its vector tells (`models/languages.py`); within one language nothing changes its order.
"""

from itertools import islice

import numpy as np
from numpy.typing import NDArray

from models.languages import LanguageAxis
from rag.index.memory import MemoryIndex
from rag.retrieval.filters import Sieve
from security.access import Grant

SHARE = 2 / 3
"""Of what a passage loses by its language this is made up: in the question's own there is more likely an answer.

All of it found 4 more of 30 English documents in the first three, and lost another 1 % of the French ones of French
questions from the first ten.
"""
LOOKED_AT = 2
"""So many times the passages wanted are looked at, halfway between the languages."""


def search_across(
    index: MemoryIndex, grant: Grant, vector: NDArray[np.float32], axis: LanguageAxis, k: int, sieve: Sieve | None
) -> dict[str, float]:
    """Up to `k` passage ids with their cosine to a question's unit vector (d,), best first.

    One in the other language gets SHARE of what the languages' means lie apart, times what the question has of its own.
    """
    spoken = float(vector @ axis.direction)
    between: NDArray[np.float32] = vector - np.float32(spoken / 2) * axis.direction
    length = np.linalg.norm(between) or np.float32(1)
    found = index.search_dense_along(grant, between / length, axis.direction, LOOKED_AT * k, sieve)
    made_up = -SHARE * spoken * axis.to_other(spoken)
    scores = {
        name: float(length) * near + spoken * along / 2 + made_up * axis.is_other(along, spoken)
        for name, (near, along) in found.items()
    }
    return {name: scores[name] for name in islice(sorted(scores, key=lambda name: -scores[name]), k)}
