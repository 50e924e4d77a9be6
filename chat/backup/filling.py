"""Rows and files of a backup on their way into an empty house."""

import os
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Engine, MetaData, Table, insert

from chat.backup.contents import ORIGINALS, TABLES, Contents, FileBegins, FilePart, Item, Row, TableBegins
from chat.errors import BackupBroken
from security.files import sync_folder

ROWS = 500
"""Rows in one transaction."""


class Filling:
    """Takes what a backup holds, in its order. Tables are those of the database, whatever its revision.

    `aside` holds receipts and settings by their path: small, and written at the end.
    """

    def __init__(self, engine: Engine, state: Path) -> None:
        self._engine, self._state = engine, state
        self._tables = _tables_in(engine)
        self._table: Table | None = None
        self._columns: tuple[str, ...] = ()
        self._rows: list[dict[str, Any]] = []
        self._path = ""
        self._file: BinaryIO | None = None
        self.aside: dict[str, bytes] = {}

    def take(self, item: Item) -> None:
        """Put one thing where it belongs. Raises BackupBroken for a table that is not ours."""
        match item:
            case Row(values):
                self._rows.append(dict(zip(self._columns, values, strict=True)))
                if len(self._rows) >= ROWS:
                    self._insert()
            case TableBegins(name, columns):
                self._insert()
                if name not in self._tables:
                    raise BackupBroken(f"holds a table {name}, which its revision does not have; use another backup")
                self._table, self._columns = self._tables[name], columns
            case FileBegins(path):
                self._insert()
                self._close()
                self._begin(path)
            case FilePart(content) if self._file:
                self._file.write(content)
            case FilePart(content):
                self.aside[self._path] += content
            case Contents():
                self._insert()
                self._close()

    def close(self) -> None:
        """Close the file at hand, which may be a part."""
        if self._file:
            self._file.close()

    def _insert(self) -> None:
        if self._table is not None and self._rows:
            with self._engine.begin() as connection:
                connection.execute(insert(self._table), self._rows)
        self._rows = []

    def _begin(self, path: str) -> None:
        self._path = path
        if not path.startswith(f"{ORIGINALS}/"):
            self.aside[path] = b""
            return
        target = self._state / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")  # noqa: PTH123, SIM115 - from a descriptor; closed with the next item

    def _close(self) -> None:
        """The file is whole, and on the disk with its folder entry."""
        if self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            sync_folder((self._state / self._path).parent)
            self._file = None


def _tables_in(engine: Engine) -> dict[str, Table]:
    found, names = MetaData(), {table.name for table in TABLES}
    found.reflect(engine, only=lambda name, _: name in names)
    return dict(found.tables)
