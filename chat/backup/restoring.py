"""A house from a backup: into an empty state folder with its keyring, all of it or nothing.

1. The house is empty; a file says that what it will hold is not whole yet. Until that file goes, nothing opens it.
2. Tables are made as they were when the backup was taken, rows and originals are put back, migrations bring the
   tables up to date.
3. What the keyring at hand does not open is left out: its key was destroyed, or made after the keyring's copy.
4. Everything else is opened once.
5. It is written down, and the file of step 1 goes. Whatever fails before empties the house again.
"""

import shutil
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from chat.assembly import House
from chat.backup.archive import Head
from chat.backup.checking import check
from chat.backup.contents import ORIGINALS, SETTINGS, TABLES, Contents, Progress
from chat.backup.filling import Filling
from chat.backup.leaving import LeftOut, leave_out
from chat.backup.reading import opened_backup
from chat.backup.taking import FULL
from chat.database import compact, known_revisions, migrate, start_over
from chat.errors import BackupFailed
from chat.opening import RESTORING
from security.files import sync_folder, write_private
from security.identity import OPERATOR
from security.tables import sessions

COUNTED = ("collections", "documents", "passages", "users", "threads")


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back (rows by table), what did not, and what was damaged when the backup was made."""

    head: Head
    rows: dict[str, int]
    left_out: LeftOut
    damaged: tuple[str, ...]
    settings_kept: bool


@dataclass(slots=True)
class Restoring:
    """One restore into a house that is open for it (`open_for_restore`)."""

    house: House
    damaged: list[str] = field(default_factory=list)

    def run(self, path: Path) -> Generator[Progress | Restored, None, None]:
        """Put everything back. Raises BackupFailed, BackupBroken, KeyringLocked; the house is empty then."""
        with _room(self.house.state), opened_backup(path, self.house.keyring) as backup:
            self._check_possible(backup.head)
            with self._all_or_nothing(backup.head):
                missing: list[str] = []
                with closing(Filling(self.house.engine, self.house.state)) as filling:
                    for item in backup.items():
                        filling.take(item)
                        if isinstance(item, Contents):
                            missing = item.missing
                        yield backup.progress()
                migrate(self.house.engine)
                left_out = leave_out(self.house)
                self.damaged += [f"{ORIGINALS}/{path}" for path in missing if path.split("/")[0] not in left_out.ids]
                yield from check(self.house, self.damaged)
                restored = self._ended(backup.head, left_out, filling.aside)
        yield restored

    def _check_possible(self, head: Head) -> None:
        state = self.house.state
        if head.revision not in known_revisions():
            raise BackupFailed(f"the backup was made by release {head.release}; install that one or a later one")
        if not (state / RESTORING).exists() and not self._is_empty():
            raise BackupFailed(f"{state} holds data; name a folder that holds its keyring alone with --state")

    def _is_empty(self) -> bool:
        with self.house.engine.connect() as connection:
            queries = (select(func.count()).select_from(table) for table in (*TABLES, sessions))
            has_rows = any(connection.execute(query).scalar_one() for query in queries)
        return not has_rows and not any((self.house.state / ORIGINALS).glob("*/*"))

    @contextmanager
    def _all_or_nothing(self, head: Head) -> Iterator[None]:
        """Killed in the block, the mark stays and says that what is there is a part."""
        mark = self.house.state / RESTORING
        write_private(mark, head.id.encode())
        try:
            self._empty(head.revision)
            yield
        except BaseException:
            with suppress(OSError, OperationalError):  # then the mark stays
                self._empty()
                mark.unlink()
            raise
        mark.unlink()
        sync_folder(mark.parent)

    def _empty(self, revision: str = "head") -> None:
        start_over(self.house.engine, (*TABLES, sessions), revision)
        self.house.keyring.epochs.accept({})  # an older database is what is wanted here
        self.house.look_again()
        compact(self.house.engine)
        with suppress(FileNotFoundError):
            shutil.rmtree(self.house.state / ORIGINALS)

    def _ended(self, head: Head, left_out: LeftOut, aside: dict[str, bytes]) -> Restored:
        """The house is as it was, and knows that it was restored."""
        for name, content in aside.items():
            if not (self.house.state / name).exists():
                write_private(self.house.state / name, content)
        self.house.audit.record(OPERATOR.user_id, "restore", head.id, "done")
        compact(self.house.engine)
        is_kept = SETTINGS in aside and (self.house.state / SETTINGS).read_bytes() != aside[SETTINGS]
        return Restored(head, self._counts(), left_out, tuple(self.damaged), is_kept)

    def _counts(self) -> dict[str, int]:
        tables = [table for table in TABLES if table.name in COUNTED]
        with self.house.engine.connect() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
            }


@contextmanager
def _room(state: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, OperationalError) as error:
        is_full = error.errno in FULL if isinstance(error, OSError) else "full" in str(error.orig)
        if not is_full:
            raise
        raise BackupFailed(f"no room in {state} for what the backup holds; free space and run it again") from error
