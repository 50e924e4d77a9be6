"""Sealed originals: one file a document, `<state>/originals/<collection>/<document>`, under the collection's key."""

import io
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rag.documents import DocumentId
from security.identity import CollectionId
from security.sealing import Context, DataKey


class Originals:
    """Writes, reads and removes documents' own bytes, sealed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def written(
        self, key: DataKey, collection_id: CollectionId, document_id: DocumentId, content: bytes
    ) -> Iterator[None]:
        """Seal the content to the disk, file and folder entry, then run the block; where it fails, the file goes."""
        path = self._path(collection_id, document_id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:  # noqa: PTH123 - from a descriptor
                key.seal_stream(io.BytesIO(content), target, _context(document_id))
                target.flush()
                os.fsync(target.fileno())
            _sync(path.parent)
            yield
        except Exception:
            path.unlink(missing_ok=True)
            raise

    def read(self, key: DataKey, collection_id: CollectionId, document_id: DocumentId) -> Iterator[bytes]:
        """The document's bytes in blocks."""
        with self._path(collection_id, document_id).open("rb") as sealed:
            yield from key.open_stream(sealed, _context(document_id))

    def remove(self, collection_id: CollectionId, ids: Sequence[DocumentId]) -> None:
        """Remove the files of documents; those that are gone already do no harm."""
        for identifier in ids:
            self._path(collection_id, identifier).unlink(missing_ok=True)

    def keep_only(self, collection_id: CollectionId, ids: set[str]) -> int:
        """Remove every other file of the collection; gives their number."""
        folder = self._folder / collection_id
        strays = [path for path in folder.iterdir() if path.name not in ids] if folder.is_dir() else []
        for path in strays:
            path.unlink()
        return len(strays)

    def collections(self) -> set[CollectionId]:
        """The collections that have a folder."""
        return {CollectionId(path.name) for path in self._folder.iterdir()} if self._folder.is_dir() else set()

    def remove_collection(self, collection_id: CollectionId) -> None:
        """Remove the collection's folder."""
        shutil.rmtree(self._folder / collection_id, ignore_errors=True)

    def _path(self, collection_id: CollectionId, document_id: DocumentId) -> Path:
        return self._folder / collection_id / document_id


def _context(document_id: DocumentId) -> Context:
    return Context("originals", document_id, "content")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
