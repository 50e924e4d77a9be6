"""Sealed originals: one file a document, `<state>/originals/<collection>/<document>`, under the collection's key."""

import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rag.documents import DocumentId
from rag.streams import Joined, on_disk
from security.files import sync_folder
from security.identity import CollectionId
from security.sealing import HEADER_BYTES, Context, DataKey


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
            with on_disk(path) as target:
                key.seal_stream(io.BytesIO(content), target, _context(document_id))
            yield
        except Exception:
            path.unlink(missing_ok=True)
            raise

    def read(self, key: DataKey, collection_id: CollectionId, document_id: DocumentId) -> Iterator[bytes]:
        """The document's bytes in blocks."""
        with self._path(collection_id, document_id).open("rb") as sealed:
            yield from key.open_stream(sealed, _context(document_id))

    def reseal(self, key: DataKey, collection_id: CollectionId, document_id: DocumentId) -> bool:
        """Seal the file anew unless it is sealed under the newest version; a file that is gone is none. Gives whether.

        The old file stays whole until the new one, on the disk already, takes its place.
        """
        path, context = self._path(collection_id, document_id), _context(document_id)
        fresh = path.with_name(f"{document_id}.new")
        fresh.unlink(missing_ok=True)  # of a rotation that was killed
        try:
            with path.open("rb") as sealed:
                if key.is_current(sealed.read(HEADER_BYTES)):
                    return False
                sealed.seek(0)
                with on_disk(fresh) as target:
                    key.seal_stream(Joined(key.open_stream(sealed, context)), target, context)
        except FileNotFoundError:
            return False
        if path.exists():  # else its document went meanwhile; should it go right now, `sweep` finds the file
            fresh.replace(path)
            sync_folder(path.parent)
        fresh.unlink(missing_ok=True)
        return True

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
