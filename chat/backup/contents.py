"""What a backup holds: tables row by row, then files, then a count of both against which it is checked."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Table

from chat.backup.archive import Kind, Record, Value, decode_row
from chat.errors import BackupBroken
from chat.tables import metadata as conversations
from rag.store.tables import metadata as store
from security.tables import metadata as people
from security.tables import sessions

TABLES: tuple[Table, ...] = tuple(
    table for tables in (people, store, conversations) for table in tables.sorted_tables if table is not sessions
)
"""Every table but the sessions, what others refer to first: nobody is signed in by a restore."""

ORIGINALS, RECEIPTS, SETTINGS = "originals", "receipts", "huisclos.toml"
_PATH = re.compile(rf"{ORIGINALS}/[0-9a-f]+/[0-9a-f]+|{RECEIPTS}/[\w-]+\.json|{re.escape(SETTINGS)}", re.ASCII)


class What(StrEnum):
    """What a backup is doing, or a restore."""

    WRITING = "writing"
    READING = "reading"
    CHECKING = "checking"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something is: `done` of `total` rows and files (megabytes, where a backup is read)."""

    what: What
    done: int
    total: int


@dataclass(slots=True)
class Contents:
    """Rows by table, files and their bytes (`size`); `missing` are documents whose original was not there."""

    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    size: int = 0
    missing: list[str] = field(default_factory=list)

    def encoded(self) -> bytes:
        """The body of the last record."""
        return json.dumps(asdict(self), sort_keys=True).encode()


@dataclass(frozen=True, slots=True)
class TableBegins:
    """The rows that follow are of this table."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table that began."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class FileBegins:
    """The parts that follow are of the file at this path below the state folder."""

    path: str


@dataclass(frozen=True, slots=True)
class FilePart:
    """Some bytes of the file that began."""

    content: bytes


Item = TableBegins | Row | FileBegins | FilePart | Contents


class Reader:
    """Follows the records of a backup and counts them; `items` ends only where the end says the same."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records
        self._seen = Contents()
        self._table = ""
        self._digest = hashlib.sha256()

    def items(self) -> Iterator[Item]:
        """What the backup holds; the contents come last, once everything was seen. Raises BackupBroken."""
        for record in self._records:
            if record.kind is Kind.END:
                yield self._checked(record.body)
                if next(self._records, None) is not None:
                    raise BackupBroken("goes on after its end; use another backup")
                return
            item = self._item(record)
            if item:
                yield item
        raise BackupBroken("has no end; use another backup")

    def _item(self, record: Record) -> Item | None:
        match record.kind:
            case Kind.TABLE:
                return self._table_begins(json.loads(record.body))
            case Kind.ROW:
                self._seen.rows[self._table] += 1
                return Row(decode_row(record.body))
            case Kind.FILE:
                self._digest = hashlib.sha256()
                return FileBegins(_safe(record.body.decode()))
            case Kind.PART:
                self._digest.update(record.body)
                self._seen.size += len(record.body)
                return FilePart(record.body)
        if self._digest.digest() != record.body:
            raise BackupBroken("holds a file whose SHA-256 is another than was written; use another backup")
        self._seen.files += 1
        return None

    def _table_begins(self, body: dict[str, Any]) -> TableBegins:
        self._table = str(body["table"])
        self._seen.rows[self._table] = 0
        return TableBegins(self._table, tuple(map(str, body["columns"])))

    def _checked(self, body: bytes) -> Contents:
        told = Contents(**json.loads(body))
        self._seen.missing = told.missing
        if told != self._seen:
            raise BackupBroken("holds other rows or files than it counts; use another backup")
        return told


def _safe(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise BackupBroken("holds a file at a place that is not ours; use another backup")
    return path
