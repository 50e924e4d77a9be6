"""One house a database: an advisory lock of PostgreSQL that every connection of the house shares, and nobody else.

    a house opens    tries the lock alone (exclusive), on a connection kept for this, then shares it
    it connects      sees to it that the kept connection lives, then shares the lock on the new one

The lock is the server's and ends with the connection. While any connection of a house lives, no other house gets the
lock alone; and where the kept one was lost (the server restarted, a line was cut), new ones wait until the lock could
be taken alone again. It does not survive a pooler that gives one session to many (PgBouncer's transaction mode).
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from chat.errors import StateInUse

LOCK_CLASS = 0x4C43_4855
"""The first of the two numbers of each of our advisory locks: theirs who share a database must differ."""
_HOLD = f"{LOCK_CLASS}, 1"
WRITE_LOCK = f"{LOCK_CLASS}, 2"
"""The numbers of the lock that a transaction takes with its first write: one writer at a time, as in SQLite."""

WAIT_SECONDS_MAX = 3.0
"""How long a house that is closing may still hold the lock: the server ends connections in its own time."""
_LOOK_SECONDS = 0.05

Connect = Callable[[], Any]
"""Gives a fresh DBAPI connection."""


class Hold:
    """The lock of one house, kept for its life."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._kept: Any = None
        self._turn = threading.Lock()

    def take(self) -> None:
        """Take the lock; raises StateInUse where another process has it."""
        with self._turn:
            self._take()

    def admit(self, connection: Any) -> None:
        """Let a new connection of the house share the lock; raises StateInUse where it was lost to another process."""
        with self._turn:
            if not self._is_kept():
                self._take()
        if not _ask(connection, f"SELECT pg_try_advisory_lock_shared({_HOLD})"):
            raise _in_use()
        connection.commit()

    def release(self) -> None:
        """Give the lock back."""
        with self._turn:
            self._close()

    def _take(self) -> None:
        self._close()
        connection = self._connect()
        connection.autocommit = True
        until = time.monotonic() + WAIT_SECONDS_MAX
        while not _ask(connection, f"SELECT pg_try_advisory_lock({_HOLD})"):
            if time.monotonic() > until:
                connection.close()
                raise _in_use()
            time.sleep(_LOOK_SECONDS)
        _ask(connection, f"SELECT pg_advisory_lock_shared({_HOLD}), pg_advisory_unlock({_HOLD})")
        self._kept = connection

    def _close(self) -> None:
        with suppress(Exception):  # it was cut, and the lock is gone with it; or there is none yet
            self._kept.close()

    def _is_kept(self) -> bool:
        try:
            return bool(_ask(self._kept, "SELECT 1"))
        except Exception:  # noqa: BLE001 - whatever it says, nothing can be asked of this connection
            return False


def _ask(connection: Any, question: str) -> Any:
    cursor = connection.cursor()
    cursor.execute(question)
    return cursor.fetchone()[0]


def _in_use() -> StateInUse:
    return StateInUse(
        "the database of setting store.database is in use by another process; stop it, or name another database"
    )
