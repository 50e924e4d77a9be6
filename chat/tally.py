"""What a person's conversations hold, sealed in a row of its own: so that one taken out or put back as it was is seen.

    mark of a row  = blind("conversation row", frame(table, plain columns, head of the sealed column)), the person's key
    tallies.sealed = sealed {"epoch", "count", "total", "is_lost"}: the set digest of the marks of the person's
                     conversations, messages and ratings, context ("tallies", user id, "sealed")

The head of a sealed value (its version and nonce) is enough: no two values have the same, and another body behind it
does not open. The tally changes in one transaction with the rows; its epoch is written down outside the database.
A tally that was taken out or put back counts as lost until an operator takes over what is there: counting on from it
would forget what is missing.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, Table, delete, func, insert, select, update

from chat.tables import feedback, steps, tallies, threads
from security.digests import NOTHING, SetDigest
from security.epochs import Epochs
from security.errors import SealBroken
from security.identity import UserId
from security.keyring import person_owner
from security.sealing import VALUE_HEAD_BYTES, Context, DataKey, frame

_MARKED: dict[Table, tuple[Sequence[str], str]] = {
    threads: (("id", "user_id", "created_at"), "about"),
    steps: (("id", "thread_id", "created_at"), "body"),
    feedback: (("id", "step_id", "thread_id"), "body"),
}
"""The columns that a mark is of: plain ones, and the sealed one. `updated_at` changes with each message."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The digest of a person's rows, and how many changes there were. `is_lost`: it cannot be known any more."""

    epoch: int = 0
    rows: SetDigest = NOTHING
    is_lost: bool = False

    def changed(self, added: Iterable[bytes], removed: Iterable[bytes]) -> "Tally":
        """After rows of these marks came and went: one epoch later."""
        return Tally(self.epoch + 1, self.rows.plus(added).minus(removed), self.is_lost)


@dataclass(slots=True)
class Change:
    """One change of a person's rows within a transaction, which keeps count."""

    connection: Connection
    key: DataKey
    added: list[bytes] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)

    def insert(self, table: Table, **values: Any) -> None:
        """A new row."""
        self.connection.execute(insert(table).values(**values))
        plain, sealed = _MARKED[table]
        self.added.append(_mark(self.key, table, [values[name] for name in plain], values[sealed]))

    def update(self, table: Table, where: ColumnElement[bool], **values: Any) -> None:
        """Other values in rows that stay."""
        self.removed += marks(self.connection, self.key, table, where)
        self.connection.execute(update(table).where(where).values(**values))
        self.added += marks(self.connection, self.key, table, where)

    def delete(self, table: Table, where: ColumnElement[bool]) -> None:
        """Rows that go."""
        self.removed += marks(self.connection, self.key, table, where)
        self.connection.execute(delete(table).where(where))


def marks(connection: Connection, key: DataKey, table: Table, where: ColumnElement[bool]) -> list[bytes]:
    """The marks of the rows that stand there now, without opening them."""
    plain, sealed = _MARKED[table]
    head = func.substr(table.c[sealed], 1, VALUE_HEAD_BYTES, type_=LargeBinary)
    rows = connection.execute(select(*(table.c[name] for name in plain), head).where(where))
    return [_mark(key, table, columns, bytes(start)) for *columns, start in rows]


def found(connection: Connection, key: DataKey, user_id: UserId) -> SetDigest:
    """The digest of all that stands there of a person, whoever wrote it."""
    own = select(threads.c.id).where(threads.c.user_id == user_id)
    digest = SetDigest().plus(marks(connection, key, threads, threads.c.user_id == user_id))
    for table in (steps, feedback):
        digest = digest.plus(marks(connection, key, table, table.c.thread_id.in_(own)))
    return digest


def present(connection: Connection, epochs: Epochs, key: DataKey, user_id: UserId) -> Tally:
    """The tally as it stands in its row; that of what is there, where none was ever written."""
    sealed, known = _row(connection, user_id), epochs.known(epoch_name(user_id))
    if sealed is None:
        return Tally(known, is_lost=True) if known else Tally(rows=found(connection, key, user_id))
    try:
        content = json.loads(key.open(sealed, _context(user_id)))
    except SealBroken:
        return Tally(known, is_lost=True)
    if content["epoch"] < known:
        return Tally(known, is_lost=True)
    return Tally(content["epoch"], SetDigest(content["count"], int(content["total"], 16)), content["is_lost"])


def write(connection: Connection, key: DataKey, user_id: UserId, tally: Tally) -> None:
    """Put a tally into the person's row."""
    content = {
        "epoch": tally.epoch,
        "count": tally.rows.count,
        "total": f"{tally.rows.total:064x}",
        "is_lost": tally.is_lost,
    }
    sealed = key.seal(json.dumps(content).encode(), _context(user_id))
    row = update(tallies).where(tallies.c.user_id == user_id).values(sealed=sealed)
    if not connection.execute(row).rowcount:
        connection.execute(insert(tallies).values(user_id=user_id, sealed=sealed))


def difference(tally: Tally, there: SetDigest) -> str:
    """How what stands there is not what was written, in words; empty where it is."""
    if tally.is_lost:
        return "what counts them was taken out or put back"
    if tally.rows != there:
        return (
            f"{there.count} rows stand in the database, which are not the {tally.rows.count} that were written: some "
            "were taken out or put back"
        )
    return ""


def epoch_name(user_id: UserId) -> str:
    """How the epoch of a person's tally is named outside the database."""
    return person_owner(user_id)


def _row(connection: Connection, user_id: UserId) -> bytes | None:
    query = select(tallies.c.sealed).where(tallies.c.user_id == user_id).with_for_update()
    return connection.execute(query).scalar_one_or_none()


def _mark(key: DataKey, table: Table, plain: Sequence[str], sealed: bytes) -> bytes:
    parts = (table.name.encode(), *(column.encode() for column in plain), sealed[:VALUE_HEAD_BYTES])
    return key.blind("conversation row", frame(*parts))


def _context(user_id: UserId) -> Context:
    return Context("tallies", user_id, "sealed")
