"""The audit log: who did what to which id, in a chain that shows any edit.

    mac of entry n = blind("audit entry", frame(n, at, actor, action, object id, outcome, mac of entry n-1))
    head           = sealed {"seq": n, "mac": hex} of the last entry, context ("audit_head", "1", "sealed")

An entry edited, exchanged, inserted or deleted breaks the chain; entries deleted from the end disagree with the head;
with the head deleted too, the keyring still knows that the log has begun. An older copy of the whole database disagrees
with the number of the last entry that is written down outside it (see epochs).
"""

import hmac
import json
import re
import threading
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from security.clock import Clock, utc_now
from security.errors import AuditBroken, SealBroken, SecurityError
from security.identity import UserId
from security.keyring import AUDIT, Keyring
from security.sealing import Context, DataKey, frame
from security.tables import audit, audit_head

_HEAD = Context("audit_head", "1", "sealed")
EPOCH = "audit"
"""The epoch of the log is the number of its last entry."""

_GENESIS = bytes(32)
_PAGE_ROWS = 1000
_COLUMNS = ("at", "actor", "action", "object_id", "outcome")
_WORD = re.compile(r"[\w.:@/+=,-]*", re.ASCII)
"""Ids and words of ours: no sentence that was asked, answered or written slips through by accident."""


@dataclass(frozen=True, slots=True)
class Link:
    """An end of the chain: the number of its last entry and that entry's mac."""

    seq: int
    mac: bytes


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a verification found: how many entries hold, and the number of the first that does not (None: all hold)."""

    entries: int
    broken_at: int | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The last entry of an action on something: its number, when, and how it ended."""

    seq: int
    at: datetime
    outcome: str


class AuditLog:
    """Appends to the log and verifies it. Takes a transaction of its own: do not call it within another."""

    def __init__(self, engine: Engine, keyring: Keyring, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._keyring = keyring
        self._clock = clock
        self._turn = threading.Lock()

    def record(self, actor: UserId, action: str, object_id: str, outcome: str) -> None:
        """Append an entry; on return it is committed. Raises AuditBroken, and then the act must not happen.

        All four are ids or single words of ours (ASCII, no spaces), never text.
        """
        for name, word in zip(_COLUMNS[1:], (actor, action, object_id, outcome), strict=True):
            _check_word(name, word)
        with self._turn:
            try:
                at = self._clock().isoformat(timespec="microseconds")
                seq = self._append((at, actor, action, object_id, outcome))
                self._keyring.epochs.advance(EPOCH, seq)
                if not self._keyring.has_begun(AUDIT):
                    self._keyring.begin(AUDIT)
            except (SQLAlchemyError, OSError) as error:
                raise AuditBroken(f"the audit log cannot be written ({type(error).__name__}); free the disk") from error

    def find(self, action: str, outcome: str) -> tuple[tuple[datetime, str], ...]:
        """When, and on what, an action ended so, oldest first. Whether the log is whole is for `verify` to tell."""
        query = select(audit.c.at, audit.c.object_id).where(audit.c.action == action, audit.c.outcome == outcome)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(audit.c.seq)).all()
        return tuple((datetime.fromisoformat(at), object_id) for at, object_id in rows)

    def ends(self, action: str) -> dict[str, Ended]:
        """How an action ended last on each object, the one that began first first; `find` says what that proves."""
        columns = (audit.c.seq, audit.c.at, audit.c.object_id, audit.c.outcome)
        query = select(*columns).where(audit.c.action == action)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(audit.c.seq)).all()
        return {object_id: Ended(seq, datetime.fromisoformat(at), outcome) for seq, at, object_id, outcome in rows}

    def last(self) -> int:
        """The number of the last entry, as the sealed head tells it, 0 for none. Raises AuditBroken, OlderState."""
        with self._engine.connect() as connection:
            return self._head(connection, self._keyring.for_audit()).seq

    def verify(self) -> AuditReport:
        """Walk the whole chain. A broken log is reported, not raised: whoever verifies wants to know where.

        Nothing is recorded meanwhile: the head is read after the last entry, and must be its own.
        """
        key = self._keyring.for_audit()
        with self._turn, self._engine.connect() as connection:
            end, is_whole = _walk(connection, key)
            try:
                is_whole = is_whole and self._head(connection, key) == end
            except SecurityError:
                is_whole = False
        return AuditReport(end.seq, None if is_whole else end.seq + 1)

    def _append(self, words: tuple[str, ...]) -> int:
        key = self._keyring.for_audit()
        with self._engine.begin() as connection:
            # A write first: SQLite takes its write lock here, so that the head read below is still the head at commit.
            connection.execute(update(audit_head).values(id=audit_head.c.id))
            last = self._head(connection, key)
            link = _next(key, last, words)
            row = dict(zip(_COLUMNS, words, strict=True))
            connection.execute(insert(audit).values(seq=link.seq, mac=link.mac, **row))
            sealed = key.seal(json.dumps({"seq": link.seq, "mac": link.mac.hex()}).encode(), _HEAD)
            statement = update(audit_head) if last.seq else insert(audit_head)
            connection.execute(statement.values(id=1, sealed=sealed))
        return link.seq

    def _head(self, connection: Connection, key: DataKey) -> Link:
        sealed = connection.execute(select(audit_head.c.sealed).with_for_update()).scalar_one_or_none()
        if sealed is None:
            if self._keyring.has_begun(AUDIT):
                raise AuditBroken("the head of the audit log was removed; restore the database, and ask who did it")
            return Link(0, _GENESIS)
        try:
            content = json.loads(key.open(sealed, _HEAD))
        except SealBroken as error:
            raise AuditBroken("the head of the audit log was changed; restore the database, ask who did it") from error
        self._keyring.epochs.check(EPOCH, content["seq"])
        return Link(content["seq"], bytes.fromhex(content["mac"]))


def _walk(connection: Connection, key: DataKey) -> tuple[Link, bool]:
    """Follow the chain from its start; give its last good link and whether every row belongs to it."""
    link = Link(0, _GENESIS)
    columns = (audit.c.seq, audit.c.mac, *(audit.c[name] for name in _COLUMNS))
    query = select(*columns).order_by(audit.c.seq).execution_options(yield_per=_PAGE_ROWS)
    with connection.execute(query) as rows:
        for seq, mac, *words in rows:
            expected = _next(key, link, tuple(words))
            if seq != expected.seq or not hmac.compare_digest(mac, expected.mac):
                return link, False
            link = expected
    return link, True


def _next(key: DataKey, last: Link, words: tuple[str, ...]) -> Link:
    parts = (str(last.seq + 1).encode(), *(word.encode() for word in words), last.mac)
    return Link(last.seq + 1, key.blind("audit entry", frame(*parts)))


def _check_word(name: str, word: str) -> None:
    length_max = getattr(audit.c[name].type, "length", 0)
    if len(word) > length_max or not _WORD.fullmatch(word):
        raise AuditBroken(f"audit {name}: expected an id or a word of at most {length_max} characters, got a text")
