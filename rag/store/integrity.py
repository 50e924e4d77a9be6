"""Whether a collection is what was written: looked at when the house opens and on demand. Damage is named.

A collection found damaged is closed until it was repaired or restored; the others go on.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, delete, select, update

from rag.documents import DocumentId, PassageId
from rag.errors import StoreBroken
from rag.personal.policy import Policy
from rag.store.ledger import delete_rows, id_batches, present_state, write_state
from rag.store.originals import Originals
from rag.store.rows import finished_row, open_about, open_about_of_old, passage_context
from rag.store.serving import Serving
from rag.store.state import CollectionState, epoch_name, open_state, passages_proof
from rag.store.tables import collections, documents, passages
from security.access import Grant
from security.digests import SetDigest
from security.errors import SecurityError
from security.identity import CollectionId
from security.keyring import Keyring
from security.sealing import DataKey

BATCH = 500
"""Passages opened between two signs of progress."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What is not as it was written, and how that shows. `document` where one alone is concerned."""

    reason: str
    document: DocumentId | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """How far a verification is: values opened, of how many, and what was found at this step."""

    done: int
    total: int
    damage: tuple[Damage, ...] = ()


@dataclass(slots=True)
class _Rows:
    """What stands in the database for one collection."""

    marks: list[bytes] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    strays: list[PassageId] = field(default_factory=list)


class Integrity:
    """Looks at collections and keeps those closed that are damaged. `writing` keeps changes out meanwhile."""

    def __init__(self, engine: Engine, keyring: Keyring, originals: Originals, writing: threading.Lock) -> None:
        self._engine, self._keyring, self._originals, self._writing = engine, keyring, originals, writing
        self._damaged: dict[CollectionId, Damage] = {}

    def is_closed(self, collection_id: CollectionId) -> bool:
        """Whether a collection was found damaged."""
        return collection_id in self._damaged

    def close(self, collection_id: CollectionId, damage: Damage) -> None:
        """Close a collection in which something does not open."""
        self._damaged[collection_id] = damage

    def reason(self, collection_id: CollectionId) -> str:
        """Why a collection is closed and what to do, in one sentence; empty where it is open."""
        damage = self._damaged.get(collection_id)
        if damage is None:
            return ""
        what = f"collection {collection_id} is closed: {damage.reason.removesuffix('. Restore it')}"
        return f"{what}. Restore it from a backup, or run `huisclos repair` with its name and load its folder again"

    def require(self, collection_id: CollectionId) -> None:
        """Raise StoreBroken for a collection that is closed."""
        if self.is_closed(collection_id):
            raise StoreBroken(self.reason(collection_id))

    def look(self, grant: Grant) -> tuple[Damage, ...]:
        """Compare the rows with the sealed state, without opening passages; what is found closes the collection.

        Cost grows with documents and passages.
        """
        key = self._keyring.for_grant(grant)
        with self._writing, self._engine.connect() as connection:
            found = self._structure(connection, key, grant.collection_id)
        if found:
            self.close(grant.collection_id, found[0])
        return tuple(found)

    def look_closely(self, grant: Grant) -> Iterator[Looked]:
        """The same, then open every passage, vector and original; a collection in which nothing is found is opened."""
        found = list(self.look(grant))
        key = self._keyring.for_grant(grant)
        with self._engine.connect() as connection:
            ids = connection.execute(_of(passages, grant.collection_id, passages.c.id)).scalars().all()
            files = connection.execute(_of(documents, grant.collection_id, documents.c.id)).scalars().all()
        done, total = 0, len(ids) + len(files)
        yield Looked(done, total, tuple(found))
        parts = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
        steps = chain(
            ((len(part), self._values(key, part)) for part in parts),
            ((1, self._original(key, grant.collection_id, DocumentId(each))) for each in files),
        )
        for count, damage in steps:
            done += count
            found += damage
            if damage:
                self.close(grant.collection_id, damage[0])
            yield Looked(done, total, damage)
        if not found:
            self._damaged.pop(grant.collection_id, None)

    def repair(self, grant: Grant, broken: Sequence[DocumentId]) -> None:
        """Remove documents, take the rest for the present state, and open the collection.

        A collection that is older as a whole is taken as it stands: what was removed from it since is there again.
        """
        key, collection_id = self._keyring.for_grant(grant), grant.collection_id
        with self._writing:
            with self._engine.begin() as connection:
                delete_rows(connection, collection_id, broken)
                rows = self._rows(connection, key, collection_id)
                delete_rows(connection, collection_id, [damage.document for damage in rows.damage if damage.document])
                for part in id_batches(rows.strays):
                    connection.execute(delete(passages).where(passages.c.id.in_(part)))
                state = self._counted(connection, key, collection_id, rows)
                write_state(connection, key, collection_id, state)
            self._keyring.epochs.advance(epoch_name(collection_id), state.epoch)
        self._originals.remove(collection_id, broken)
        self._damaged.pop(collection_id, None)

    def adopt(self, grant: Grant) -> bool:
        """Bind the rows of a collection written before there was a state; gives whether that was to be done."""
        key, collection_id = self._keyring.for_grant(grant), grant.collection_id
        own = collections.c.id == collection_id
        with self._writing:
            with self._engine.begin() as connection:
                query = select(collections.c.state).where(own).with_for_update()
                has_state = connection.execute(query).scalar_one() is not None
                if has_state or self._keyring.epochs.known(epoch_name(collection_id)):
                    return False
                self._bind(connection, key, collection_id)
                state = self._counted(connection, key, collection_id, self._rows(connection, key, collection_id))
                write_state(connection, key, collection_id, state)
            self._keyring.epochs.advance(epoch_name(collection_id), state.epoch)
        return True

    def _structure(self, connection: Connection, key: DataKey, collection_id: CollectionId) -> list[Damage]:
        rows = self._rows(connection, key, collection_id)
        try:
            state = present_state(connection, self._keyring.epochs, key, collection_id)
        except (SecurityError, StoreBroken) as error:
            return [*rows.damage, Damage(str(error))]
        digest = SetDigest().plus(rows.marks)
        self._keyring.epochs.advance(epoch_name(collection_id), state.epoch)
        if not rows.damage and digest != state.documents:
            rows.damage.append(
                Damage(
                    f"{digest.count} documents stand in the database, which are not the {state.documents.count} that "
                    "were written: some were taken out or put back"
                )
            )
        return rows.damage

    def _rows(self, connection: Connection, key: DataKey, collection_id: CollectionId) -> _Rows:
        found = _Rows()
        held = _passage_ids(connection, collection_id)
        for row in connection.execute(_of(documents, collection_id)).mappings():
            identifier = DocumentId(row["id"])
            ids = held.pop(identifier, [])
            try:
                about, mark = open_about(key, row)
            except SecurityError as error:
                found.damage.append(Damage(str(error), identifier))
                continue
            if about["passage_ids"] != passages_proof(key, identifier, ids):
                written = about["passages"]
                reason = f"document {identifier}: its {len(ids)} passages are not the {written} that were written"
                found.damage.append(Damage(reason, identifier))
                continue
            found.marks.append(mark)
        for document, ids in held.items():
            found.strays += ids
            found.damage.append(Damage(f"passages of a document that is not there: {document}"))
        return found

    def _counted(
        self, connection: Connection, key: DataKey, collection_id: CollectionId, rows: _Rows
    ) -> CollectionState:
        """The state that tells of these rows, one epoch after every one that is known."""
        epoch = connection.execute(_of(collections, collection_id, collections.c.epoch)).scalar_one()
        known = self._keyring.epochs.known(epoch_name(collection_id))
        decided = self._decided(connection, key, collection_id)
        return replace(decided, epoch=max(epoch, known) + 1, documents=SetDigest().plus(rows.marks))

    def _decided(self, connection: Connection, key: DataKey, collection_id: CollectionId) -> CollectionState:
        """The state for its policies; the strictest ones where a state that said them is gone or does not open."""
        sealed = connection.execute(_of(collections, collection_id, collections.c.state)).scalar_one()
        strictest = CollectionState(personal_data=Policy.MASK, originals=Serving.WITHHOLD)
        if sealed is None:
            return strictest if self._keyring.epochs.known(epoch_name(collection_id)) else CollectionState()
        try:
            return open_state(key, collection_id, sealed)
        except SecurityError:
            return strictest

    def _bind(self, connection: Connection, key: DataKey, collection_id: CollectionId) -> None:
        held = _passage_ids(connection, collection_id)
        for row in connection.execute(_of(documents, collection_id)).mappings().all():
            try:
                about = open_about_of_old(key, row)
            except SecurityError:
                continue  # it was damaged before, and is found so
            about["passage_ids"] = passages_proof(key, row["id"], held.get(DocumentId(row["id"]), []))
            values = finished_row(key, dict(row), about).values
            own = documents.c.id == row["id"]
            connection.execute(update(documents).where(own).values(about=values["about"]))

    def _values(self, key: DataKey, ids: Sequence[str]) -> tuple[Damage, ...]:
        """Those of some passages that do not open."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(passages).where(passages.c.id.in_(ids))).mappings().all()
        found = []
        for row in rows:
            try:
                for column in ("body", "vector"):
                    key.open(row[column], passage_context(row["id"], row["document_id"], column))
            except SecurityError as error:
                found.append(Damage(str(error), DocumentId(row["document_id"])))
        return tuple(found)

    def _original(self, key: DataKey, collection_id: CollectionId, document_id: DocumentId) -> tuple[Damage, ...]:
        try:
            for _ in self._originals.read(key, collection_id, document_id):
                pass
        except FileNotFoundError:
            if self._is_held(document_id):
                return (Damage(f"document {document_id}: its original is missing", document_id),)
        except SecurityError as error:
            return (Damage(str(error), document_id),)
        return ()

    def _is_held(self, document_id: DocumentId) -> bool:
        with self._engine.connect() as connection:
            return connection.execute(select(documents.c.id).where(documents.c.id == document_id)).first() is not None


def _of(table: Table, collection_id: CollectionId, *columns: Any) -> Select[Any]:
    """What a table holds of a collection."""
    own = table.c.id if table is collections else table.c.collection_id
    return select(*(columns or (table,))).where(own == collection_id)


def _passage_ids(connection: Connection, collection_id: CollectionId) -> dict[DocumentId, list[PassageId]]:
    """Ids of passages in reading order, by document."""
    columns = (passages.c.document_id, passages.c.id)
    query = _of(passages, collection_id, *columns).order_by(passages.c.document_id, passages.c.ordinal)
    held: dict[DocumentId, list[PassageId]] = defaultdict(list)
    for document, passage in connection.execute(query):
        held[document].append(passage)
    return held
