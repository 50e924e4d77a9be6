"""Sealed snapshots of indexes: `<state>/snapshots/<collection>/<name>`, sealed streams under the collection's key.

    content = length of the head (4 bytes, big endian) | head | parts, one after the other
    head    = JSON {"format": 1, "parts": [[name, bytes], ...], "about": what the writer says of them}

Context ("snapshots", collection id, name). A snapshot is a cache of the sealed truth: one that does not open is made
anew.
"""

import json
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rag.errors import SnapshotUnusable
from rag.streams import Joined, on_disk
from security.access import Grant
from security.errors import SecurityError
from security.files import sync_folder
from security.identity import CollectionId
from security.keyring import Keyring
from security.sealing import BLOCK_BYTES, HEADER_BYTES, Context, DataKey

_FORMAT = 1
_LENGTH_BYTES = 4
Parts = Mapping[str, bytes | Path]
"""What a snapshot holds, by name: bytes, or a file."""


class Snapshots:
    """Writes, opens and removes snapshots. One writer a collection at a time; `reseal` waits for it."""

    def __init__(self, folder: Path, keyring: Keyring) -> None:
        self._folder, self._keyring = folder, keyring
        self._lock = threading.Lock()
        self._locks: dict[CollectionId, threading.Lock] = {}

    def write(self, grant: Grant, name: str, about: Any, parts: Parts) -> Path:
        """Seal parts to the disk, beside what stands there; `publish` puts it in place, `discard` removes it."""
        folder = self._folder / grant.collection_id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / f"{name}.{secrets.token_hex(4)}.new"
        with self._writing(grant.collection_id):
            key = self._keyring.for_grant(grant)
            try:
                with on_disk(fresh) as target:
                    key.seal_stream(Joined(_content(about, parts)), target, _context(grant, name))
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise
        return fresh

    def publish(self, fresh: Path) -> None:
        """Put what `write` gave in place, whole."""
        fresh.replace(fresh.with_name(fresh.name.split(".")[0]))
        sync_folder(fresh.parent)

    def discard(self, fresh: Path) -> None:
        """Remove what `write` gave."""
        fresh.unlink(missing_ok=True)

    def open(self, grant: Grant, name: str, folder: Path) -> tuple[Any, dict[str, Path]]:
        """Put the parts into a folder; gives what was said of them, and their files by name.

        Raises SnapshotUnusable where there is none, or it is not what was written; the folder is removed then.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self._folder / grant.collection_id / name).open("rb") as sealed:
                blocks = self._keyring.for_grant(grant).open_stream(sealed, _context(grant, name))
                return _unpacked(blocks, folder)
        except (OSError, SecurityError, ValueError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise SnapshotUnusable(f"snapshot {name} of collection {grant.collection_id} does not open") from error

    def names(self, collection_id: CollectionId) -> set[str]:
        """What stands there, whole."""
        folder = self._folder / collection_id
        return {path.name for path in folder.iterdir() if not path.suffix} if folder.is_dir() else set()

    def remove(self, collection_id: CollectionId, *names: str) -> None:
        """Remove snapshots of a collection, for good; those that are not there do no harm."""
        held = self.names(collection_id) & set(names)
        for name in held:
            (self._folder / collection_id / name).unlink(missing_ok=True)
        if held:
            sync_folder(self._folder / collection_id)

    def remove_all(self, collection_id: CollectionId) -> None:
        """Remove the collection's folder."""
        shutil.rmtree(self._folder / collection_id, ignore_errors=True)

    def keep_only(self, collections: set[CollectionId]) -> None:
        """Remove what is of no collection, and what was begun when the process was killed."""
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            if folder.name not in collections:
                shutil.rmtree(folder, ignore_errors=True)
            for begun in folder.glob("*.new"):
                begun.unlink()

    def reseal(self, grant: Grant) -> None:
        """Seal what stands there under the newest version of the key; what does not open is removed."""
        with self._writing(grant.collection_id):
            key = self._keyring.for_grant(grant)
            for name in sorted(self.names(grant.collection_id)):
                self._reseal(key, grant, name)

    def _reseal(self, key: DataKey, grant: Grant, name: str) -> None:
        path, context = self._folder / grant.collection_id / name, _context(grant, name)
        fresh = path.with_name(f"{name}.{secrets.token_hex(4)}.new")
        try:
            with path.open("rb") as sealed:
                if key.is_current(sealed.read(HEADER_BYTES)):
                    return
                sealed.seek(0)
                with on_disk(fresh) as target:
                    key.seal_stream(Joined(key.open_stream(sealed, context)), target, context)
            self.publish(fresh)
        except (FileNotFoundError, SecurityError):
            self.discard(fresh)
            self.remove(grant.collection_id, name)

    def _writing(self, collection_id: CollectionId) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(collection_id, threading.Lock())


def _context(grant: Grant, name: str) -> Context:
    return Context("snapshots", grant.collection_id, name)


def _content(about: Any, parts: Parts) -> Iterator[bytes]:
    sizes = [[name, part.stat().st_size if isinstance(part, Path) else len(part)] for name, part in parts.items()]
    head = json.dumps({"format": _FORMAT, "parts": sizes, "about": about}).encode()
    yield len(head).to_bytes(_LENGTH_BYTES, "big") + head
    for part in parts.values():
        if isinstance(part, bytes):
            yield from (part,) if part else ()  # nothing would look like the end
            continue
        with part.open("rb") as source:
            while block := source.read(BLOCK_BYTES):
                yield block


def _unpacked(blocks: Iterator[bytes], folder: Path) -> tuple[Any, dict[str, Path]]:
    source = Joined(blocks)
    length = int.from_bytes(_exactly(source, _LENGTH_BYTES), "big")
    head = json.loads(_exactly(source, length))
    if head["format"] != _FORMAT:
        raise ValueError(f"format {head['format']}, expected {_FORMAT}")
    files: dict[str, Path] = {}
    for name, size in head["parts"]:
        files[name] = folder / name
        files[name].parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with files[name].open("wb") as target:
            for part in _pieces(source, size):
                target.write(part)
    if source.read(1):
        raise ValueError("more follows than was written")  # and the stream ends, or it raises
    return head["about"], files


def _pieces(source: Joined, size: int) -> Iterator[bytes]:
    while size:
        part = source.read(min(size, BLOCK_BYTES))
        if not part:
            raise ValueError("the snapshot is cut")
        size -= len(part)
        yield part


def _exactly(source: Joined, size: int) -> bytes:
    return b"".join(_pieces(source, size))
