"""The roll: what the tables of users and grants hold, sealed, so that a row put back, moved or taken out is seen.

    mark of a user  = blind("user row", frame(id, name key, SHA-256 of the sealed profile)) under the system key
    mark of a grant = blind("grant", frame(user, collection, right)), its proof
    sealed          = {"epoch", "count", "total"}: the set digest of all marks, context ("roll", "1", "sealed")

The row of the roll changes in one transaction with the rows it tells of; its epoch is written down outside the
database.
"""

import hashlib
import json
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select, update

from security.digests import SetDigest
from security.errors import SealBroken
from security.keyring import Keyring
from security.sealing import Context, DataKey, frame
from security.tables import grants, roll, users

EPOCH = "directory"
REMEDY = "restore the database, or take over what is there with `huisclos repair --directory`"
_CONTEXT = Context("roll", "1", "sealed")

GrantRow = tuple[str, str, str]
"""User, collection, right."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Marks of users by id, and of grants."""

    users: dict[str, bytes] = field(default_factory=dict)
    grants: dict[GrantRow, bytes] = field(default_factory=dict)

    def copy(self) -> "Entries":
        """The same, to be changed."""
        return Entries(dict(self.users), dict(self.grants))

    def digest(self) -> SetDigest:
        """The digest of all marks."""
        return SetDigest().plus(self.users.values()).plus(self.grants.values())


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
        """Both tables, compared with the sealed digest, and its epoch, compared with the one written down.

        The epoch is 0 before the first change of a house.
        """
        found, sealed = self.found(connection), self._sealed(connection)
        if sealed is None:
            if self._keyring.epochs.known(EPOCH):
                raise SealBroken(f"the roll of users and grants was removed; {REMEDY}")
            return found, 0
        epoch, digest = _open(self._keyring.for_system(), sealed)
        self._keyring.epochs.check(EPOCH, epoch)
        if found.digest() != digest:
            count = found.digest().count
            raise SealBroken(f"users and grants: the {count} rows are not the {digest.count} written; {REMEDY}")
        return found, epoch

    def found(self, connection: Connection) -> Entries:
        """What stands in both tables, whoever wrote it."""
        key = self._keyring.for_system()
        people = connection.execute(select(users.c.id, users.c.name_key, users.c.profile)).all()
        held = connection.execute(select(grants.c.user_id, grants.c.collection_id, grants.c.right)).all()
        return Entries(
            {row.id: user_mark(key, row.id, row.name_key, row.profile) for row in people},
            {(row[0], row[1], row[2]): grant_proof(key, row[0], row[1], row[2]) for row in held},
        )

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

    def _sealed(self, connection: Connection) -> bytes | None:
        return connection.execute(select(roll.c.sealed).with_for_update()).scalar_one_or_none()


def user_mark(key: DataKey, user_id: str, name_key: bytes, profile: bytes) -> bytes:
    """What marks a user's row as it is now."""
    return key.blind("user row", frame(user_id.encode(), name_key, hashlib.sha256(profile).digest()))


def grant_proof(key: DataKey, user_id: str, collection_id: str, right: str) -> bytes:
    """What proves that the house wrote a grant, once."""
    return key.blind("grant", frame(user_id.encode(), collection_id.encode(), right.encode()))


def _open(key: DataKey, sealed: bytes) -> tuple[int, SetDigest]:
    content = json.loads(key.open(sealed, _CONTEXT))
    return content["epoch"], SetDigest(content["count"], int(content["total"], 16))
