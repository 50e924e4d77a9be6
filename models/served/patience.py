"""How long one request waits, and for whom: every wait on a socket asks first."""

import threading
import time

from models.served.trouble import Cancelled, DeadlineReached, Trouble

LOOK_SECONDS = 0.05
"""Between two looks at the cancel flag while a socket is silent."""


class Patience:
    """The end of the wait at hand, that of the whole request, and the flag that ends both."""

    def __init__(self, cancelled: threading.Event, seconds_max: float | None = None) -> None:
        self._cancelled = cancelled
        self._deadline = None if seconds_max is None else time.monotonic() + seconds_max
        self._end, self._what = 0.0, ""

    def begin(self, what: str, seconds: float) -> None:
        """From now on wait so long, and say that it was for `what`."""
        self._end, self._what = time.monotonic() + seconds, what

    def look(self) -> float:
        """Seconds that a socket may be waited for now. Raises Cancelled, DeadlineReached, Trouble."""
        if self._cancelled.is_set():
            raise Cancelled
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            raise DeadlineReached
        if now >= self._end:
            raise Trouble(f"{self._what} took too long; look at its load and its log")
        return min(LOOK_SECONDS, max(0.001, self._end - now))
