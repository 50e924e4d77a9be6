"""Documents and passages in the sealed truth. Every call takes a grant; the key of the collection opens for it."""

import hashlib
import io
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, delete, insert, select, update

from rag.documents import Chunk, DocumentId, DocumentInfo, ParsedDocument, Passage, PassageId
from rag.errors import StoreBroken
from rag.store.tables import collections, documents, passages
from security.access import Grant, Right
from security.errors import AccessDenied
from security.identity import CollectionId
from security.keyring import Keyring
from security.sealing import Context, DataKey

_VECTOR = np.dtype("<f2")
"""float16: unit vectors lose 1e-4 of cosine and half the bytes."""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document as it comes in: where it lay, its bytes, what was read, its chunks and their vectors (n, d)."""

    source: str
    path: str
    media_type: str
    content: bytes
    parsed: ParsedDocument
    chunks: tuple[Chunk, ...]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Keyed digests that tell an unchanged or moved file without readable text."""

    place: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What the index in memory needs of a passage: its vector (d,) float32 and its words."""

    passage_id: PassageId
    document_id: DocumentId
    vector: NDArray[np.float32]
    text: str


class DocumentStore:
    """Puts, gives and forgets documents, one transaction each."""

    def __init__(self, engine: Engine, keyring: Keyring, originals: Path) -> None:
        self._engine, self._keyring, self._originals = engine, keyring, originals

    def put(self, grant: Grant, new: NewDocument) -> tuple[DocumentId, tuple[IndexEntry, ...]]:
        """Seal and store a document; an earlier one at the same place goes. Gives what the index needs."""
        key = self._key(grant, Right.MANAGE)
        identifier = DocumentId(secrets.token_hex(16))
        info = _info(identifier, grant.collection_id, new)
        self._write_original(key, grant.collection_id, identifier, new.content)
        entries = _entries(info, new)
        mark = self._fingerprint(key, new.source, new.path, new.content)
        with self._engine.begin() as connection:
            old = self._at_place(connection, grant.collection_id, mark.place)
            _delete_rows(connection, old)
            connection.execute(insert(documents).values(**_document_row(key, info, mark, new.source)))
            rows = [_passage_row(key, info, entry, chunk) for entry, chunk in zip(entries, new.chunks, strict=True)]
            if rows:
                connection.execute(insert(passages), rows)
            _advance(connection, grant.collection_id)
        self._unlink(grant.collection_id, old)
        return identifier, entries

    def forget(self, grant: Grant, ids: Sequence[DocumentId]) -> None:
        """Remove documents, their passages and originals."""
        self._key(grant, Right.MANAGE)
        with self._engine.begin() as connection:
            _delete_rows(connection, ids)
            _advance(connection, grant.collection_id)
        self._unlink(grant.collection_id, ids)

    def fingerprint(self, grant: Grant, source: str, path: str, content: bytes) -> Fingerprint:
        """The keyed digests of a file."""
        return self._fingerprint(self._key(grant, Right.MANAGE), source, path, content)

    def of_source(self, grant: Grant, source: str) -> dict[bytes, tuple[DocumentId, bytes]]:
        """Documents loaded from a folder: place digest to id and content digest."""
        key = self._key(grant, Right.MANAGE)
        query = select(documents.c.id, documents.c.place_key, documents.c.content_key).where(
            documents.c.collection_id == grant.collection_id,
            documents.c.source_key == key.blind("source", source.encode()),
        )
        with self._engine.connect() as connection:
            return {place: (DocumentId(row), content) for row, place, content in connection.execute(query)}

    def move(self, grant: Grant, document_id: DocumentId, source: str, path: str, content: bytes) -> None:
        """Give a document a new path without reading it again."""
        key = self._key(grant, Right.MANAGE)
        info = self.document(grant, document_id)
        mark = self._fingerprint(key, source, path, content)
        moved = {**_about(info), "path": path}
        values = {"place_key": mark.place, "about": _seal_json(key, moved, _about_context(document_id))}
        with self._engine.begin() as connection:
            connection.execute(update(documents).where(documents.c.id == document_id).values(**values))

    def documents(self, grant: Grant) -> tuple[DocumentInfo, ...]:
        """Every document of the collection, by path."""
        key = self._key(grant)
        query = select(documents).where(documents.c.collection_id == grant.collection_id)
        with self._engine.connect() as connection:
            found = [_open_info(key, row) for row in connection.execute(query).mappings()]
        return tuple(sorted(found, key=lambda info: info.path))

    def document(self, grant: Grant, document_id: DocumentId) -> DocumentInfo:
        """One document; raises StoreBroken when the collection has none of that id."""
        key = self._key(grant)
        query = select(documents).where(documents.c.id == document_id, documents.c.collection_id == grant.collection_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise StoreBroken(f"document {document_id} is not in the collection; load the folder again")
        return _open_info(key, row)

    def passages(self, grant: Grant, ids: Sequence[PassageId]) -> tuple[Passage, ...]:
        """Passages in the order of `ids`, unsealed; ids that are not in the collection are left out."""
        key = self._key(grant)
        query = select(passages.c.id, passages.c.document_id, passages.c.body, documents).join_from(
            passages, documents, passages.c.document_id == documents.c.id
        )
        query = query.where(passages.c.id.in_(ids), passages.c.collection_id == grant.collection_id)
        with self._engine.connect() as connection:
            rows = {row[0]: row for row in connection.execute(query)}
        return tuple(_open_passage(key, rows[identifier]) for identifier in ids if identifier in rows)

    def around(self, grant: Grant, passage: Passage, reach: int = 1) -> tuple[Passage, ...]:
        """The passage with up to `reach` neighbours on each side, in reading order."""
        near = range(passage.chunk.ordinal - reach, passage.chunk.ordinal + reach + 1)
        query = select(passages.c.id).where(passages.c.document_id == passage.document.id, passages.c.ordinal.in_(near))
        with self._engine.connect() as connection:
            ids = connection.execute(query.order_by(passages.c.ordinal)).scalars().all()
        return self.passages(grant, [PassageId(identifier) for identifier in ids])

    def original(self, grant: Grant, document_id: DocumentId) -> Iterator[bytes]:
        """The document's own bytes, in blocks."""
        key = self._key(grant)
        path = self._original_path(grant.collection_id, self.document(grant, document_id).id)
        with path.open("rb") as sealed:
            yield from key.open_stream(sealed, _original_context(document_id))

    def index_entries(self, grant: Grant, batch: int = 500) -> Iterator[tuple[IndexEntry, ...]]:
        """Everything the index needs of a collection, in batches."""
        key = self._key(grant, Right.INDEX)
        titles = {info.id: info.title for info in self.documents(grant)}
        query = select(passages).where(passages.c.collection_id == grant.collection_id)
        with self._engine.connect() as connection:
            for rows in connection.execution_options(yield_per=batch).execute(query).mappings().partitions():
                yield tuple(_open_entry(key, row, titles) for row in rows)

    def counts(self, collection_id: CollectionId) -> tuple[int, int]:
        """Documents and passages held, without opening any."""
        with self._engine.connect() as connection:
            ids = [
                len(connection.execute(select(table.c.id).where(table.c.collection_id == collection_id)).all())
                for table in (documents, passages)
            ]
        return ids[0], ids[1]

    def _key(self, grant: Grant, right: Right | None = None) -> DataKey:
        if right is not None and grant.right is not right:
            raise AccessDenied(f"this needs the right to {right.value}; the grant is to {grant.right.value}")
        return self._keyring.for_grant(grant)

    def _fingerprint(self, key: DataKey, source: str, path: str, content: bytes) -> Fingerprint:
        digest = hashlib.sha256(content).digest()
        return Fingerprint(key.blind("place", _place(source, path)), key.blind("content", digest))

    def _at_place(self, connection: Connection, collection_id: CollectionId, place: bytes) -> list[DocumentId]:
        query = select(documents.c.id).where(documents.c.collection_id == collection_id, documents.c.place_key == place)
        return [DocumentId(identifier) for identifier in connection.execute(query).scalars()]

    def _original_path(self, collection_id: CollectionId, document_id: DocumentId) -> Path:
        return self._originals / collection_id / document_id

    def _write_original(self, key: DataKey, collection_id: CollectionId, name: DocumentId, content: bytes) -> None:
        path = self._original_path(collection_id, name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("wb") as target:
            key.seal_stream(io.BytesIO(content), target, _original_context(name))
            target.flush()
            os.fsync(target.fileno())

    def remove_originals(self, collection_id: CollectionId) -> None:
        """Remove the sealed originals of a collection whose key is gone."""
        shutil.rmtree(self._originals / collection_id, ignore_errors=True)

    def _unlink(self, collection_id: CollectionId, ids: Sequence[DocumentId]) -> None:
        for identifier in ids:
            self._original_path(collection_id, identifier).unlink(missing_ok=True)


def words_of(title: str, headings: Sequence[str], text: str) -> str:
    """What the lexical index reads of a passage: title, last two headings, text."""
    return "\n".join((title, *headings[-2:], text))


def _place(source: str, path: str) -> bytes:
    return json.dumps([source, path]).encode()


def _info(identifier: DocumentId, collection_id: CollectionId, new: NewDocument) -> DocumentInfo:
    parsed = new.parsed
    return DocumentInfo(
        identifier,
        collection_id,
        new.path,
        parsed.title,
        new.media_type,
        parsed.pages,
        len(new.chunks),
        len(new.content),
        parsed.modified_at,
        datetime.now(UTC),
    )


def _entries(info: DocumentInfo, new: NewDocument) -> tuple[IndexEntry, ...]:
    return tuple(
        IndexEntry(PassageId(secrets.token_hex(16)), info.id, vector, words_of(info.title, chunk.headings, chunk.text))
        for chunk, vector in zip(new.chunks, new.vectors, strict=True)
    )


def _about(info: DocumentInfo) -> dict[str, Any]:
    return {
        "path": info.path,
        "title": info.title,
        "media_type": info.media_type,
        "pages": info.pages,
        "passages": info.passages,
        "size_bytes": info.size_bytes,
        "modified_at": info.modified_at.isoformat() if info.modified_at else None,
        "loaded_at": info.loaded_at.isoformat(),
    }


def _document_row(key: DataKey, info: DocumentInfo, mark: Fingerprint, source: str) -> dict[str, Any]:
    return {
        "id": info.id,
        "collection_id": info.collection_id,
        "place_key": mark.place,
        "source_key": key.blind("source", source.encode()),
        "content_key": mark.content,
        "about": _seal_json(key, _about(info), _about_context(info.id)),
    }


def _passage_row(key: DataKey, info: DocumentInfo, entry: IndexEntry, chunk: Chunk) -> dict[str, Any]:
    body = {
        "text": chunk.text,
        "page": chunk.page,
        "headings": chunk.headings,
        "start": chunk.start,
        "end": chunk.end,
        "ordinal": chunk.ordinal,
    }
    vector = entry.vector.astype(_VECTOR).tobytes()
    return {
        "id": entry.passage_id,
        "document_id": info.id,
        "collection_id": info.collection_id,
        "ordinal": chunk.ordinal,
        "body": _seal_json(key, body, _passage_context(entry.passage_id, info.id, "body")),
        "vector": key.seal(vector, _passage_context(entry.passage_id, info.id, "vector")),
    }


def _open_info(key: DataKey, row: Mapping[Any, Any]) -> DocumentInfo:
    identifier = DocumentId(row["id"])
    about = json.loads(key.open(row["about"], _about_context(identifier)))
    modified = datetime.fromisoformat(about["modified_at"]) if about["modified_at"] else None
    return DocumentInfo(
        identifier,
        CollectionId(row["collection_id"]),
        about["path"],
        about["title"],
        about["media_type"],
        about["pages"],
        about["passages"],
        about["size_bytes"],
        modified,
        datetime.fromisoformat(about["loaded_at"]),
    )


def _open_passage(key: DataKey, row: Any) -> Passage:
    identifier, document_id, sealed = PassageId(row[0]), row[1], row[2]
    body = json.loads(key.open(sealed, _passage_context(identifier, document_id, "body")))
    columns = {column.name: value for column, value in zip(documents.c, row[3:], strict=True)}
    return Passage(identifier, _open_info(key, columns), _chunk(body))


def _open_entry(key: DataKey, row: Mapping[Any, Any], titles: Mapping[DocumentId, str]) -> IndexEntry:
    identifier, document_id = PassageId(row["id"]), DocumentId(row["document_id"])
    body = json.loads(key.open(row["body"], _passage_context(identifier, document_id, "body")))
    raw = key.open(row["vector"], _passage_context(identifier, document_id, "vector"))
    text = words_of(titles[document_id], body["headings"], body["text"])
    return IndexEntry(identifier, document_id, np.frombuffer(raw, _VECTOR).astype(np.float32), text)


def _chunk(body: Mapping[str, Any]) -> Chunk:
    return Chunk(body["ordinal"], body["text"], body["page"], tuple(body["headings"]), body["start"], body["end"])


def _seal_json(key: DataKey, value: Mapping[str, Any], context: Context) -> bytes:
    return key.seal(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"), context)


def _about_context(document_id: str) -> Context:
    return Context("documents", document_id, "about")


def _passage_context(passage_id: str, document_id: str, column: str) -> Context:
    return Context("passages", f"{document_id}/{passage_id}", column)


def _original_context(document_id: str) -> Context:
    return Context("originals", document_id, "content")


def _delete_rows(connection: Connection, ids: Sequence[DocumentId]) -> None:
    connection.execute(delete(passages).where(passages.c.document_id.in_(ids)))
    connection.execute(delete(documents).where(documents.c.id.in_(ids)))


def _advance(connection: Connection, collection_id: CollectionId) -> None:
    row = update(collections).where(collections.c.id == collection_id)
    connection.execute(row.values(epoch=collections.c.epoch + 1))
