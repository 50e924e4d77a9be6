"""A folder of which nothing comes in that somebody who reads the collection may not read there.

A file needs the right to be read, and every folder from the root to it the right to be entered. Both are looked at when
the folder is listed, and again on what is truly opened, folder by folder and following no link, when a file is read: a
file or link put in its place meanwhile is judged by its own rights. What cannot be judged or read does not come in, and
goes where it was; where that is the disk's or the network's fault, the whole sync fails and changes nothing more.
"""

import errno
import os
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from rag.errors import DocumentBarred, FileUnavailable, FolderMissing, SourceUnavailable
from rag.folders import OPEN_FLAGS, FileContent, FoundFile, Survey, read_file, survey, version_of
from rag.sources.folder import changed_first
from rag.sources.rights import ENTER, READ, Access, Reader, access_of, barred

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OUT_OF_REACH = (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class MappedFolder:
    """What lies under a folder and may be read by every one of `readers`, who are asked for at each listing.

    What is at the places `first` comes first, and is read whatever its version.
    """

    def __init__(self, path: Path, readers: Callable[[], tuple[Reader, ...]], first: Collection[str] = ()) -> None:
        self._root, self._ask, self._first = path.resolve(), readers, first
        self._readers: tuple[Reader, ...] = ()
        self._judged: dict[Path, str] = {}

    def survey(self) -> Survey:
        """Every file under it; those that may not come in have a sentence. Raises FolderMissing, SourceUnavailable."""
        self._readers, self._judged = self._ask(), {}
        found = survey(self._root)
        if not self._root.is_dir():
            raise FolderMissing(f"{self._root} is no folder; rights are mapped of a folder and what lies in it")
        files = tuple(map(self._seen, found.files))
        return changed_first(Survey(found.root, files, is_complete=True), self._first)

    def read(self, file: FoundFile, bytes_max: int) -> FileContent:
        """The bytes of one file, if it may come in as it lies there now. Raises DocumentBarred, SourceUnavailable."""
        try:
            return read_file(file.path, bytes_max, lambda _: self._opened(file))
        except FileUnavailable as error:
            raise DocumentBarred(str(error)) from error
        except OSError as error:
            raise _told(error) from error

    def close(self) -> None:
        """Nothing is held open."""

    def _seen(self, file: FoundFile) -> FoundFile:
        is_folder = file.doc.endswith("/")
        reason = self._folder(file.path if is_folder else file.path.parent)
        if is_folder and not reason:
            raise SourceUnavailable(f"{file.doc}: the folder cannot be listed, so that its rights are not known")
        reason = reason or file.problem or self._reason(file.path, READ)
        return replace(file, problem=reason, is_barred=bool(reason)) if reason else file

    def _folder(self, folder: Path) -> str:
        """Why what lies in a folder may not come in; empty where it may."""
        if folder not in self._judged:
            above = "" if folder == self._root else self._folder(folder.parent)
            self._judged[folder] = above or self._reason(folder, ENTER)
        return self._judged[folder]

    def _reason(self, path: Path, bits: int) -> str:
        try:
            return self._sentence(access_of(str(path)), bits)
        except OSError as error:
            return str(_told(error))

    def _sentence(self, access: Access, bits: int) -> str:
        """Who may not, and what to do; empty where everybody may."""
        reader = barred(access, self._readers, bits)
        if reader is None:
            return ""
        what = "read this file" if bits == READ else "enter the folder it lies in"
        return (
            f"{reader.name} reads the collection and may not {what}: give it that right in the folder, "
            "or load the file from a source of a collection of its own"
        )

    def _opened(self, found: FoundFile) -> int:
        """A file, opened from the root down: each folder, and the file, judged as it was opened."""
        *folders, name = found.place.split("/")
        at = os.open(self._root, _FOLDER_FLAGS)
        try:
            self._check(at, ENTER)
            for folder in folders:
                inner = os.open(folder, _FOLDER_FLAGS, dir_fd=at)
                os.close(at)
                at = inner
                self._check(at, ENTER)
            file = os.open(name, OPEN_FLAGS, dir_fd=at)
        finally:
            os.close(at)
        try:
            self._check(file, READ)
            _check_version(file, found.version)
        except BaseException:
            os.close(file)
            raise
        return file

    def _check(self, descriptor: int, bits: int) -> None:
        if reason := self._sentence(access_of(descriptor), bits):
            raise DocumentBarred(reason)


def _check_version(descriptor: int, version: str) -> None:
    """Or the version of one file would be kept with the content of another."""
    if version not in ("", version_of(os.fstat(descriptor))):
        raise DocumentBarred("the file changed since it was listed; it comes in with the next sync")


def _told(error: OSError) -> DocumentBarred:
    """What is out of reach does not come in. Raises SourceUnavailable for a fault of the disk or the network."""
    if error.errno not in _OUT_OF_REACH:
        raise SourceUnavailable(
            f"the folder cannot be read: {error.strerror}; check its disk or network. Nothing more was changed"
        ) from error
    return DocumentBarred(f"this cannot be opened: {error.strerror}; check its rights for the house too")
