"""Several rankings into one: weighted z-scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

DENSE_WEIGHT = 0.6
"""Any weight from 0.5 to 0.7 measured alike over four question sets; it beat reciprocal rank fusion on all four."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What one retriever says to one query: ids with scores, and how much it counts."""

    scores: Mapping[str, float]
    weight: float


def fuse(rankings: Sequence[Ranking]) -> dict[str, float]:
    """Ids to fused scores, best first; ties by id. A candidate that a ranking lacks takes its lowest score."""
    ids = sorted({identifier for ranking in rankings for identifier in ranking.scores})
    total = sum((ranking.weight * _standard(ids, ranking.scores) for ranking in rankings), np.zeros(len(ids)))
    order = np.lexsort((np.arange(len(ids)), -total))
    return {ids[place]: float(total[place]) for place in order}


def interleave(rankings: Sequence[Ranking]) -> dict[str, float]:
    """Ids taken from the rankings in turn, each once, with the reciprocal of their place: no score is compared."""
    turns = zip_longest(*(sorted(ranking.scores, key=lambda name: -ranking.scores[name]) for ranking in rankings))
    taken = dict.fromkeys(name for turn in turns for name in turn if name is not None)
    return {name: 1 / place for place, name in enumerate(taken, 1)}


def _standard(ids: Sequence[str], scores: Mapping[str, float]) -> NDArray[np.float64]:
    """z-scores of shape (len(ids),); zeros when the ranking says nothing."""
    if not scores:
        return np.zeros(len(ids))
    lowest = min(scores.values())
    values = np.array([scores.get(identifier, lowest) for identifier in ids])
    return np.asarray((values - values.mean()) / (values.std() or 1.0))
