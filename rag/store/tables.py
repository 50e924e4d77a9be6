"""The tables of the sealed truth. Ids are random, times of loading are plain, everything else is sealed or keyed."""

from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

collections = Table(
    "collections",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name_key", LargeBinary(32), nullable=False, unique=True),  # blind("collection name", folded name)
    Column("name", LargeBinary, nullable=False),  # sealed under the system key
    Column("created_at", String(32), nullable=False),
    Column("epoch", Integer, nullable=False),  # grows with every change of what the collection holds
    Column("state", LargeBinary),  # sealed JSON: see state.py; none before the first opening
)

documents = Table(
    "documents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("collection_id", ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    Column("place_key", LargeBinary(32), nullable=False),  # blind("place", source and path)
    Column("source_key", LargeBinary(32), nullable=False),  # blind("source", loaded folder)
    Column("content_key", LargeBinary(32), nullable=False),  # blind("content", SHA-256 of the bytes)
    Column("about", LargeBinary, nullable=False),  # sealed JSON: path, title, type, pages, size, dates
    Index("ix_documents_place", "collection_id", "place_key"),
)

passages = Table(
    "passages",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("document_id", ForeignKey("documents.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("collection_id", String(32), nullable=False, index=True),
    Column("ordinal", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),  # sealed JSON: text, page, headings, offsets
    Column("vector", LargeBinary, nullable=False),  # sealed float16, little endian
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("collection_id", ForeignKey("collections.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("about", LargeBinary, nullable=False),  # sealed JSON: what is loaded, how far it is, how it ended
)

kept_out = Table(
    "kept_out",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("collection_id", ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    Column("place_key", LargeBinary(32), nullable=False),  # blind("place", source and path)
    Column("source_key", LargeBinary(32), nullable=False),  # blind("source", loaded folder)
    Column("about", LargeBinary, nullable=False),  # sealed JSON: path, why the file did not come in
    Index("ix_kept_out_place", "collection_id", "place_key"),
)


def _sealed_rows(name: str) -> Table:
    """A table of rows that hold one sealed JSON value each."""
    return Table(
        name,
        metadata,
        Column("id", String(32), primary_key=True),
        Column("collection_id", ForeignKey("collections.id", ondelete="CASCADE"), nullable=False, index=True),
        Column("about", LargeBinary, nullable=False),
    )


reports = _sealed_rows("reports")  # what people sent to the owners: see reports.py
questions = _sealed_rows("questions")  # what the owners measure by: see questions.py
evaluations = _sealed_rows("evaluations")  # their runs: see evaluations.py


def is_of(table: Table, collection_id: str) -> Any:
    """That a row is of a collection, where rows are looked up by their ids.

    Said so that no index serves it: SQLite, which knows nothing of how many rows there are, would go through all of the
    collection for ten ids (6 ms at 3,000 passages, and more with each).
    """
    return table.c.collection_id.concat("") == collection_id
