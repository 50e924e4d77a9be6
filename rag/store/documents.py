"""Documents and passages in the sealed truth. Every call takes a grant; the key of the collection opens for it."""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import Connection, Engine, RowMapping, func, select

from rag.documents import DocumentId, DocumentInfo, Passage, PassageId
from rag.errors import OriginalWithheld, StoreBroken, Withholding
from rag.facets import Facets, folder_name
from rag.personal.masking import masked, masked_document, masked_passage
from rag.personal.policy import Policy
from rag.sources.record import SourceRecord
from rag.store.entries import Entries, entries_of
from rag.store.fingerprints import Fingerprints, fingerprint, place_key, source_key
from rag.store.integrity import Integrity
from rag.store.jobs import JobBook
from rag.store.keptout import KeptOutFiles
from rag.store.ledger import Change, SourceChange, changing, id_batches, stated, stated_policies
from rag.store.originals import Originals
from rag.store.quality import Quality
from rag.store.resealing import Resealed, Resealing
from rag.store.room import room
from rag.store.rows import (
    facets_under,
    finished_row,
    folder_digest,
    new_entries,
    new_info,
    new_row,
    open_about,
    open_info,
    open_passage,
    passage_row,
)
from rag.store.serving import Policies, Serving
from rag.store.snapshots import Snapshots
from rag.store.tables import collections, documents, is_of, passages
from rag.store.unsealing import Unsealing
from rag.store.values import IndexEntry, MovedTo, NewDocument
from security.access import Grant, Right
from security.identity import CollectionId
from security.keyring import Keyring, collection_owner
from security.sealing import DataKey


class DocumentStore:
    """Puts, gives and forgets documents, one transaction each."""

    def __init__(self, engine: Engine, keyring: Keyring, originals: Path) -> None:
        self._engine, self._keyring, self._originals = engine, keyring, Originals(originals)
        self.snapshots = Snapshots(originals.with_name("snapshots"), keyring)  # of indexes: they hold the same
        self._writing = threading.Lock()  # no value is on its way in under a version that is being retired
        self.integrity = Integrity(engine, keyring, self._originals, self._writing)
        self._unsealing = Unsealing(keyring, self.integrity)
        self.jobs = JobBook(engine, keyring, self._unsealing.key, self._writing)
        self.kept_out = KeptOutFiles(engine, self._unsealing.key, self._writing)
        self.quality = Quality(engine, self._unsealing.key, self._writing, self.policies)
        self.fingerprints = Fingerprints(engine, self._unsealing, self.kept_out)
        self.entries = Entries(engine, self._unsealing, self.documents)

    def put(self, grant: Grant, new: NewDocument) -> tuple[DocumentId, tuple[IndexEntry, ...]]:
        """Seal and store a document; an earlier one at the same place goes. Gives what the index needs.

        The original is on the disk before its row: a crash in between leaves a sealed file that `sweep` removes.
        Raises StoreFull, and then nothing of the document is stored.
        """
        info = new_info(DocumentId(secrets.token_hex(16)), grant.collection_id, new)
        with self._writing, room():
            key = self._unsealing.key(grant, Right.MANAGE)
            entries = new_entries(key, info, new)
            with self._originals.written(key, grant.collection_id, info.id, new.content):
                old = self._insert(key, info, new, entries)
        self._originals.remove(grant.collection_id, old)
        return info.id, entries

    def _insert(
        self, key: DataKey, info: DocumentInfo, new: NewDocument, entries: Sequence[IndexEntry]
    ) -> list[DocumentId]:
        mark = fingerprint(key, new.source, new.place or new.path, new.content)
        row = new_row(key, info, mark, new, [entry.passage_id for entry in entries])
        rows = [passage_row(key, info, entry, chunk) for entry, chunk in zip(entries, new.chunks, strict=True)]
        with self._changing(key, info.collection_id) as (connection, change):
            old = self._at_place(connection, info.collection_id, mark.place)
            change.delete(old)
            change.insert(row, rows)
        return old

    def forget(self, grant: Grant, ids: Sequence[DocumentId]) -> None:
        """Remove documents of the granted collection, their passages and originals."""
        key = self._unsealing.key(grant, Right.MANAGE)
        with self._writing, room(), self._changing(key, grant.collection_id) as (_, change):
            change.delete(ids)
        self._originals.remove(grant.collection_id, ids)

    def decide(self, grant: Grant, policy: Policy | None = None, serving: Serving | None = None) -> None:
        """Say what the collection does from now on with personal data, and with originals; None leaves it as it is.

        `mask` and `withhold` are for all it holds, `refuse` is for what is loaded.
        """
        with self._writing, room():
            key = self._unsealing.key(grant, Right.MANAGE)
            with self._changing(key, grant.collection_id) as (_, change):
                change.decide(policy, serving)

    def policy(self, grant: Grant) -> Policy:
        """What the collection does with personal data. Raises PolicyUnknown."""
        return self.policies(grant).personal_data

    def policies(self, grant: Grant) -> Policies:
        """All that the collection has decided. Raises PolicyUnknown."""
        return self._unsealing.opened(grant, lambda key: self._policies(key, grant))

    def _policies(self, key: DataKey, grant: Grant) -> Policies:
        return stated_policies(self._engine, self._keyring.epochs, key, grant.collection_id)

    def sources(self, grant: Grant) -> tuple[SourceRecord, ...]:
        """Where the documents of the collection come from by themselves, credentials included."""
        self._unsealing.key(grant, Right.MANAGE)
        return self._unsealing.opened(
            grant, lambda key: stated(self._engine, self._keyring.epochs, key, grant.collection_id).sources
        )

    def change_sources(self, grant: Grant, change: SourceChange) -> None:
        """Have other sources from now on: `change` gets those that there are."""
        with self._writing, room():
            key = self._unsealing.key(grant, Right.MANAGE)
            with self._changing(key, grant.collection_id) as (_, ledger):
                ledger.sources(change)

    def _shown(self, key: DataKey, grant: Grant) -> Callable[[DocumentInfo], DocumentInfo]:
        """What whoever reads is told of a document. The house and whoever manages it see what it is."""
        if grant.right is not Right.READ or self._policies(key, grant).personal_data is not Policy.MASK:
            return lambda info: info
        return masked_document

    def sweep(self, grant: Grant) -> int:
        """Remove originals that a crash left without a row; gives their number. Not while this collection loads."""
        self._unsealing.key(grant, Right.MANAGE)
        folders = self._originals.collections()  # before the query: a collection made after it is not a stray
        query = select(documents.c.id).where(documents.c.collection_id == grant.collection_id)
        with self._engine.connect() as connection:
            known = set(connection.execute(select(collections.c.id)).scalars())
            held = set(connection.execute(query).scalars())
        for stray in folders - known:
            self._originals.remove_collection(stray)
        return self._originals.keep_only(grant.collection_id, held)

    def note_versions(self, grant: Grant, versions: Mapping[DocumentId, str]) -> None:
        """Write down the versions that files have now whose content is what was loaded."""
        with self._writing, room():
            key = self._unsealing.key(grant, Right.MANAGE)
            with self._changing(key, grant.collection_id) as (connection, change):
                for identifier, version in versions.items():
                    row = self._row(connection, grant, identifier)
                    about, old = open_about(key, row)
                    change.replace(finished_row(key, dict(row), {**about, "version": version}), old)

    def reseal(self, grant: Grant) -> Iterator[Resealed]:
        """Seal all of the collection anew under a new version of its key, then retire the older ones.

        Yields how far it is, often. People read and load meanwhile. Where a rotation was cut short, it goes on from
        there. Closed or killed at any point, every value opens: the older versions go when nothing is left of them.
        """
        self._unsealing.key(grant, Right.MANAGE)
        owner = collection_owner(grant.collection_id)
        if len(self._keyring.versions(owner)) == 1:
            self._keyring.rotate(owner)
        with room():
            parts = Resealing(self._engine, self._originals, self._keyring.for_grant(grant), grant.collection_id)
            yield from parts.run()
            self.snapshots.reseal(grant)
            with self._writing:  # for the little that came in meanwhile; not across a yield, where threads may change
                for _ in parts.run():
                    pass
                self.snapshots.reseal(grant)
                self._keyring.retire(owner, parts.version)

    def move(self, grant: Grant, document_id: DocumentId, to: MovedTo) -> tuple[Facets, tuple[IndexEntry, ...]]:
        """Give a document a new place without reading it again. Gives its facets, and entries where its title changed.

        A title that was the file's name becomes the new one.
        """
        with self._writing:
            return self._move(grant, document_id, to)

    def _move(self, grant: Grant, document_id: DocumentId, to: MovedTo) -> tuple[Facets, tuple[IndexEntry, ...]]:
        key = self._unsealing.key(grant, Right.MANAGE)
        with room(), self._changing(key, grant.collection_id) as (connection, change):
            row = self._row(connection, grant, document_id)
            about, old = open_about(key, row)
            title = to.path.rpartition("/")[2] if about["title"] == about["path"].rpartition("/")[2] else about["title"]
            known = {**about, "path": to.path, "title": title, "version": to.version}
            place = {"place_key": place_key(key, to.source, to.place), "source_key": source_key(key, to.source)}
            moved = finished_row(key, {**row, **place}, known)
            change.replace(moved, old)
        facets = facets_under(key, open_info(key, moved.values))
        return facets, entries_of(self._engine, key, document_id, facets) if title != about["title"] else ()

    def documents(self, grant: Grant) -> tuple[DocumentInfo, ...]:
        """Every document of the collection, by path."""
        query = select(documents).where(documents.c.collection_id == grant.collection_id)

        def read(key: DataKey) -> list[DocumentInfo]:
            shown = self._shown(key, grant)
            with self._engine.connect() as connection:
                return [shown(open_info(key, row)) for row in connection.execute(query).mappings()]

        return tuple(sorted(self._unsealing.opened(grant, read), key=lambda info: info.path))

    def document(self, grant: Grant, document_id: DocumentId) -> DocumentInfo:
        """One document; raises StoreBroken when the collection has none of that id."""

        def read(key: DataKey) -> DocumentInfo:
            shown = self._shown(key, grant)
            with self._engine.connect() as connection:
                return shown(open_info(key, self._row(connection, grant, document_id)))

        return self._unsealing.opened(grant, read)

    def _row(self, connection: Connection, grant: Grant, document_id: DocumentId) -> RowMapping:
        own = (documents.c.id == document_id) & (documents.c.collection_id == grant.collection_id)
        row = connection.execute(select(documents).where(own)).mappings().first()
        if row is None:
            raise StoreBroken(f"document {document_id} is not in the collection; load the folder again")
        return row

    def passages(self, grant: Grant, ids: Sequence[PassageId]) -> tuple[Passage, ...]:
        """Passages in the order of `ids`, unsealed; ids that are not in the collection are left out.

        Masked where the collection masks, whoever asks: this is the only way of a text to people and to the model.
        """
        query = select(passages.c.id, passages.c.document_id, passages.c.body, documents).join_from(
            passages, documents, passages.c.document_id == documents.c.id
        )
        query = query.where(is_of(passages, grant.collection_id))

        def read(key: DataKey) -> tuple[Passage, ...]:
            is_masked = self._policies(key, grant).personal_data is Policy.MASK
            with self._engine.connect() as connection:
                parts = (connection.execute(query.where(passages.c.id.in_(part))) for part in id_batches(ids))
                rows = {row[0]: row for part in parts for row in part}
            known: dict[str, DocumentInfo] = {}
            found = (open_passage(key, rows[identifier], known) for identifier in ids if identifier in rows)
            return tuple(masked_passage(passage) if is_masked else passage for passage in found)

        return self._unsealing.opened(grant, read)

    def whole(self, grant: Grant, document_id: DocumentId) -> tuple[Passage, ...]:
        """Every passage of a document, in reading order; none where the collection has no such document."""
        query = select(passages.c.id).where(passages.c.document_id == document_id).order_by(passages.c.ordinal)
        with self._engine.connect() as connection:
            ids = connection.execute(query).scalars().all()
        return self.passages(grant, [PassageId(identifier) for identifier in ids])

    def around(self, grant: Grant, passage: Passage, reach: int = 1, shift: int = 0) -> tuple[Passage, ...]:
        """The passage with up to `reach` neighbours on each side, in reading order; all of it moved by `shift`."""
        middle = passage.chunk.ordinal + shift
        near = range(middle - reach, middle + reach + 1)
        query = select(passages.c.id).where(passages.c.document_id == passage.document.id, passages.c.ordinal.in_(near))
        with self._engine.connect() as connection:
            ids = connection.execute(query.order_by(passages.c.ordinal)).scalars().all()
        return self.passages(grant, [PassageId(identifier) for identifier in ids])

    def original(self, grant: Grant, document_id: DocumentId) -> Iterator[bytes]:
        """The document's own bytes, opened block by block. Raises OriginalWithheld at once where they are not given."""
        why = self.withheld(grant, self.document(grant, document_id))
        if why:
            raise OriginalWithheld(why)
        return self._blocks(grant, document_id)

    def withheld(self, grant: Grant, info: DocumentInfo) -> Withholding | None:
        """Why this grant does not give a document's own bytes; None where it does, as to whoever manages."""
        return self.policies(grant).withheld(info.media_type) if grant.right is Right.READ else None

    def _blocks(self, grant: Grant, document_id: DocumentId) -> Iterator[bytes]:
        try:
            yield from self._originals.read(self._unsealing.key(grant), grant.collection_id, document_id)
        except FileNotFoundError as error:
            raise StoreBroken(f"the original of document {document_id} is missing; load its folder again") from error

    def folder_key(self, grant: Grant, folder: str) -> str:
        """The digest that the index knows a folder by; to whoever reads it masked, a folder has its masked name."""
        key = self._unsealing.key(grant)
        is_masked = grant.right is Right.READ and self._policies(key, grant).personal_data is Policy.MASK
        return folder_digest(key, folder_name(masked(folder) if is_masked else folder))

    def ids(self, grant: Grant) -> set[DocumentId]:
        """Which documents the collection holds, without opening any."""
        query = select(documents.c.id).where(documents.c.collection_id == grant.collection_id)
        with self._engine.connect() as connection:
            return {DocumentId(identifier) for identifier in connection.execute(query).scalars()}

    def counts(self, collection_id: CollectionId) -> tuple[int, int]:
        """Documents and passages held, without opening any."""
        held, parts = (
            select(func.count()).select_from(table).where(table.c.collection_id == collection_id)
            for table in (documents, passages)
        )
        with self._engine.connect() as connection:
            return connection.execute(held).scalar_one(), connection.execute(parts).scalar_one()

    def remove_files(self, collection_id: CollectionId) -> None:
        """Remove the sealed originals and snapshots of a collection whose key is gone."""
        self._originals.remove_collection(collection_id)
        self.snapshots.remove_all(collection_id)

    def _changing(self, key: DataKey, collection_id: CollectionId) -> AbstractContextManager[tuple[Connection, Change]]:
        return changing(self._engine, self._keyring.epochs, key, collection_id)

    def _at_place(self, connection: Connection, collection_id: CollectionId, place: bytes) -> list[DocumentId]:
        query = select(documents.c.id).where(documents.c.collection_id == collection_id, documents.c.place_key == place)
        return [DocumentId(identifier) for identifier in connection.execute(query).scalars()]
