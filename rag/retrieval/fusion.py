"""Two rankings into one: weighted z-scores."""

from collections.abc import Mapping

import numpy as np

DENSE_WEIGHT = 0.6
"""Any weight from 0.5 to 0.7 measured alike over four question sets; it beat reciprocal rank fusion on all four."""


def fuse(dense: Mapping[str, float], lexical: Mapping[str, float], weight: float = DENSE_WEIGHT) -> dict[str, float]:
    """Ids to fused scores, best first. A candidate that one list lacks takes that list's lowest score."""
    ids = sorted({*dense, *lexical})
    total = weight * _standard(ids, dense) + (1 - weight) * _standard(ids, lexical)
    order = np.lexsort((np.arange(len(ids)), -total))
    return {ids[place]: float(total[place]) for place in order}


def _standard(ids: list[str], scores: Mapping[str, float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """z-scores of shape (len(ids),); zeros when the list says nothing."""
    if not scores:
        return np.zeros(len(ids))
    lowest = min(scores.values())
    values = np.array([scores.get(identifier, lowest) for identifier in ids])
    return np.asarray((values - values.mean()) / (values.std() or 1.0))
