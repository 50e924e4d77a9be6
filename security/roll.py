"""The roll: what the tables of people, groups and rights hold, sealed: a row put back, moved or taken out is seen.

    mark of a user or group = blind("user row" or "group row", frame(id, name key, SHA-256 of the sealed column))
    mark of a proved row    = blind(label of its table, frame(its columns)), its proof
    sealed                  = {"epoch", "count", "total"}: the set digest of all marks, context ("roll", "1", "sealed")

Proved rows are grants, memberships of groups, and grants of groups. The row of the roll changes in one transaction with
the rows it tells of; its epoch is written down outside the database.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, Table, delete, insert, select, update

from security.digests import SetDigest
from security.errors import SealBroken
from security.keyring import Keyring
from security.sealing import Context, DataKey, frame
from security.tables import grants, group_grants, groups, memberships, roll, users

EPOCH = "directory"
REMEDY = "restore the database, or take over what is there with `huisclos repair --directory`"
_CONTEXT = Context("roll", "1", "sealed")

Row = tuple[str, ...]
"""The columns of a proved row, in the order of its table, without the proof."""
_Key = TypeVar("_Key", str, Row)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A table whose rows are an id, the key of a name, and a sealed column."""

    table: Table
    column: str
    label: str


@dataclass(frozen=True, slots=True)
class Proved:
    """A table whose rows are ids and words of ours, and a proof that the house wrote them."""

    table: Table
    label: str
    sentence: str

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the proof covers."""
        return tuple(column.name for column in self.table.primary_key)

    def proof(self, key: DataKey, row: Row) -> bytes:
        """What proves that the house wrote a row, once."""
        return key.blind(self.label, frame(*(cell.encode() for cell in row)))

    def told(self, row: Row) -> str:
        """A row in words, for who repairs."""
        return self.sentence.format(*row)


USERS = Sealed(users, "profile", "user row")
GROUPS = Sealed(groups, "about", "group row")
GRANTS = Proved(grants, "grant", "grant of {0} on {1}")
MEMBERSHIPS = Proved(memberships, "membership", "membership of {1} in group {0}")
GROUP_GRANTS = Proved(group_grants, "group grant", "grant of group {0} on {1}")
SEALED, PROVED = (USERS, GROUPS), (GRANTS, MEMBERSHIPS, GROUP_GRANTS)


@dataclass(frozen=True, slots=True)
class Entries:
    """Marks by id of the rows with a sealed column, and by their columns of the proved ones."""

    sealed: dict[Sealed, dict[str, bytes]]
    proved: dict[Proved, dict[Row, bytes]]

    def copy(self) -> "Entries":
        """The same, to be changed."""
        return Entries(
            {table: dict(marks) for table, marks in self.sealed.items()},
            {table: dict(marks) for table, marks in self.proved.items()},
        )

    def digest(self) -> SetDigest:
        """The digest of all marks."""
        digest = SetDigest()
        for users_or_groups in self.sealed.values():
            digest = digest.plus(users_or_groups.values())
        for rows in self.proved.values():
            digest = digest.plus(rows.values())
        return digest

    def difference(self, other: "Entries") -> Iterator[str]:
        """The rows, in words, that only one of both has, or that are others."""
        for sealed in SEALED:
            mine, theirs = self.sealed[sealed], other.sealed[sealed]
            yield from (f"{sealed.label} {each}" for each in differing(mine, theirs))
        for proved in PROVED:
            yield from map(proved.told, differing(self.proved[proved], other.proved[proved]))


class Roll:
    """Keeps the entries that the house wrote. The caller serialises changes."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._entries: Entries | None = None

    def entries(self, connection: Connection) -> Entries:
        """What the house wrote: read and verified at the first call. Raises SealBroken, OlderState."""
        if self._entries is None:
            self._entries, _ = self.verified(connection)
        return self._entries

    def verified(self, connection: Connection) -> tuple[Entries, int]:
        """All tables, compared with the sealed digest, and its epoch, compared with the one written down.

        The epoch is 0 before the first change of a house.
        """
        for each, row in self._forged(connection):
            raise SealBroken(f"{each.told(row)} was not written by the house; {REMEDY}")
        found, sealed = self.found(connection), self._sealed(connection)
        if sealed is None:
            if self._keyring.epochs.known(EPOCH):
                raise SealBroken(f"the roll of users and grants was removed; {REMEDY}")
            return found, 0
        epoch, digest = _open(self._keyring.for_system(), sealed)
        self._keyring.epochs.check(EPOCH, epoch)
        if found.digest() != digest:
            count, where = found.digest().count, self._where(found)
            raise SealBroken(f"users and grants{where}: the {count} rows are not the {digest.count} written; {REMEDY}")
        return found, epoch

    def found(self, connection: Connection) -> Entries:
        """What stands in all tables, whoever wrote it."""
        key = self._keyring.for_system()
        return Entries(
            {each: _sealed_marks(connection, key, each) for each in SEALED},
            {each: {row: each.proof(key, row) for row, _ in proved_rows(connection, each)} for each in PROVED},
        )

    def remove_forged(self, connection: Connection) -> None:
        """Remove proved rows without their proof."""
        for each, row in self._forged(connection):
            remove_row(connection, each, row)

    def seal(self, connection: Connection, entries: Entries) -> int:
        """Seal the digest of changed entries, in the transaction that changed the rows. Gives its epoch."""
        key, sealed = self._keyring.for_system(), self._sealed(connection)
        epoch = 1 + max(_open(key, sealed)[0] if sealed else 0, self._keyring.epochs.known(EPOCH))
        digest = entries.digest()
        content = {"epoch": epoch, "count": digest.count, "total": f"{digest.total:064x}"}
        statement = update(roll) if sealed else insert(roll)
        connection.execute(statement.values(id=1, sealed=key.seal(json.dumps(content).encode(), _CONTEXT)))
        return epoch

    def keep(self, entries: Entries, epoch: int) -> None:
        """After the commit: these are the entries, and the epoch is written down outside the database."""
        self._entries = entries
        self._keyring.epochs.advance(EPOCH, epoch)

    def _forged(self, connection: Connection) -> list[tuple[Proved, Row]]:
        """Rows without their proof."""
        key = self._keyring.for_system()
        found = ((each, row, proof) for each in PROVED for row, proof in proved_rows(connection, each))
        return [(each, row) for each, row, proof in found if not hmac.compare_digest(proof, each.proof(key, row))]

    def _where(self, found: Entries) -> str:
        """The first row that is not what this process knows; empty at the first look, when it knows nothing."""
        differences = self._entries.difference(found) if self._entries else iter(())
        return "".join(f" ({each})" for each in (next(differences, ""),) if each)

    def _sealed(self, connection: Connection) -> bytes | None:
        return connection.execute(select(roll.c.sealed).with_for_update()).scalar_one_or_none()


def sealed_mark(key: DataKey, kind: Sealed, identifier: str, name_key: bytes, sealed: bytes) -> bytes:
    """What marks a row with a sealed column as it is now."""
    return key.blind(kind.label, frame(identifier.encode(), name_key, hashlib.sha256(sealed).digest()))


def proved_rows(connection: Connection, kind: Proved, **wanted: str) -> list[tuple[Row, bytes]]:
    """Rows with their proofs, those where every wanted column is as wanted."""
    conditions = (kind.table.c[name] == value for name, value in wanted.items())
    columns = (*(kind.table.c[name] for name in kind.names), kind.table.c.proof)
    return [(tuple(row[:-1]), row[-1]) for row in connection.execute(select(*columns).where(*conditions)).all()]


def remove_row(connection: Connection, kind: Proved, row: Row) -> None:
    """Remove one proved row."""
    own = (kind.table.c[name] == cell for name, cell in zip(kind.names, row, strict=True))
    connection.execute(delete(kind.table).where(*own))


def differing(there: dict[_Key, bytes], known: dict[_Key, bytes]) -> Iterator[_Key]:
    """The keys, in order, under which both do not hold the same."""
    for key in sorted(there.keys() | known.keys()):
        if not hmac.compare_digest(there.get(key, b""), known.get(key, b"")):
            yield key


def _sealed_marks(connection: Connection, key: DataKey, kind: Sealed) -> dict[str, bytes]:
    columns = (kind.table.c.id, kind.table.c.name_key, kind.table.c[kind.column])
    rows = connection.execute(select(*columns)).all()
    return {row[0]: sealed_mark(key, kind, row[0], row[1], row[2]) for row in rows}


def _open(key: DataKey, sealed: bytes) -> tuple[int, SetDigest]:
    content = json.loads(key.open(sealed, _CONTEXT))
    return content["epoch"], SetDigest(content["count"], int(content["total"], 16))
