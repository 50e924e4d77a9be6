"""A file's bytes to passages and their vectors: parsed in a child, looked at, cut into chunks, embedded.

    Work(doc, data) → Passages(read, chunks, vectors), or the error that says why not

The same in the process that stores them and at a worker elsewhere: nothing here knows a collection.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.chunking import chunk_document, embedding_text, full_text
from rag.confinement import Limits
from rag.documents import Chunk
from rag.errors import DocumentQuarantined, DocumentRejected, ReadingCancelled
from rag.parsing.readers import Readers
from rag.parsing.sandbox import ReadDocument, read_document
from rag.parsing.suspicion import signs
from rag.personal.marking import marked

EMBED_BATCH = 16
TEXT_CHARACTERS_MAX = 12_000_000
"""Some 5,000 pages. A text of that size takes half an hour to embed on one core."""
DEPTH_MAX = 3
"""A file in a mail in a mail in an archive is read; what it holds is not."""
_NICE = 10


class PassageEmbedder(Protocol):
    """Gives the vectors of passages. Called from several threads at once."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows (n, d) float32."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """A file to be read: its path, how many files it lies in, whether a person has looked at it, its bytes."""

    doc: str
    depth: int
    is_released: bool
    data: bytes
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Passages:
    """What a file says: the document, its chunks, and their vectors (n, d) float32."""

    read: ReadDocument
    chunks: tuple[Chunk, ...]
    vectors: NDArray[np.float32]


class FileReading:
    """Reads files for several threads at once. Close it: readers are ended, queued batches dropped.

    `tessdata` is the folder of what OCR needs; without it scans are refused. Once `stopped` is set, files end with
    ReadingCancelled.
    """

    def __init__(
        self,
        embedder: PassageEmbedder,
        memory_dir: Path,
        stopped: threading.Event,
        limits: Limits | None = None,
        tessdata: Path | None = None,
    ) -> None:
        self._embedder, self._memory_dir, self._tessdata = embedder, memory_dir, tessdata
        self.limits, self._stopped = limits or Limits(), stopped
        self._host = Readers(memory_dir, tessdata)
        self._embedders = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "embed", give_way)

    def passages(
        self,
        work: Work,
        admit: Callable[[Sequence[Chunk]], None] = lambda _: None,
        embedding: Callable[[], None] = lambda: None,
    ) -> Passages:
        """The passages of a file; `admit` sees them before they are embedded, `embedding` is told that they are next.

        Raises DocumentRejected or DocumentEmpty with a sentence, FileUnavailable where no reader keeps running,
        ReadingCancelled.
        """
        name, host = work.doc.rpartition("/")[2], self._host
        read = read_document(name, work.data, self._memory_dir, self.limits, self._stopped, self._tessdata, host)
        _check_length(read)
        _check_depth(work, read)
        if not work.is_released:
            _check_signs(work, read)
        parsed = replace(read.document, modified_at=read.document.modified_at or work.modified_at)
        chunks = marked(full_text(parsed), chunk_document(parsed, self._embedder.count_tokens))
        admit(chunks)
        embedding()
        vectors = self._vectors([embedding_text(parsed.title, chunk) for chunk in chunks])
        return Passages(replace(read, document=parsed), chunks, vectors)

    def cancel(self) -> None:
        """Drop the batches that wait to be embedded."""
        self._embedders.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """End the readers, and wait for a running batch."""
        self._host.close()
        self._embedders.shutdown(cancel_futures=True)

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, d) float32, batch by batch on every embedding thread."""
        batches = [texts[at : at + EMBED_BATCH] for at in range(0, len(texts), EMBED_BATCH)]
        try:
            rows = list(self._embedders.map(self._embedded, batches))
        except CancelledError:
            raise ReadingCancelled("the load was stopped") from None
        return np.concatenate(rows) if rows else np.empty((0, 0), np.float32)

    def _embedded(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self._stopped.is_set():
            raise ReadingCancelled("the load was stopped")
        return self._embedder.embed_passages(texts)


def _check_length(read: ReadDocument) -> None:
    characters = sum(len(block.text) for block in read.document.blocks)
    if characters > TEXT_CHARACTERS_MAX:
        raise DocumentRejected(
            f"the file holds {characters / 1e6:.0f} million characters of text; the limit is "
            f"{TEXT_CHARACTERS_MAX / 1e6:.0f}: split it"
        )


def _check_depth(work: Work, read: ReadDocument) -> None:
    if read.document.members and work.depth >= DEPTH_MAX:
        raise DocumentRejected(f"this holds files, inside {work.depth} other files; take it out, and load it by itself")


def _check_signs(work: Work, read: ReadDocument) -> None:
    """Raise DocumentQuarantined for a document, or a name, that speaks to a model instead of its readers."""
    found = dict.fromkeys((*read.signs, *signs([work.doc])))
    where = "it"
    if not found:
        found, where = dict.fromkeys(read.hidden_signs), "text in it that no reader sees"
    if found:
        raise DocumentQuarantined(
            f"{where} {' and '.join(found)}: look at it; if it may come in, load again with `--release` and its path"
        )


def give_way() -> None:
    """Let this thread, and the children it starts, wait for threads that answer questions."""
    thread = threading.get_native_id()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICE, os.getpriority(os.PRIO_PROCESS, thread)))
