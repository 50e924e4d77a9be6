"""A table of rows that each hold one sealed JSON value, under the key of their collection.

row    TABLE(id, collection, sealed JSON); context (TABLE, id, "about")

A row that is taken out, or put back as it once was, is not seen: nothing is decided by what stands here.
"""

import json
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from sqlalchemy import Engine, Table, delete, insert, select

from rag.store.room import room
from rag.store.tables import is_of
from security.access import Grant, Right
from security.errors import AccessDenied, SecurityError
from security.sealing import Context, DataKey


class SealedRows:
    """The rows of one table. `key` opens a collection for a grant, `writing` is the store's lock."""

    def __init__(self, table: Table, engine: Engine, key: Callable[[Grant], DataKey], writing: Lock) -> None:
        self._table, self._engine, self._key_for, self._writing = table, engine, key, writing

    def key(self, grant: Grant, right: Right = Right.MANAGE) -> DataKey:
        """The collection's key, for a grant to `right` alone. Raises AccessDenied."""
        if grant.right is not right:
            raise AccessDenied(f"this needs the right to {right.value}; the grant is to {grant.right.value}")
        return self._key_for(grant)

    def all(self, key: DataKey, grant: Grant) -> dict[str, dict[str, Any]]:
        """What each row of the collection holds, by id. What does not open is as if it were not there."""
        query = select(self._table.c.id, self._table.c.about).where(self._table.c.collection_id == grant.collection_id)
        found = {}
        with self._engine.connect() as connection:
            for identifier, sealed in connection.execute(query):
                try:
                    found[identifier] = json.loads(key.open(sealed, self._context(identifier)))
                except SecurityError:
                    continue
        return found

    def put(self, grant: Grant, right: Right, identifier: str, about: Mapping[str, Any]) -> None:
        """Seal a row, in the place of the one of that id."""
        with self._writing, room():
            content = json.dumps(about, ensure_ascii=False).encode("utf-8", "surrogatepass")
            sealed = self.key(grant, right).seal(content, self._context(identifier))
            row = {"id": identifier, "collection_id": grant.collection_id, "about": sealed}
            with self._engine.begin() as connection:
                connection.execute(delete(self._table).where(self._at(grant, identifier)))
                connection.execute(insert(self._table).values(row))

    def drop(self, grant: Grant, right: Right, identifier: str) -> bool:
        """Remove a row; tells whether there was one."""
        self.key(grant, right)
        with self._writing, room(), self._engine.begin() as connection:
            return connection.execute(delete(self._table).where(self._at(grant, identifier))).rowcount > 0

    def _at(self, grant: Grant, identifier: str) -> Any:
        return (self._table.c.id == identifier) & is_of(self._table, grant.collection_id)

    def _context(self, identifier: str) -> Context:
        return row_context(self._table, identifier)


def row_context(table: Table, identifier: str) -> Context:
    """Where the value of such a row lives."""
    return Context(table.name, identifier, "about")
