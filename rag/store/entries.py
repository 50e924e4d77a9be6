"""What the index takes of a collection: vectors and words of its passages, opened in batches for who may index it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Engine, RowMapping, select

from rag.documents import DocumentId, DocumentInfo, PassageId
from rag.facets import Facets
from rag.store.rows import facets_under, open_entry, open_vector, open_words
from rag.store.tables import passages
from rag.store.unsealing import Unsealing
from rag.store.values import IndexEntry
from security.access import Grant, Right
from security.sealing import DataKey

_Read = TypeVar("_Read")
_ReadRow = Callable[[DataKey, RowMapping, Mapping[DocumentId, Facets]], _Read]
BATCH = 1000
"""Passages opened between two looks at whether to go on."""


class Entries:
    """Gives them. `documents` tells of every document of a collection."""

    def __init__(
        self, engine: Engine, unsealing: Unsealing, documents: Callable[[Grant], Sequence[DocumentInfo]]
    ) -> None:
        self._engine, self._unsealing, self._documents = engine, unsealing, documents

    def vectors(self, grant: Grant, batch: int = BATCH) -> Iterator[tuple[IndexEntry, ...]]:
        """The vectors of a collection, without words, in batches: 100,000 take 2 s."""
        columns = (passages.c.id, passages.c.document_id, passages.c.vector)
        yield from self._unsealing.each(grant, self._read(grant, columns, open_vector, batch))

    def texts(self, grant: Grant, batch: int = BATCH) -> Iterator[tuple[tuple[PassageId, str], ...]]:
        """The words of a collection's passages, in batches."""
        columns = (passages.c.id, passages.c.document_id, passages.c.body)
        yield from self._unsealing.each(grant, self._read(grant, columns, open_words, batch))

    def all(self, grant: Grant, batch: int = BATCH) -> Iterator[tuple[IndexEntry, ...]]:
        """Both, in batches. Raises SealBroken for what does not open."""
        yield from self._read(grant, tuple(passages.c), open_entry, batch)

    def of(self, grant: Grant, ids: Sequence[DocumentId]) -> Iterator[tuple[IndexEntry, ...]]:
        """Those of some documents of the collection, each whole; documents that are not held are left out."""
        facets = self.facets(grant) if ids else {}
        for identifier in ids:
            if identifier in facets:
                key = self._unsealing.key(grant, Right.INDEX)
                yield entries_of(self._engine, key, identifier, facets[identifier])

    def facets(self, grant: Grant) -> dict[DocumentId, Facets]:
        """Facets of all documents of the collection: 5,000 take a second."""
        key = self._unsealing.key(grant, Right.INDEX)
        return {info.id: facets_under(key, info) for info in self._documents(grant)}

    def _read(
        self, grant: Grant, columns: Sequence[Any], read: _ReadRow[_Read], batch: int
    ) -> Iterator[tuple[_Read, ...]]:
        """Rows of the collection's passages, opened; of those whose document came or went meanwhile, none."""
        key, facets = self._unsealing.key(grant, Right.INDEX), self.facets(grant)
        query = select(*columns).where(passages.c.collection_id == grant.collection_id)
        with self._engine.connect() as connection:
            for rows in connection.execution_options(yield_per=batch).execute(query).mappings().partitions():
                yield tuple(read(key, row, facets) for row in rows if row["document_id"] in facets)


def entries_of(engine: Engine, key: DataKey, document_id: DocumentId, facets: Facets) -> tuple[IndexEntry, ...]:
    """Those of one document, with these facets."""
    query = select(passages).where(passages.c.document_id == document_id)
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return tuple(open_entry(key, row, {document_id: facets}) for row in rows)
