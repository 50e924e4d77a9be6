"""Sealing a collection anew under the newest version of its key, a few rows at a time, beside reading and loading.

A row is replaced only where it still holds what was opened: one that was written meanwhile is new already, one that
was removed stays removed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, LargeBinary, RowMapping, Table, func, or_, select, update

from rag.documents import DocumentId
from rag.store.jobs import job_context
from rag.store.keptout import kept_out_context
from rag.store.originals import Originals
from rag.store.rows import about_context, passage_context
from rag.store.sealed_rows import row_context
from rag.store.state import state_context
from rag.store.tables import collections, documents, evaluations, jobs, kept_out, passages, questions, reports
from security.identity import CollectionId
from security.sealing import HEADER_BYTES, Context, DataKey

BATCH = 200
_Place = Callable[[RowMapping, str], Context]
_SEALED: tuple[tuple[Table, tuple[str, ...], _Place], ...] = (
    (documents, ("about",), lambda row, _: about_context(row["id"])),
    (passages, ("body", "vector"), lambda row, column: passage_context(row["id"], row["document_id"], column)),
    (jobs, ("about",), lambda row, _: job_context(row["id"])),
    (kept_out, ("about",), lambda row, _: kept_out_context(row["id"])),
    (reports, ("about",), lambda row, _: row_context(reports, row["id"])),
    (questions, ("about",), lambda row, _: row_context(questions, row["id"])),
    (evaluations, ("about",), lambda row, _: row_context(evaluations, row["id"])),
    (collections, ("state",), lambda row, _: state_context(row["id"])),
)


@dataclass(frozen=True, slots=True)
class Resealed:
    """How far a rotation is: values looked at, of how many there were."""

    done: int
    total: int


class Resealing:
    """One rotation of one collection."""

    def __init__(self, engine: Engine, originals: Originals, key: DataKey, collection_id: CollectionId) -> None:
        self._engine, self._originals, self._key, self._id = engine, originals, key, collection_id

    @property
    def version(self) -> int:
        """The version under which everything is sealed in the end."""
        return self._key.version

    def run(self) -> Iterator[Resealed]:
        """Seal anew what is not under the newest version."""
        done, total = 0, self._total()
        for count in self._batches():
            done += count
            yield Resealed(min(done, total), total)

    def _batches(self) -> Iterator[int]:
        for table, columns, place in _SEALED:
            last = ""
            while rows := self._older(table, columns, last):
                last = rows[-1]["id"]
                self._replace(table, columns, place, rows)
                yield len(rows)
        for identifier in self._documents():
            yield int(self._originals.reseal(self._key, self._id, identifier))

    def _older(self, table: Table, columns: tuple[str, ...], last: str) -> list[RowMapping]:
        query = select(table).where(self._is_older(table, columns), table.c.id > last).order_by(table.c.id).limit(BATCH)
        with self._engine.connect() as connection:
            return list(connection.execute(query).mappings())

    def _is_older(self, table: Table, columns: tuple[str, ...]) -> Any:
        head = bytes([1]) + self._key.version.to_bytes(HEADER_BYTES - 1, "big")
        heads = (func.substr(table.c[column], 1, HEADER_BYTES, type_=LargeBinary) for column in columns)
        own = table.c.id if table is collections else table.c.collection_id
        return (own == self._id) & or_(*(found != head for found in heads))

    def _replace(self, table: Table, columns: tuple[str, ...], place: _Place, rows: list[RowMapping]) -> None:
        with self._engine.begin() as connection:
            for row in rows:
                values = {column: self._anew(row[column], place(row, column)) for column in columns}
                unchanged = [table.c[column] == row[column] for column in columns]
                connection.execute(update(table).where(table.c.id == row["id"], *unchanged).values(**values))

    def _anew(self, sealed: bytes, context: Context) -> bytes:
        return self._key.seal(self._key.open(sealed, context), context)

    def _documents(self) -> list[DocumentId]:
        query = select(documents.c.id).where(documents.c.collection_id == self._id)
        with self._engine.connect() as connection:
            return [DocumentId(identifier) for identifier in connection.execute(query).scalars()]

    def _total(self) -> int:
        """Older rows, and a file a document."""
        with self._engine.connect() as connection:
            rows = sum(
                connection.execute(
                    select(func.count()).select_from(table).where(self._is_older(table, columns))
                ).scalar_one()
                for table, columns, _ in _SEALED
            )
        return rows + len(self._documents())
