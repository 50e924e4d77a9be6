"""Normalised discounted cumulative gain (Järvelin and Kekäläinen, 2002), with a gain of 1 for each gold."""

from collections.abc import Collection, Sequence
from math import log2

DEPTH = 10


def ndcg(ranked: Sequence[str], golds: Collection[str], depth: int = DEPTH) -> float:
    """How near the order comes to that with all golds first, 0 to 1; of no golds 0. `ranked` names each once."""
    found = sum(1 / log2(place + 2) for place, doc in enumerate(ranked[:depth]) if doc in golds)
    best = sum(1 / log2(place + 2) for place in range(min(len(golds), depth)))
    return found / best if best else 0.0
