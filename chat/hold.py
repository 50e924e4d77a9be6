"""One house a database: an advisory lock of PostgreSQL that every connection of the house shares, and nobody else.

    a house opens    tries the lock alone (exclusive), on a connection kept for this, then shares it
    it connects      shares the lock on the new connection; then sees that another of its own has shared it until now

The lock is the server's and ends with the connection. While any connection of a house lives, no other house gets the
lock alone; where none lived on (the server restarted, a line was cut), the lock must be had alone again first. A house
tells its own connections by a second lock, whose number it drew. Neither survives a pooler that gives one session to
many (PgBouncer's transaction mode).
"""

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from chat.errors import StateInUse

LOCK_CLASS = 0x4C43_4855
"""The first of the two numbers of our advisory locks, so that they are not those of others in the database."""
_MARK_CLASS = LOCK_CLASS + 1
_HOLD = f"{LOCK_CLASS}, 1"
WRITE_LOCK = f"{LOCK_CLASS}, 2"
"""The numbers of the lock that a transaction takes with its first write: one writer at a time, as in SQLite."""

_MARKED = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

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
        self._number = secrets.randbelow(2**31)
        self._turn = threading.Lock()

    def take(self) -> None:
        """Take the lock; raises StateInUse where another process has it."""
        with self._turn:
            self._take()

    def admit(self, connection: Any) -> None:
        """Let a new connection of the house share the lock; raises StateInUse where it was lost to another process."""
        with self._turn:
            if not (self._is_shared(connection) and self._lived_on(connection)):
                _ask(connection, f"SELECT pg_advisory_unlock_shared({_HOLD})")
                self._take()
                if not self._is_shared(connection):
                    raise _in_use()
        _ask(connection, f"SELECT pg_advisory_lock_shared({self._mark})")
        connection.commit()

    def release(self) -> None:
        """Give the lock back."""
        with self._turn:
            self._close()

    @property
    def _mark(self) -> str:
        return f"{_MARK_CLASS}, {self._number}"

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
        _ask(connection, f"SELECT pg_advisory_lock_shared({_HOLD}), pg_advisory_lock_shared({self._mark})")
        _ask(connection, f"SELECT pg_advisory_unlock({_HOLD})")
        self._kept = connection

    def _is_shared(self, connection: Any) -> bool:
        return bool(_ask(connection, f"SELECT pg_try_advisory_lock_shared({_HOLD})"))

    def _lived_on(self, connection: Any) -> bool:
        """Whether a connection of this house lives: it shares the lock, without a gap."""
        return bool(_ask(connection, _MARKED, _MARK_CLASS, self._number))

    def _close(self) -> None:
        with suppress(Exception):  # it was cut, and the lock is gone with it; or there is none yet
            self._kept.close()


def _ask(connection: Any, question: str, *values: int) -> Any:
    cursor = connection.cursor()
    cursor.execute(question, values)
    return cursor.fetchone()[0]


def _in_use() -> StateInUse:
    return StateInUse(
        "the database of setting store.database is in use by another process; stop it, or name another database"
    )
