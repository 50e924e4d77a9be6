"""The record of what matters: ids and not text, chained by HMAC, its head sealed so that cutting the end shows."""

import hashlib
import hmac
import json
import threading
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from security.clock import Clock, utc_now
from security.errors import AuditBroken, SealBroken
from security.identity import UserId
from security.keyring import AUDIT, Keyring
from security.sealing import Context, frame
from security.tables import audit, audit_head

_HEAD = Context("audit_head", "1", "sealed")
_START = bytes(32)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """How many entries hold, and the number of the first that does not (None: all hold)."""

    entries: int
    broken_at: int | None


class AuditLog:
    """Appends entries; raises AuditBroken when one cannot be written, so that the act does not happen."""

    def __init__(self, engine: Engine, keyring: Keyring, clock: Clock = utc_now) -> None:
        self._engine, self._keyring, self._clock = engine, keyring, clock
        self._lock = threading.Lock()

    def record(self, actor: UserId, action: str, object_id: str, outcome: str) -> None:
        """Append one entry, in one transaction with the new head."""
        try:
            with self._lock, self._engine.begin() as connection:
                seq, last = self._head(connection)
                row = (seq + 1, self._clock().isoformat(), actor, action, object_id, outcome)
                self._append(connection, row, self._mac(last, row))
            if seq == 0:
                self._keyring.begin(AUDIT)
        except (SQLAlchemyError, SealBroken) as error:
            raise AuditBroken(
                "the audit log cannot be written; nothing was done: run `huisclos audit verify`"
            ) from error

    def verify(self) -> AuditReport:
        """Walk the chain and compare its end with the sealed head."""
        last, count = _START, 0
        with self._engine.connect() as connection:
            for row in connection.execute(select(audit).order_by(audit.c.seq)):
                expected = self._mac(last, tuple(row[:6]))
                if row.seq != count + 1 or not hmac.compare_digest(expected, row.mac):
                    return AuditReport(count, count + 1)
                last, count = row.mac, row.seq
            try:
                head = self._head(connection)
            except SealBroken:
                return AuditReport(count, count + 1)
        return AuditReport(count, None if head == (count, last) else count + 1)

    def _head(self, connection: Connection) -> tuple[int, bytes]:
        sealed = connection.execute(select(audit_head.c.sealed)).scalar_one_or_none()
        if sealed is None:
            if self._keyring.has_begun(AUDIT):
                raise SealBroken("the audit log's head was removed; restore the database")
            return 0, _START
        head = json.loads(self._keyring.for_audit().open(sealed, _HEAD))
        return head["seq"], bytes.fromhex(head["mac"])

    def _append(self, connection: Connection, row: tuple[int, str, str, str, str, str], mac: bytes) -> None:
        names = ("seq", "at", "actor", "action", "object_id", "outcome")
        connection.execute(insert(audit).values(**dict(zip(names, row, strict=True)), mac=mac))
        head = json.dumps({"seq": row[0], "mac": mac.hex()}).encode()
        connection.execute(delete(audit_head))
        connection.execute(insert(audit_head).values(id=1, sealed=self._keyring.for_audit().seal(head, _HEAD)))

    def _mac(self, last: bytes, row: tuple[object, ...]) -> bytes:
        entry = frame(last, *(str(part).encode() for part in row))
        return self._keyring.for_audit().blind("audit entry", hashlib.sha256(entry).digest())
