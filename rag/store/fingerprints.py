"""Files told by keyed digests of where they lie and what they hold, for a load that compares them with the truth."""

import hashlib
import os
from collections.abc import Iterable

from sqlalchemy import Engine, select

from rag.documents import DocumentId
from rag.store.keptout import KeptOutFiles
from rag.store.rows import open_held, place_bytes
from rag.store.tables import documents
from rag.store.unsealing import Unsealing
from rag.store.values import Fingerprint, Held, Inventory
from security.access import Grant, Right
from security.sealing import DataKey


class Fingerprints:
    """Digests of files, and what a collection holds by them. All of it takes the right to manage the collection."""

    def __init__(self, engine: Engine, unsealing: Unsealing, kept_out: KeptOutFiles) -> None:
        self._engine, self._unsealing, self._kept_out = engine, unsealing, kept_out

    def of(self, grant: Grant, source: str, place: str, content: bytes) -> Fingerprint:
        """The keyed digests of a file."""
        return fingerprint(self._key(grant), source, place, content)

    def place_key(self, grant: Grant, source: str, place: str) -> bytes:
        """The keyed digest of a place."""
        return place_key(self._key(grant), source, place)

    def place_keys(self, grant: Grant, source: str, places: Iterable[str]) -> dict[str, bytes]:
        """The keyed digests of many places of a source."""
        key = self._key(grant)
        return {place: place_key(key, source, place) for place in places}

    def source_key(self, grant: Grant, source: str) -> bytes:
        """The keyed digest of a source: a loaded folder, or a file that holds files."""
        return source_key(self._key(grant), source)

    def inventory(self, grant: Grant, source: str) -> Inventory:
        """What the collection holds, told by digests, for a load from this source."""
        mine = self.source_key(grant, source)
        columns = (documents.c.id, documents.c.source_key, documents.c.place_key, documents.c.content_key)
        query = select(*columns).where(documents.c.collection_id == grant.collection_id)
        sources: dict[bytes, dict[bytes, tuple[DocumentId, bytes]]] = {}
        elsewhere: dict[bytes, tuple[DocumentId, ...]] = {}
        with self._engine.connect() as connection:
            for identifier, source_of, place, content in connection.execute(query):
                sources.setdefault(source_of, {})[place] = (DocumentId(identifier), content)
                if source_of != mine:
                    elsewhere[content] = (*elsewhere.get(content, ()), DocumentId(identifier))
        return Inventory(sources, elsewhere, self._kept_out.by_source(grant))

    def held(self, grant: Grant, source: str) -> dict[bytes, Held]:
        """The documents of a source by the digest of their place, all opened: 10,000 take a second."""
        mine = self.source_key(grant, source)
        query = select(documents).where(
            documents.c.collection_id == grant.collection_id, documents.c.source_key == mine
        )

        def read(key: DataKey) -> dict[bytes, Held]:
            with self._engine.connect() as connection:
                return {row["place_key"]: open_held(key, row) for row in connection.execute(query).mappings()}

        return self._unsealing.opened(grant, read)

    def _key(self, grant: Grant) -> DataKey:
        return self._unsealing.key(grant, Right.MANAGE)


def fingerprint(key: DataKey, source: str, place: str, content: bytes) -> Fingerprint:
    """The digests of a file under the key of a collection."""
    return Fingerprint(place_key(key, source, place), key.blind("content", hashlib.sha256(content).digest()))


def place_key(key: DataKey, source: str, place: str) -> bytes:
    """The digest of a place under the key of a collection."""
    return key.blind("place", place_bytes(source, place))


def source_key(key: DataKey, source: str) -> bytes:
    """The digest of a source under the key of a collection."""
    return key.blind("source", os.fsencode(source))
