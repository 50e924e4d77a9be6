"""What lies under a folder, and the bytes of one file, whole or not at all."""

import os
import stat
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rag.documents import Member
from rag.errors import DocumentRejected, FileUnavailable, FolderMissing

_MB = 1024 * 1024
_TRIES = 2
OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A link is not followed, and a pipe put in the file's place does not block."""
INSIDE = "/"
"""Stands between the path of a file that holds files and the path of one of them."""
SETTLED_SECONDS = 2.0
"""A file that changed so shortly before it was listed may change again within one tick of its clock, unseen."""
ELSEWHERE = Path(os.devnull)
"""Stands for the path of a file that does not lie on this machine; opened, it is no regular file."""
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file under a folder. `place` is its path below the root as the file system spells it, `doc` as it is shown.

    `problem` is a sentence for what cannot be loaded whatever it holds: a link, a pipe, a folder without rights. What
    was loaded of it before stays, unless it `is_barred`.
    A file inside a file brings its `content`; `depth` counts the files around it. `version` is what changes whenever
    the file does, where that is known without reading it; `size` is in bytes, as far as it is known.
    """

    path: Path
    place: str
    doc: str
    problem: str | None = None
    content: "FileContent | None" = None
    depth: int = 0
    version: str = ""
    size: int = 0
    is_barred: bool = False

    def holding(self, member: Member, modified_at: datetime | None) -> "FoundFile":
        """A file inside this one."""
        name = shown_name(member.name)
        content = FileContent(member.data, modified_at)
        return FoundFile(self.path, name, f"{self.doc}{INSIDE}{name}", None, content, self.depth + 1)


@dataclass(frozen=True, slots=True)
class Survey:
    """All that lies under a root. `is_complete` is false where a folder could not be read, and for a single file.

    The root is a folder, or another source as it is called.
    """

    root: Path | str
    files: tuple[FoundFile, ...]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file's bytes and the time of its last change."""

    data: bytes
    modified_at: datetime | None


def survey(path: Path) -> Survey:
    """The files under a folder in a stable order, or one file; hidden ones are left out. Raises FolderMissing."""
    root = path if path.is_dir() else path.parent
    if not os.path.lexists(path):
        raise FolderMissing(f"{path} does not exist; check the path, and that its drive is mounted")
    if not path.is_dir():
        return Survey(root.resolve(), (_found(path, path.name),), is_complete=False)
    files = tuple(_walk(root, ""))
    return Survey(root.resolve(), files, is_complete=not any(file.doc.endswith("/") for file in files))


def _opened(path: Path) -> int:
    return os.open(path, OPEN_FLAGS)


def read_file(path: Path, bytes_max: int, opened: Callable[[Path], int] = _opened) -> FileContent:
    """The file's bytes as they were at one moment; `opened` gives a descriptor of it.

    Raises DocumentRejected for one over the limit, FileUnavailable for one that changes while it is read, OSError.
    """
    for _ in range(_TRIES):
        with open(opened(path), "rb") as file:  # noqa: PTH123 - from a descriptor
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise FileUnavailable("this is no regular file any more; load again")
            if before.st_size > bytes_max:
                raise DocumentRejected(
                    f"the file has {before.st_size // _MB} MB; the limit is {bytes_max // _MB} MB: split it"
                )
            data = file.read(bytes_max + 1)
            after = os.fstat(file.fileno())
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size) and len(data) == after.st_size:
            return FileContent(data, datetime.fromtimestamp(after.st_mtime, UTC))
    raise FileUnavailable("the file changed while it was read; load again when it is at rest")


def shown_name(place: str) -> str:
    """A path as it may be shown: composed characters; undecodable bytes, controls and direction marks replaced."""
    if place.isascii() and place.isprintable():
        return place
    decoded = os.fsencode(place).decode("utf-8", "replace")
    composed = unicodedata.normalize("NFC", decoded)
    return "".join("\ufffd" if unicodedata.category(character) in _UNSAFE else character for character in composed)


def _walk(folder: Path, place: str) -> Iterator[FoundFile]:
    """Files first, then folders, each by name. The kernel's listing tells kinds: no file is examined twice.

    `place` is that of the folder, with a slash at its end; empty for the root.
    """
    try:
        with os.scandir(folder) as listing:
            entries = sorted((entry for entry in listing if not entry.name.startswith(".")), key=lambda each: each.name)
    except OSError as error:
        reason = f"the folder cannot be opened: {error.strerror}; check its rights. Nothing of it was forgotten"
        own = place or "./"
        yield FoundFile(folder, own, shown_name(own), reason)
        return
    folders = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    for entry in entries:
        if entry.name not in folders:
            yield _found(Path(entry.path), f"{place}{entry.name}", entry)
    for name in sorted(folders):
        yield from _walk(folder / name, f"{place}{name}/")


def _found(path: Path, place: str, entry: os.DirEntry[str] | None = None) -> FoundFile:
    problem = None
    if entry.is_symlink() if entry else path.is_symlink():
        problem = "this is a symbolic link, which is not followed; load what it points to"
    elif not (entry.is_file(follow_symlinks=False) if entry else path.is_file()):
        problem = "this is a pipe, socket or device, not a file; remove it from the folder"
    version, size = ("", 0) if problem or entry is None else _version(entry)
    return FoundFile(path, place, shown_name(place), problem, version=version, size=size)


def _version(entry: os.DirEntry[str]) -> tuple[str, int]:
    """What tells that a file is unchanged, or nothing where it changed a moment ago; and its size in bytes."""
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return "", 0
    if time.time() - max(found.st_mtime, found.st_ctime) < SETTLED_SECONDS:
        return "", found.st_size
    return version_of(found), found.st_size


def version_of(found: os.stat_result) -> str:
    """What changes whenever a file does, or who may read it."""
    return f"{found.st_mtime_ns}.{found.st_ctime_ns}.{found.st_size}"
