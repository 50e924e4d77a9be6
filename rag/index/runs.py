"""Chosen slots as a few runs: a document's passages follow each other, and so do the documents of one load."""

import numpy as np
from numpy.typing import NDArray

Run = tuple[int, int]
"""First and last slot."""
_MARGIN_PERCENT = 120
"""Two deviations more than the mean at 50, the candidates of a search: asking again costs more."""


def runs_of(chosen: NDArray[np.bool_], most: int) -> list[Run]:
    """At most so many runs that hold all the chosen (n,), in order; over the narrowest gaps they hold others too."""
    slots = np.flatnonzero(chosen)
    if not len(slots):
        return []
    gaps = np.flatnonzero(np.diff(slots) > 1)
    if len(gaps) >= most:
        widths = np.diff(slots)[gaps]
        gaps = np.sort(gaps[np.argpartition(-widths, most - 1)[: most - 1]])
    firsts = slots[np.concatenate(([0], gaps + 1))]
    lasts = slots[np.concatenate((gaps, [len(slots) - 1]))]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def enough(k: int, held: int, wanted: int) -> int:
    """How many to ask for of `held` where `wanted` of them will do, so that `k` of those come most of the time."""
    return k if held == wanted else _MARGIN_PERCENT * k * held // (100 * wanted) + 1
