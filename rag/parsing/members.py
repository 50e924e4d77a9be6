"""Files inside a file: the members of an archive, the attachments of a mail."""

import posixpath
from pathlib import PurePosixPath

from rag.documents import Member
from rag.errors import DocumentRejected

MEMBERS_MAX = 1000
MEMBERS_BYTES_MAX = 400 * 1024 * 1024
NAME_CHARACTERS_MAX = 300


class Members:
    """Collects members within limits, under names that stay below their container and are told apart."""

    def __init__(self) -> None:
        self._found: dict[str, bytes] = {}
        self._numbers: dict[str, int] = {}
        self._bytes = 0

    @property
    def found(self) -> tuple[Member, ...]:
        """The members in the order they came."""
        return tuple(Member(name, data) for name, data in self._found.items())

    def add(self, name: str, data: bytes) -> None:
        """One more. Raises DocumentRejected beyond the limits."""
        self._bytes += len(data)
        if len(self._found) >= MEMBERS_MAX or self._bytes > MEMBERS_BYTES_MAX:
            raise DocumentRejected(
                f"it holds over {MEMBERS_MAX} files or {MEMBERS_BYTES_MAX >> 20} MB of files; unpack it, and load those"
            )
        self._found[self._free(_below(name))] = data

    def _free(self, name: str) -> str:
        path, number, free = PurePosixPath(name), self._numbers.get(name, 2), name
        while free in self._found:
            free = str(path.with_name(f"{path.stem} ({number}){path.suffix}"))
            number += 1
        self._numbers[name] = number
        return free


def _below(name: str) -> str:
    """The end of the name as a path that does not leave the folder it is in; cut first, as a cut can make `..`."""
    end = name.replace("\\", "/").replace("\0", "")[-NAME_CHARACTERS_MAX:]
    return posixpath.normpath("/" + end).strip("/") or "file"
