"""Bytes on their way into a sealed stream and onto the disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from security.files import sync_folder


class Joined:
    """Blocks as a file that is read once."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._rest = blocks, b""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, fewer where a block ends; none at the end."""
        self._rest = self._rest or next(self._blocks, b"")
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


@contextmanager
def on_disk(path: Path) -> Iterator[BinaryIO]:
    """A new private file, on the disk after the block with its folder entry."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:  # noqa: PTH123 - from a descriptor
        yield target
        target.flush()
        os.fsync(target.fileno())
    sync_folder(path.parent)
