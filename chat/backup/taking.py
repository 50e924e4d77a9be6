"""Making a backup while the house is in use.

The database is read as it was at one moment; the originals of that moment's documents are held by hard links, so that
none is missed when it is removed meanwhile. Rows go first, because the database's log grows while they are read.
"""

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, Engine, func, select

from chat.backup.archive import Head, Kind, Record, encode_row, sealed
from chat.backup.contents import ORIGINALS, RECEIPTS, SETTINGS, TABLES, Contents, Progress, What
from chat.database import one_moment, revision_of
from chat.errors import BackupFailed
from rag.store.tables import documents
from security.files import sync_folder
from security.keyring import SYSTEM, Keyring
from security.sealing import BLOCK_BYTES

HELD = "held"
"""The folder of hard links, below the state folder, while a backup is made."""

ROWS = 500
"""Rows taken from the database at once."""

MOMENTS_MAX = 20
"""How often the moment is chosen anew because documents went while their originals were linked."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The many words of a full disk."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that lies at its place."""

    head: Head
    contents: Contents
    size: int


@dataclass(slots=True)
class Taking:
    """One backup, from its id to its file."""

    state: Path
    engine: Engine
    keyring: Keyring
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    _seen: Contents = field(default_factory=Contents)
    _done: int = 0
    _total: int = 0

    def run(self, out: Path) -> Generator[Progress | Taken, None, None]:
        """Write the backup to `out`, in place of what is there. Stopped or failed, `out` is as it was before.

        Raises BackupFailed where a backup is being made already, or there is no room.
        """
        head = self._head()
        with _room(out), self._holding() as held, _new_file(out) as target:
            with closing(self._records(held, out)) as records:
                for part in sealed(self.keyring.for_system(), head, records):
                    target.write(part)
                    yield Progress(What.WRITING, self._done, self._total)
            written = target.tell()
        yield Taken(head, self._seen, written)

    def _head(self) -> Head:
        made = datetime.now(UTC).isoformat(timespec="seconds")
        keyring = self.keyring.commitments(SYSTEM)[-1]
        return Head(self.id, made, keyring, revision_of(self.engine), metadata.version("huisclos"))

    @contextmanager
    def _holding(self) -> Iterator[Path]:
        """The folder for links, which says too that a backup is being made."""
        held = self.state / HELD
        try:
            held.mkdir(mode=0o700)
        except FileExistsError as error:
            raise BackupFailed("a backup is being made already; wait for its end and run the command again") from error
        try:
            yield held
        finally:
            shutil.rmtree(held)

    def _records(self, held: Path, out: Path) -> Generator[Record, None, None]:
        with self._moment(held) as (connection, paths):
            self._check_room(held, paths, out)
            self._total = len(paths) + sum(_count(connection))
            yield from self._rows(connection)
        for path in paths:
            yield from self._file(held / path, f"{ORIGINALS}/{path}")
        for found in (*sorted((self.state / RECEIPTS).glob("*.json")), self.state / SETTINGS):
            if found.is_file():
                yield from self._file(found, str(found.relative_to(self.state)))
        yield Record(Kind.END, self._seen.encoded())

    @contextmanager
    def _moment(self, held: Path) -> Iterator[tuple[Connection, list[str]]]:
        """A moment of the database, and the paths of its originals, linked.

        A document that went between the two is in no later moment; one without its original in two moments lacks it.
        """
        linked: set[str] = set()
        missing: set[str] = set()
        for _ in range(MOMENTS_MAX):
            with one_moment(self.engine) as connection:
                paths = _paths(connection)
                before, missing = missing, {path for path in paths if path not in linked and not self._link(held, path)}
                linked.update(path for path in paths if path not in missing)
                if missing <= before:
                    self._seen.missing = sorted(missing)
                    yield connection, [path for path in paths if path not in missing]
                    return
        raise BackupFailed("documents are being removed faster than they are held; run the command again later")

    def _link(self, held: Path, path: str) -> bool:
        """Hold an original; False where it is not there."""
        target = held / path
        target.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            os.link(self.state / ORIGINALS / path, target)
        except FileNotFoundError:
            return False
        return True

    def _check_room(self, held: Path, paths: list[str], out: Path) -> None:
        """Say at once what would be found out after an hour."""
        needed, free = sum((held / path).stat().st_size for path in paths), shutil.disk_usage(out.parent).free
        if free < needed:
            raise BackupFailed(
                f"no room for the backup at {out}: the originals alone need {needed / 1e6:.0f} MB and "
                f"{free / 1e6:.0f} MB are free; free space or name another disk"
            )

    def _rows(self, connection: Connection) -> Iterator[Record]:
        streaming = connection.execution_options(yield_per=ROWS)
        for table in TABLES:
            columns = [column.name for column in table.columns]
            yield Record(Kind.TABLE, json.dumps({"table": table.name, "columns": columns}).encode())
            self._seen.rows[table.name] = 0
            for row in streaming.execute(select(table)):
                yield Record(Kind.ROW, encode_row(tuple(row)))
                self._seen.rows[table.name] += 1
                self._done += 1

    def _file(self, path: Path, name: str) -> Iterator[Record]:
        digest = hashlib.sha256()
        yield Record(Kind.FILE, name.encode())
        with path.open("rb") as file:
            while part := file.read(BLOCK_BYTES):
                digest.update(part)
                self._seen.size += len(part)
                yield Record(Kind.PART, part)
        yield Record(Kind.FILE_END, digest.digest())
        self._seen.files += 1
        self._done += 1


def _paths(connection: Connection) -> list[str]:
    query = select(documents.c.collection_id, documents.c.id).order_by(documents.c.collection_id)
    return [f"{collection}/{document}" for collection, document in connection.execute(query)]


def _count(connection: Connection) -> Iterator[int]:
    for table in TABLES:
        yield connection.execute(select(func.count()).select_from(table)).scalar_one()


@contextmanager
def _new_file(out: Path) -> Iterator[BinaryIO]:
    """A private file that takes its name at the end of the block, once it is on the disk; where it fails, it goes."""
    fresh = out.with_name(f"{out.name}.partial")
    fresh.unlink(missing_ok=True)
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:  # noqa: PTH123 - from a descriptor
            yield target
            target.flush()
            os.fsync(target.fileno())
        fresh.replace(out)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(out.parent)


@contextmanager
def _room(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise BackupFailed(
            f"no room for the backup at {out}; free space or name another disk. Nothing was left there"
        ) from error
