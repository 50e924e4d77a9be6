"""Files only their owner may read, written whole or not at all."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from security.errors import InsecureState


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` by `content` (mode 0600): after a crash there is the old file or the new one, never a part.

    Makes the folder (0700) where it is missing. The file and its folder entry are on the disk on return.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:  # noqa: PTH123 - from a descriptor
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            fresh.unlink()
        raise
    sync_folder(path.parent)


def remove_unfinished(folder: Path, name: str = "*") -> None:
    """Remove what `write_private` had begun when its process was killed: of one file, or of any in the folder.

    Whoever calls it is alone with those files: another process may be about to put its own in place.
    """
    for begun in folder.glob(f".{name}.*.new"):
        begun.unlink(missing_ok=True)


def read_private(path: Path, bytes_max: int) -> bytes:
    """Read a file of at most `bytes_max` bytes that only its owner may read.

    Raises InsecureState where the mode gives others anything or the file is larger; OSError where it cannot be read.
    """
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise InsecureState(f"{path} has mode {mode:04o}, expected 0600; chmod 600 it, and ask who has read it")
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise InsecureState(f"{path} is larger than {bytes_max} bytes; it is not the file that was written here")
    return content


def sync_folder(folder: Path) -> None:
    """Put the folder's entries on the disk: a file made, renamed or removed in it stays so after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
