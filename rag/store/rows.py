"""Rows of the sealed truth: values sealed on their way in, opened on their way out."""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from rag.documents import Chunk, DocumentId, DocumentInfo, Passage, PassageId
from rag.facets import Facets, facets_of
from rag.personal.kinds import Identifiers, Kind, Span
from rag.personal.marking import identifiers_of
from rag.store.state import mark_of, passages_proof, row_proof
from rag.store.tables import documents
from rag.store.values import Fingerprint, Held, IndexEntry, NewDocument, words_of
from security.errors import SealBroken
from security.identity import CollectionId
from security.sealing import Context, DataKey

_VECTOR = np.dtype("<f2")
"""float16: unit vectors lose 1e-4 of cosine and half the bytes."""
_FOLDER_BYTES = 8


def place_bytes(source: str, path: str) -> bytes:
    """The bytes that tell a place: the loaded folder and the path in it."""
    return json.dumps([source, path]).encode()


def new_info(identifier: DocumentId, collection_id: CollectionId, new: NewDocument) -> DocumentInfo:
    """What is known of a document that comes in."""
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
        identifiers_of(new.chunks),
        parsed.unread,
    )


def facets_under(key: DataKey, info: DocumentInfo) -> Facets:
    """What the index knows of a document; names of folders are digests under the collection's key."""
    return facets_of(info, lambda name: folder_digest(key, name))


def folder_digest(key: DataKey, name: str) -> str:
    """What tells a folder's name from another, in hex."""
    return key.blind("folder", name.encode("utf-8", "surrogatepass"))[:_FOLDER_BYTES].hex()


def new_entries(key: DataKey, info: DocumentInfo, new: NewDocument) -> tuple[IndexEntry, ...]:
    """The index entries of a document that comes in, one a chunk, with fresh ids."""
    words = (words_of(info.title, chunk.headings, chunk.text) for chunk in new.chunks)
    facets = facets_under(key, info)
    return tuple(
        IndexEntry(PassageId(secrets.token_hex(16)), info.id, vector, facets, text)
        for text, vector in zip(words, new.vectors, strict=True)
    )


@dataclass(frozen=True, slots=True)
class NewRow:
    """A document's row as it is to be written, and the mark by which its collection's state counts it."""

    values: dict[str, Any]
    mark: bytes


def new_row(key: DataKey, info: DocumentInfo, mark: Fingerprint, new: NewDocument, passages: Sequence[str]) -> NewRow:
    """A document that comes in as a row; `passages` are the ids of its passages in order."""
    row = {
        "id": info.id,
        "collection_id": info.collection_id,
        "place_key": mark.place,
        "source_key": key.blind("source", os.fsencode(new.source)),
        "content_key": mark.content,
    }
    about = {
        "path": info.path,
        "title": info.title,
        "media_type": info.media_type,
        "pages": info.pages,
        "passages": info.passages,
        "size_bytes": info.size_bytes,
        "modified_at": info.modified_at.isoformat() if info.modified_at else None,
        "loaded_at": info.loaded_at.isoformat(),
        "identifiers": _written(info.identifiers),
        "version": new.version,
        "unread": info.unread,
        "passage_ids": passages_proof(key, info.id, passages),
    }
    return finished_row(key, row, about)


def finished_row(key: DataKey, row: Mapping[str, Any], about: Mapping[str, Any]) -> NewRow:
    """The plain columns of a document with what is known of it, bound together and sealed."""
    content = _json({**about, "row": row_proof(key, row)})
    sealed = key.seal(content, about_context(row["id"]))
    return NewRow({**row, "about": sealed}, mark_of(key, row["id"], content))


def passage_row(key: DataKey, info: DocumentInfo, entry: IndexEntry, chunk: Chunk) -> dict[str, Any]:
    """A passage as a row; text and vector are sealed apart."""
    body = {
        "text": chunk.text,
        "page": chunk.page,
        "headings": chunk.headings,
        "start": chunk.start,
        "end": chunk.end,
        "ordinal": chunk.ordinal,
        "identifiers": _spans_written(chunk.identifiers),
        **_where(chunk),
    }
    vector = entry.vector.astype(_VECTOR).tobytes()
    return {
        "id": entry.passage_id,
        "document_id": info.id,
        "collection_id": info.collection_id,
        "ordinal": chunk.ordinal,
        "body": key.seal(_json(body), passage_context(entry.passage_id, info.id, "body")),
        "vector": key.seal(vector, passage_context(entry.passage_id, info.id, "vector")),
    }


def open_about(key: DataKey, row: Mapping[Any, Any]) -> tuple[dict[str, Any], bytes]:
    """What is known of a document, and the mark by which its collection's state counts it.

    Raises SealBroken where it does not open or the row's plain columns are not those that it was sealed with.
    """
    content = key.open(row["about"], about_context(row["id"]))
    about = json.loads(content)
    if about.get("row") != row_proof(key, row):
        raise SealBroken(f"documents {row['id']}: its row was changed, or put together from two. Restore it")
    return about, mark_of(key, row["id"], content)


def open_about_of_old(key: DataKey, row: Mapping[Any, Any]) -> dict[str, Any]:
    """What is known of a document that was written before rows were bound together (release 0.1)."""
    return dict(json.loads(key.open(row["about"], about_context(row["id"]))))


def open_info(key: DataKey, row: Mapping[Any, Any]) -> DocumentInfo:
    """A document out of its row. Raises SealBroken."""
    return open_held(key, row).info


def open_held(key: DataKey, row: Mapping[Any, Any]) -> Held:
    """A document out of its row, with the version that its file had. Raises SealBroken."""
    about, _ = open_about(key, row)
    modified = datetime.fromisoformat(about["modified_at"]) if about["modified_at"] else None
    info = DocumentInfo(
        DocumentId(row["id"]),
        CollectionId(row["collection_id"]),
        about["path"],
        about["title"],
        about["media_type"],
        about["pages"],
        about["passages"],
        about["size_bytes"],
        modified,
        datetime.fromisoformat(about["loaded_at"]),
        _read(about.get("identifiers")),
        tuple(about.get("unread") or ()),
    )
    return Held(info, str(about.get("version") or ""))


def open_passage(key: DataKey, row: Any, known: dict[str, DocumentInfo]) -> Passage:
    """A passage out of (id, document id, body, *columns of its document); `known` keeps documents that were opened."""
    identifier, document_id, sealed = PassageId(row[0]), row[1], row[2]
    body = json.loads(key.open(sealed, passage_context(identifier, document_id, "body")))
    if document_id not in known:
        columns = {column.name: value for column, value in zip(documents.c, row[3:], strict=True)}
        known[document_id] = open_info(key, columns)
    return Passage(identifier, known[document_id], _chunk(body))


def open_entry(key: DataKey, row: Mapping[Any, Any], facets: Mapping[DocumentId, Facets]) -> IndexEntry:
    """An index entry out of a passage's row; `facets` by document."""
    vector = open_vector(key, row, facets)
    return replace(vector, text=open_words(key, row, facets)[1])


def open_vector(key: DataKey, row: Mapping[Any, Any], facets: Mapping[DocumentId, Facets]) -> IndexEntry:
    """An index entry without words out of a passage's row."""
    identifier, document_id = PassageId(row["id"]), DocumentId(row["document_id"])
    raw = key.open(row["vector"], passage_context(identifier, document_id, "vector"))
    return IndexEntry(identifier, document_id, np.frombuffer(raw, _VECTOR).astype(np.float32), facets[document_id])


def open_words(key: DataKey, row: Mapping[Any, Any], facets: Mapping[DocumentId, Facets]) -> tuple[PassageId, str]:
    """A passage with its words out of its row."""
    identifier, document_id = PassageId(row["id"]), DocumentId(row["document_id"])
    body = json.loads(key.open(row["body"], passage_context(identifier, document_id, "body")))
    return identifier, words_of(facets[document_id].title, body["headings"], body["text"])


def _chunk(body: Mapping[str, Any]) -> Chunk:
    return Chunk(
        body["ordinal"],
        body["text"],
        body["page"],
        tuple(body["headings"]),
        body["start"],
        body["end"],
        tuple((left, bottom, right, top) for left, bottom, right, top in body.get("boxes", ())),
        tuple(body["cells"]) if "cells" in body else None,
        body.get("confidence"),
        _spans_read(body.get("identifiers")),
    )


def _where(chunk: Chunk) -> dict[str, Any]:
    """Where on its page or sheet a passage stands, and how sure it was read: what is known of that."""
    found = {"boxes": chunk.boxes, "cells": chunk.cells, "confidence": chunk.confidence}
    return {name: value for name, value in found.items() if value not in (None, ())}


def _written(held: Identifiers | None) -> dict[str, Any] | None:
    return None if held is None else {"counts": held.by_kind, "passages": held.passages}


def _read(written: Mapping[str, Any] | None) -> Identifiers | None:
    if written is None:
        return None
    return Identifiers(tuple((Kind(kind), number) for kind, number in written["counts"].items()), written["passages"])


def _spans_written(spans: Sequence[Span] | None) -> list[list[Any]] | None:
    return None if spans is None else [[span.start, span.end, span.kind.value] for span in spans]


def _spans_read(written: Sequence[Sequence[Any]] | None) -> tuple[Span, ...] | None:
    return None if written is None else tuple(Span(start, end, Kind(kind)) for start, end, kind in written)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def about_context(document_id: str) -> Context:
    """Where what is known of a document lives."""
    return Context("documents", document_id, "about")


def passage_context(passage_id: str, document_id: str, column: str) -> Context:
    """Where a sealed column of a passage lives."""
    return Context("passages", f"{document_id}/{passage_id}", column)
