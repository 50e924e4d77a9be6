"""A folder of this machine, or a share (SMB, NFS) that is mounted on it; or one file."""

from pathlib import Path

from rag.folders import FileContent, FoundFile, Survey, survey
from rag.preparing import read_here


class FolderSource:
    """What lies under a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def survey(self) -> Survey:
        """Every file under it. Raises FolderMissing."""
        return survey(self._path)

    def read(self, file: FoundFile, bytes_max: int) -> FileContent:
        """The bytes of one file, whole or not at all."""
        return read_here(file, bytes_max)

    def close(self) -> None:
        """Nothing is held open."""
