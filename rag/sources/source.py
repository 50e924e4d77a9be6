"""What a load asks of a place that documents come from."""

from typing import Protocol

from rag.folders import FileContent, FoundFile, Survey


class Source(Protocol):
    """A folder, a share, a mailbox, a repository. Called from one load at a time; `read` from a few of its threads."""

    def survey(self) -> Survey:
        """All that there is, each file with its version where that is cheap to know.

        What could not be listed makes the survey incomplete, and then nothing is forgotten. Raises FolderMissing,
        SourceUnavailable.
        """
        ...

    def read(self, file: FoundFile, bytes_max: int) -> FileContent:
        """The bytes of one file. Raises DocumentRejected for one over the limit, FileUnavailable, OSError."""
        ...

    def close(self) -> None:
        """Let go of connections and temporary folders."""
        ...
