"""Opening a backup: the keyring it needs, then all of it from the head to the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from chat.backup.archive import Head, opened, read_head
from chat.backup.contents import Contents, Item, Progress, Reader, What
from chat.errors import BackupBroken, BackupFailed
from security.errors import KeyringLocked
from security.keyring import SYSTEM, Keyring
from security.sealing import DataKey

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class OpenedBackup:
    """A backup whose head was read and whose keyring is at hand."""

    head: Head
    size: int
    file: BinaryIO
    key: DataKey

    def items(self) -> Iterator[Item]:
        """All that it holds, its contents last. Raises BackupBroken, perhaps only at the end."""
        return Reader(opened(self.key, self.head, self.file)).items()

    def progress(self) -> Progress:
        """How much of the file was read."""
        return Progress(What.READING, self.file.tell() // MEGABYTE, self.size // MEGABYTE)


@dataclass(frozen=True, slots=True)
class Verified:
    """A backup that is whole, and what it holds."""

    head: Head
    contents: Contents
    size: int


@contextmanager
def opened_backup(path: Path, keyring: Keyring) -> Iterator[OpenedBackup]:
    """Open a backup. Raises BackupFailed, BackupBroken, and KeyringLocked where another keyring is needed."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise BackupFailed(f"{path} cannot be read ({error.strerror}); name a backup") from error
    with file:
        try:
            head = read_head(file)
            _check_keyring(path, head, keyring)
            yield OpenedBackup(head, path.stat().st_size, file, keyring.for_system())
        except BackupBroken as error:
            raise BackupBroken(f"{path} {error}") from error


def verify(path: Path, keyring: Keyring) -> Iterator[Progress | Verified]:
    """Read a backup from its head to its end, without writing anything. Raises BackupBroken."""
    with opened_backup(path, keyring) as backup:
        for item in backup.items():
            if isinstance(item, Contents):
                yield Verified(backup.head, item, backup.size)
            else:
                yield backup.progress()


def _check_keyring(path: Path, head: Head, keyring: Keyring) -> None:
    if head.keyring not in keyring.commitments(SYSTEM):
        raise KeyringLocked(
            f"{path} was sealed with another keyring, in which the commitment of `system` is {head.keyring}; "
            "put a copy of that one back with `huisclos keys restore` first"
        )
