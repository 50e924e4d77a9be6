"""A folder of this machine, or a share (SMB, NFS) that is mounted on it; or one file."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from rag.folders import FileContent, FoundFile, Survey, survey
from rag.preparing import read_here


class FolderSource:
    """What lies under a folder. What is at the places `first` comes first, and is read whatever its version."""

    def __init__(self, path: Path, first: Collection[str] = ()) -> None:
        self._path, self._first = path, first

    def survey(self) -> Survey:
        """Every file under it. Raises FolderMissing."""
        return changed_first(survey(self._path), self._first)

    def read(self, file: FoundFile, bytes_max: int) -> FileContent:
        """The bytes of one file, whole or not at all."""
        return read_here(file, bytes_max)

    def close(self) -> None:
        """Nothing is held open."""


def changed_first(found: Survey, first: Collection[str]) -> Survey:
    """The same files, those at the places `first` before the others and without a version."""
    changed = tuple(replace(file, version="") for file in found.files if file.place in first)
    return replace(found, files=changed + tuple(file for file in found.files if file.place not in first))
