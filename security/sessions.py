"""Sessions: who signed in, for how long. Only hashes of tokens are kept."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, delete, insert, select, update

from security.clock import Clock, utc_now
from security.errors import SealBroken
from security.identity import UserId
from security.keyring import Keyring
from security.sealing import Context, RandomBytes
from security.tables import sessions

IDLE_MAX = timedelta(hours=8)
AGE_MAX = timedelta(hours=24)
SEEN_EVERY = timedelta(minutes=1)
"""How stale `seen_at` may be: a page asks many times a minute, and a write each time is not worth it."""

TOKEN_BYTES = 32
TOKEN_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a session row seals: whose it is, since when, and under which of their passwords (counted from 1)."""

    user_id: UserId
    opened_at: float
    credentials: int


class SessionBook:
    """Opens, finds and ends sessions. A row edited, copied to another token or made by hand is no session."""

    def __init__(
        self,
        engine: Engine,
        keyring: Keyring,
        clock: Clock = utc_now,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        self._engine = engine
        self._keyring = keyring
        self._clock = clock
        self._random = random

    def open(self, user_id: UserId, credentials: int) -> str:
        """Give the token of a new session: 64 hexadecimal characters. It is not kept and cannot be given again."""
        token = self._random(TOKEN_BYTES).hex()
        token_hash, now = _hash(token), self._clock().timestamp()
        content = json.dumps({"user_id": user_id, "opened_at": now, "credentials": credentials}).encode()
        ticket = self._keyring.for_system().seal(content, _context(token_hash))
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.seen_at < now - IDLE_MAX.total_seconds()))
            row = {"token_hash": token_hash, "user_id": user_id, "seen_at": now, "ticket": ticket}
            connection.execute(insert(sessions).values(row))
        return token

    def find(self, token: str) -> Ticket | None:
        """Give the ticket of a running session and keep it awake; None for anything else."""
        if len(token) > TOKEN_CHARACTERS_MAX:
            return None
        token_hash, now = _hash(token), self._clock().timestamp()
        with self._engine.connect() as connection:
            row = connection.execute(select(sessions).where(sessions.c.token_hash == token_hash)).one_or_none()
        ticket = self._open_ticket(token_hash, row.ticket) if row else None
        if row is None or ticket is None or not _is_running(ticket, row.seen_at, now):
            return None
        if now - row.seen_at >= SEEN_EVERY.total_seconds():
            with self._engine.begin() as connection:
                connection.execute(update(sessions).where(sessions.c.token_hash == token_hash).values(seen_at=now))
        return ticket

    def end(self, token: str) -> None:
        """End a session. Ending one that is not there is done already."""
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.token_hash == _hash(token)))

    def end_all(self, user_id: UserId) -> None:
        """End every session of a user."""
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.user_id == user_id))

    def _open_ticket(self, token_hash: bytes, sealed: bytes) -> Ticket | None:
        try:
            content = json.loads(self._keyring.for_system().open(sealed, _context(token_hash)))
        except SealBroken:
            return None  # made or moved by somebody who can write to the database: no session, as if it had ended
        return Ticket(UserId(content["user_id"]), content["opened_at"], content["credentials"])


def _is_running(ticket: Ticket, seen_at: float, now: float) -> bool:
    return now - seen_at < IDLE_MAX.total_seconds() and now - ticket.opened_at < AGE_MAX.total_seconds()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _context(token_hash: bytes) -> Context:
    return Context("sessions", token_hash.hex(), "ticket")
