"""Files that did not come in: kept with their reason, so that somebody can look after them, until they come in or go.

    row    kept_out(id, collection, place, source, sealed JSON); context ("kept_out", id, "about")

What stands here says why a file is not found; it decides nothing about one whose content is another.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import Engine, RowMapping, delete, insert, select

from rag.store.ledger import id_batches
from rag.store.room import room
from rag.store.rows import place_bytes
from rag.store.tables import is_of, kept_out
from rag.store.values import KeptOut
from security.access import Grant, Right
from security.errors import AccessDenied, SecurityError
from security.sealing import Context, DataKey, frame


class KeptOutFiles:
    """Every file that a collection did not take. `key` opens it for a grant, `writing` is the store's lock."""

    def __init__(self, engine: Engine, key: Callable[[Grant], DataKey], writing: Lock) -> None:
        self._engine, self._key_for, self._writing = engine, key, writing

    def all(self, grant: Grant) -> tuple[KeptOut, ...]:
        """Every one of them, by path."""
        files = (file for places in self.by_source(grant).values() for file in places.values())
        return tuple(sorted(files, key=lambda file: file.doc))

    def by_source(self, grant: Grant) -> dict[bytes, dict[bytes, KeptOut]]:
        """The same by the digests of source and place. What does not open is as if it were not there."""
        key = self._key(grant)
        found: dict[bytes, dict[bytes, KeptOut]] = {}
        query = select(kept_out).where(kept_out.c.collection_id == grant.collection_id)
        with self._engine.connect() as connection:
            for row in connection.execute(query).mappings():
                file = _open(key, row)
                if file:
                    found.setdefault(row["source_key"], {})[row["place_key"]] = file
        return found

    def note(self, grant: Grant, source: str, place: str, file: KeptOut) -> None:
        """Keep a file of a source, in place of what was kept of it before."""
        with self._writing, room():
            key = self._key(grant)
            row = _row(key, grant, (source, place), file)
            with self._engine.begin() as connection:
                connection.execute(delete(kept_out).where(_at(grant, [row["place_key"]])))
                connection.execute(insert(kept_out).values(row))

    def drop(self, grant: Grant, places: Sequence[bytes]) -> None:
        """Forget files that came in, or are gone, by the digests of their places."""
        self._key(grant)
        with self._writing, room(), self._engine.begin() as connection:
            for part in id_batches(places):
                connection.execute(delete(kept_out).where(_at(grant, part)))

    def _key(self, grant: Grant) -> DataKey:
        if grant.right is not Right.MANAGE:
            raise AccessDenied(f"this needs the right to manage; the grant is to {grant.right.value}")
        return self._key_for(grant)


def kept_out_context(identifier: str) -> Context:
    """Where what is known of such a file lives."""
    return Context("kept_out", identifier, "about")


def _at(grant: Grant, places: Iterable[bytes]) -> Any:
    return kept_out.c.place_key.in_(list(places)) & is_of(kept_out, grant.collection_id)


def _row(key: DataKey, grant: Grant, where: tuple[str, str], file: KeptOut) -> dict[str, Any]:
    identifier = secrets.token_hex(16)
    row = {
        "id": identifier,
        "collection_id": grant.collection_id,
        "place_key": key.blind("place", place_bytes(*where)),
        "source_key": key.blind("source", os.fsencode(where[0])),
    }
    about = {
        "doc": file.doc,
        "state": file.state,
        "reason": file.reason,
        "at": file.at.isoformat(),
        "content": file.content,
        "version": file.version,
        "is_lasting": file.is_lasting,
        "row": _proof(key, row),
    }
    content = json.dumps(about).encode()
    return {**row, "about": key.seal(content, kept_out_context(identifier))}


def _proof(key: DataKey, row: Mapping[Any, Any]) -> str:
    """What binds the plain columns to what is sealed, in hex."""
    columns = (row["collection_id"].encode(), row["place_key"], row["source_key"])
    return key.blind("kept out row", frame(*columns)).hex()


def _open(key: DataKey, row: RowMapping) -> KeptOut | None:
    try:
        about = json.loads(key.open(row["about"], kept_out_context(row["id"])))
    except SecurityError:
        return None
    if about["row"] != _proof(key, row):
        return None
    at = datetime.fromisoformat(about["at"])
    what = (about["content"], about["version"], about["is_lasting"])
    return KeptOut(about["doc"], about["state"], about["reason"], at, *what)
