"""Sign-in attempts: who fails again and again waits longer and longer."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from math import ceil

from security.clock import Clock, utc_now
from security.errors import TooManyAttempts

FREE_FAILURES = 5
WAIT_SECONDS_MAX = 900
NAMES_MAX = 10_000
"""Names remembered; beyond, the one that failed longest ago is forgotten. 10,000 guesses cost minutes of Argon2id."""


@dataclass(frozen=True, slots=True)
class Failures:
    """How often a name failed in a row, and when last (seconds since 1970)."""

    count: int
    last_at: float

    @property
    def wait_seconds(self) -> int:
        """How long after the last failure the next attempt is heard: 0, then 2, 4, 8 … up to 15 minutes."""
        if self.count < FREE_FAILURES:
            return 0
        return min(WAIT_SECONDS_MAX, 1 << min(self.count - FREE_FAILURES + 1, 16))


class AttemptLimiter:
    """Counts failures per name (known or not: both look alike), in memory. Safe to use from several threads."""

    def __init__(self, clock: Clock = utc_now, names_max: int = NAMES_MAX) -> None:
        self._clock = clock
        self._names_max = names_max
        self._failures: OrderedDict[bytes, Failures] = OrderedDict()
        self._change = threading.Lock()

    def admit(self, name_key: bytes) -> None:
        """Raise TooManyAttempts where the name must wait; otherwise count an attempt as failed until `succeeded`.

        Counting first keeps parallel guesses from all being admitted before the first of them has failed.
        """
        now = self._clock().timestamp()
        with self._change:
            known = self._failures.get(name_key, Failures(0, now))
            left = known.last_at + known.wait_seconds - now
            if left > 0:
                raise TooManyAttempts(max(1, ceil(left)))
            self._failures[name_key] = Failures(known.count + 1, now)
            self._failures.move_to_end(name_key)
            while len(self._failures) > self._names_max:
                self._failures.popitem(last=False)

    def succeeded(self, name_key: bytes) -> None:
        """Forget the failures of a name that signed in."""
        with self._change:
            self._failures.pop(name_key, None)
