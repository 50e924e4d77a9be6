"""A look, now and then, at whether what people said is what was written; the log hears where it is not."""

import time
from collections.abc import Callable

from chat.conversations import Conversations
from chat.logs import record
from security.identity import Principal, UserId

LOOK_SECONDS = 3600.0
"""Between two looks at a person's rows, which cost 16 µs each."""


class Lookout:
    """Looks when a person lists their conversations, which go on to be shown: the log is for operators."""

    def __init__(self, conversations: Conversations, clock: Callable[[], float] = time.monotonic) -> None:
        self._conversations, self._clock = conversations, clock
        self._looked_at: dict[UserId, float] = {}

    def look(self, owner: Principal) -> None:
        """Log `conversations_changed` with the person's id, at most once in the time between two looks."""
        now, last = self._clock(), self._looked_at.get(owner.user_id)
        if last is not None and now - last < LOOK_SECONDS:
            return
        self._looked_at[owner.user_id] = now
        if self._conversations.look(owner):
            record("conversations_changed", person_id=owner.user_id)
