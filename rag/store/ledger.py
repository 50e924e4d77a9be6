"""One change of a collection's rows, with the sealed state that tells of them, in one transaction."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, delete, insert, select, update

from rag.documents import DocumentId
from rag.errors import StoreBroken
from rag.personal.policy import Policy, policy_of
from rag.sources.record import SourceRecord
from rag.store.rows import NewRow, open_about
from rag.store.serving import Policies, Serving, serving_of
from rag.store.state import CollectionState, epoch_name, open_state, seal_state
from rag.store.tables import collections, documents, is_of, passages
from security.epochs import Epochs
from security.identity import CollectionId
from security.sealing import DataKey

_Id = TypeVar("_Id", str, bytes)
IDS_MAX = 500
"""Ids in one statement: databases take some thousands of values."""


JobChange = Callable[[tuple[str, ...]], tuple[str, ...]]
"""From the ids of loads that have not ended to those from now on."""

SourceChange = Callable[[tuple[SourceRecord, ...]], tuple[SourceRecord, ...]]
"""From the sources that a collection has to those it has from now on."""


class Change:
    """Inserts, replaces and deletes documents of one collection, and keeps count."""

    def __init__(self, connection: Connection, key: DataKey, collection_id: CollectionId) -> None:
        self._connection, self._key, self._id = connection, key, collection_id
        self._added: list[bytes] = []
        self._removed: list[bytes] = []
        self._decided: dict[str, Any] = {}
        self._sources: SourceChange = tuple
        self._jobs: JobChange = tuple

    def decide(self, policy: Policy | None, serving: Serving | None) -> None:
        """What the collection does from now on with personal data, and with originals; None leaves it as it is."""
        decided = {"personal_data": policy, "originals": serving}
        self._decided |= {name: value for name, value in decided.items() if value is not None}

    def sources(self, change: "SourceChange") -> None:
        """Where documents come from, from now on."""
        self._sources = change

    def jobs(self, change: "JobChange") -> None:
        """Which loads have not ended, from now on."""
        self._jobs = change

    def insert(self, row: NewRow, passage_rows: Sequence[dict[str, Any]]) -> None:
        """A new document with its passages."""
        self._connection.execute(insert(documents).values(**row.values))
        if passage_rows:
            self._connection.execute(insert(passages), passage_rows)
        self._added.append(row.mark)

    def replace(self, row: NewRow, old: bytes) -> None:
        """Another row for a document that keeps its passages."""
        own = documents.c.id == row.values["id"]
        self._connection.execute(update(documents).where(own).values(**row.values))
        self._added.append(row.mark)
        self._removed.append(old)

    def delete(self, ids: Sequence[DocumentId]) -> None:
        """Documents with their passages; those of other collections stay. Raises SealBroken for a damaged one."""
        for part in id_batches(ids):
            own = documents.c.id.in_(part) & is_of(documents, self._id)
            rows = self._connection.execute(select(documents).where(own)).mappings()
            self._removed += [open_about(self._key, row)[1] for row in rows]
            delete_rows(self._connection, self._id, part)

    def apply(self, state: CollectionState) -> CollectionState:
        """The state after this change."""
        after = state.changed(self._added, self._removed)
        sources, jobs = self._sources(state.sources), self._jobs(state.jobs)
        return replace(after, sources=sources, jobs=jobs, **self._decided)


@contextmanager
def changing(
    engine: Engine, epochs: Epochs, key: DataKey, collection_id: CollectionId
) -> Iterator[tuple[Connection, Change]]:
    """A transaction that changes rows and seals the state that follows; its epoch is written down after the commit.

    Raises OlderState where the collection's row was put back, StoreBroken where its state was taken out.
    """
    with engine.begin() as connection:
        state = present_state(connection, epochs, key, collection_id)
        change = Change(connection, key, collection_id)
        yield connection, change
        after = change.apply(state)
        write_state(connection, key, collection_id, after)
    epochs.advance(epoch_name(collection_id), after.epoch)


def present_state(connection: Connection, epochs: Epochs, key: DataKey, collection_id: CollectionId) -> CollectionState:
    """The collection's state as it stands in its row, not older than is known. Raises SealBroken too."""
    own = collections.c.id == collection_id
    query = select(collections.c.epoch, collections.c.state).where(own).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise StoreBroken(f"collection {collection_id} is not in the database; restore it, or make it anew and load")
    if row.state is None:
        if epochs.known(epoch_name(collection_id)):
            raise StoreBroken(f"collection {collection_id}: its sealed state was taken out of its row")
        return CollectionState(row.epoch)
    state = open_state(key, collection_id, row.state)
    epochs.check(epoch_name(collection_id), state.epoch)
    if state.epoch != row.epoch:
        raise StoreBroken(f"collection {collection_id}: its epoch was changed from {state.epoch} to {row.epoch}")
    return state


def stated_policies(engine: Engine, epochs: Epochs, key: DataKey, collection_id: CollectionId) -> Policies:
    """What the collection does with personal data and originals, as its sealed state says.

    Raises PolicyUnknown for a name that is not one, StoreBroken for a state that was taken out or put back.
    """
    state = stated(engine, epochs, key, collection_id)
    return Policies(policy_of(state.personal_data), serving_of(state.originals))


def stated(engine: Engine, epochs: Epochs, key: DataKey, collection_id: CollectionId) -> CollectionState:
    """The collection's sealed state, for reading. Raises StoreBroken for one that was taken out or put back."""
    known = epochs.known(epoch_name(collection_id))  # before the row is read: a load may change both meanwhile
    query = select(collections.c.state).where(collections.c.id == collection_id)
    with engine.connect() as connection:
        sealed = connection.execute(query).scalar_one_or_none()
    state = open_state(key, collection_id, sealed) if sealed is not None else CollectionState()
    if state.epoch < known:
        raise StoreBroken(f"collection {collection_id}: its sealed state is not there, or an older one; restore it")
    return state


def write_state(connection: Connection, key: DataKey, collection_id: CollectionId, state: CollectionState) -> None:
    """Put a state into the collection's row."""
    sealed = seal_state(key, collection_id, state)
    row = update(collections).where(collections.c.id == collection_id)
    connection.execute(row.values(epoch=state.epoch, state=sealed))


def delete_rows(connection: Connection, collection_id: CollectionId, ids: Sequence[str]) -> None:
    """Documents and their passages, whatever stands in them."""
    for part in id_batches(ids):
        for table, column in ((passages, passages.c.document_id), (documents, documents.c.id)):
            connection.execute(delete(table).where(column.in_(part), is_of(table, collection_id)))


def id_batches(ids: Sequence[_Id]) -> Iterator[Sequence[_Id]]:
    """Ids in parts that fit one statement."""
    return (ids[start : start + IDS_MAX] for start in range(0, len(ids), IDS_MAX))
