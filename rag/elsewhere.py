"""Files read by workers elsewhere: what a load asks of them."""

import threading
from typing import Protocol

from rag.reading import Passages, Work

PLACES_MAX = 32
"""Files of one load that are elsewhere at once, at most."""


class Elsewhere(Protocol):
    """Workers that read files. Called from several threads at once."""

    def places(self) -> int:
        """How many files they can have at once; 0 where no worker lives."""
        ...

    def passages(self, work: Work, stopped: threading.Event) -> Passages | None:
        """The passages of a file; None where no place is free or its worker was lost, and it is to be read here.

        Raises what reading raises, and ReadingCancelled once `stopped` is set.
        """
        ...
