"""The passages whose vectors are nearest to the question's."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.languages import LanguageAxis
from rag.index.memory import MemoryIndex
from rag.retrieval.filters import Sieve
from rag.retrieval.languages import search_across
from security.access import Grant

CANDIDATES = 50
"""Taken from each collection: the gold stands in the first 30 for over 95 % of the questions."""


def search_dense(
    index: MemoryIndex,
    narrowed: Sequence[tuple[Grant, Sieve | None]],
    vector: NDArray[np.float32],
    axis: LanguageAxis | None = None,
) -> list[dict[str, float]]:
    """Passage ids with their cosine to a unit vector (d,), nearest first, by collection; those that come through.

    With the axis of its languages those in the other one are as near as those in the question's own.
    """
    if axis is None:
        return [index.search_dense(grant, vector, CANDIDATES, sieve) for grant, sieve in narrowed]
    return [search_across(index, grant, vector, axis, CANDIDATES, sieve) for grant, sieve in narrowed]
