"""Collections: a sealed name, a key of their own, an epoch."""

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from rag.errors import CollectionExists, CollectionUnknown, StoreBroken
from rag.store.state import epoch_name
from rag.store.tables import collections
from security.errors import SealBroken
from security.identity import CollectionId
from security.keyring import Keyring, collection_owner
from security.sealing import Context

NAME_CHARACTERS_MAX = 200
NAME_CHANGED = "its name was changed, or exchanged with another's; restore the database from a backup"


@dataclass(frozen=True, slots=True)
class CollectionRecord:
    """What the house knows of a collection. Where its name is not what was written, that is said, and the id shown."""

    id: CollectionId
    name: str
    created_at: datetime
    epoch: int
    is_named: bool = True


class CollectionStore:
    """Creates, finds and removes collections. Names are sealed under the system key."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self._engine, self._keyring = engine, keyring

    def create(self, name: str) -> CollectionId:
        """Make an empty collection with a key of its own; raises CollectionExists.

        The key comes first: a crash in between leaves a key of nothing, never a collection without its key.
        """
        shown = unicodedata.normalize("NFC", name).strip()
        if not 0 < len(shown) <= NAME_CHARACTERS_MAX:
            raise CollectionUnknown(f"a collection's name has 1 to {NAME_CHARACTERS_MAX} characters; choose another")
        identifier = CollectionId(secrets.token_hex(16))
        sealed = self._keyring.for_system().seal(shown.encode(), _name_context(identifier))
        row = {"id": identifier, "name_key": self._name_key(shown), "name": sealed, "epoch": 0}
        self._forget_shredded()
        self._keyring.create(collection_owner(identifier))
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(collections).values(**row, created_at=datetime.now(UTC).isoformat()))
        except Exception as error:
            self._keyring.destroy(collection_owner(identifier))
            if isinstance(error, IntegrityError):
                raise CollectionExists("a collection of that name exists; choose another name") from error
            raise
        return identifier

    def find(self, name: str) -> CollectionRecord | None:
        """The collection of that name, or None. Raises StoreBroken where the row was changed to be found by it."""
        query = select(collections).where(collections.c.name_key == self._name_key(name))
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        record = self._record(row) if row and self._has_key(row) else None
        if record and not record.is_named:
            raise StoreBroken(f"collection {record.id}: {NAME_CHANGED}")
        return record

    def get(self, collection_id: CollectionId) -> CollectionRecord:
        """The collection of that id; raises CollectionUnknown."""
        with self._engine.connect() as connection:
            row = connection.execute(select(collections).where(collections.c.id == collection_id)).mappings().first()
        if row is None or not self._has_key(row):
            raise CollectionUnknown("no such collection; see `huisclos collection list`")
        return self._record(row)

    def list(self) -> tuple[CollectionRecord, ...]:
        """Every collection, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(collections)).mappings().all()
        records = (self._record(row) for row in rows if self._has_key(row))
        return tuple(sorted(records, key=lambda record: record.name.casefold()))

    def remove(self, collection_id: CollectionId) -> None:
        """Destroy the key first, then the rows: after a crash in between nothing opens, and the rows do not count."""
        self._keyring.destroy(collection_owner(collection_id))
        with self._engine.begin() as connection:
            connection.execute(delete(collections).where(collections.c.id == collection_id))
        self._keyring.epochs.forget(epoch_name(collection_id))

    def _has_key(self, row: Mapping[Any, Any]) -> bool:
        return self._keyring.has(collection_owner(CollectionId(row["id"])))

    def _forget_shredded(self) -> None:
        """Finish removals that a crash cut short: rows whose key is destroyed."""
        with self._engine.begin() as connection:
            rows = connection.execute(select(collections.c.id)).mappings().all()
            shredded = [row["id"] for row in rows if not self._has_key(row)]
            for identifier in shredded:
                connection.execute(delete(collections).where(collections.c.id == identifier))

    def _record(self, row: Mapping[Any, Any]) -> CollectionRecord:
        identifier, created = CollectionId(row["id"]), datetime.fromisoformat(row["created_at"])
        try:
            name = self._keyring.for_system().open(row["name"], _name_context(identifier)).decode()
        except SealBroken:
            return CollectionRecord(identifier, identifier, created, row["epoch"], is_named=False)
        if row["name_key"] != self._name_key(name):
            return CollectionRecord(identifier, identifier, created, row["epoch"], is_named=False)
        return CollectionRecord(identifier, name, created, row["epoch"])

    def _name_key(self, name: str) -> bytes:
        folded = unicodedata.normalize("NFKC", name).strip().casefold()
        return self._keyring.for_system().blind("collection name", folded.encode())


def _name_context(identifier: CollectionId) -> Context:
    return Context("collections", identifier, "name")
