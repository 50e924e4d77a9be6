"""Files made ready ahead of their turn: read, told by digest, parsed in a child, cut into chunks, embedded.

    found file → Ready(content, mark, parsed, chunks, vectors) or Refused(sentence)

A few readers work on the next files while vectors of the present one are computed; all of them yield the processor to
people's questions. What is ready waits in order, so that results come in the order of the files.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.chunking import chunk_document, embedding_text, full_text
from rag.confinement import Limits
from rag.documents import Chunk
from rag.errors import (
    DocumentBarred,
    DocumentEmpty,
    DocumentQuarantined,
    DocumentRejected,
    FileUnavailable,
    ReadingCancelled,
)
from rag.folders import FileContent, FoundFile, read_file
from rag.parsing.readers import Readers
from rag.parsing.sandbox import ReadDocument, read_document
from rag.parsing.suspicion import signs
from rag.personal.marking import marked
from rag.store.values import Fingerprint

EMBED_BATCH = 16
READERS = 2
FILES_AHEAD = 6
BYTES_AHEAD = 128 * 1024 * 1024
"""Files whose turn has not come hold this much at most, and one file whatever its size."""
TEXT_CHARACTERS_MAX = 12_000_000
"""Some 5,000 pages. A text of that size takes half an hour to embed on one core."""
DEPTH_MAX = 3
"""A file in a mail in a mail in an archive is read; what it holds is not."""
_NICE = 10


class Stage(StrEnum):
    """What is being done with a file."""

    READING = "reading"
    EMBEDDING = "embedding"


class PassageEmbedder(Protocol):
    """Gives the vectors of passages. Called from several threads at once."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows (n, d) float32."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text."""
        ...


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that can be stored. `read` is None where the caller knew its content already."""

    data: bytes
    mark: Fingerprint
    read: ReadDocument | None
    chunks: tuple[Chunk, ...]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that cannot be stored, with the error that says why; `mark` where its bytes were fetched."""

    error: DocumentRejected | DocumentEmpty | FileUnavailable
    mark: Fingerprint | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file, what came of it, and the seconds it took."""

    file: FoundFile
    outcome: Ready | Refused
    seconds: float


def read_here(file: FoundFile, bytes_max: int) -> FileContent:
    """The bytes of a file that lies on this machine."""
    return read_file(file.path, bytes_max)


@dataclass(frozen=True, slots=True)
class Known:
    """What a load knows before it reads: how to digest a file, whether its content needs no reading, and what must not
    come in: `admit` raises DocumentRejected. `released` are the paths of files that a person has looked at. `unread`
    digests a file that need not even be fetched, `read` fetches one; `refused` gives the error that the same content,
    or version, ended with before.
    """

    fingerprint: Callable[[FoundFile, bytes], Fingerprint]
    is_known: Callable[[FoundFile, Fingerprint], bool]
    admit: Callable[[Sequence[Chunk]], None] = lambda _: None
    released: Collection[str] = ()
    unread: Callable[[FoundFile], Fingerprint | None] = lambda _: None
    read: Callable[[FoundFile, int], FileContent] = read_here
    refused: Callable[[FoundFile, Fingerprint | None], DocumentRejected | DocumentEmpty | FileUnavailable | None] = (
        lambda _file, _mark: None
    )


class _Stopped(threading.Event):
    """Set at the end of its preparer, which is not the caller's stop, and once the caller's is."""

    def __init__(self, asked: threading.Event | None) -> None:
        super().__init__()
        self._asked = asked

    def is_set(self) -> bool:
        return super().is_set() or (self._asked is not None and self._asked.is_set())


class Preparer:
    """Prepares files on threads of its own. Close it: work on files whose turn has not come is dropped.

    `tessdata` is the folder of what OCR needs; without it scans are refused. Once `stopped` is set, files end with
    ReadingCancelled.
    """

    def __init__(
        self,
        embedder: PassageEmbedder,
        memory_dir: Path,
        limits: Limits | None = None,
        tessdata: Path | None = None,
        stopped: threading.Event | None = None,
    ) -> None:
        self._embedder, self._memory_dir, self._tessdata = embedder, memory_dir, tessdata
        self._limits = limits or Limits()
        self._stopped = _Stopped(stopped)
        self._at_hand: dict[str, Stage] = {}
        self._host = Readers(memory_dir, tessdata)
        self._readers = ThreadPoolExecutor(READERS, "read", give_way)
        self._embedders = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "embed", give_way)

    def at_hand(self) -> dict[str, Stage]:
        """The files that are being read or embedded now, by path."""
        return dict(self._at_hand)

    def prepare(self, files: Sequence[FoundFile], known: Known) -> Iterator[Prepared]:
        """Every file in order, prepared. Raises ReadingCancelled once it was stopped."""
        waiting: deque[tuple[int, Future[Prepared]]] = deque()
        ahead = iter(files)
        file = next(ahead, None)
        while file is not None or waiting:
            while file is not None and len(waiting) < FILES_AHEAD:
                size = _size(file)
                if waiting and size + sum(held for held, _ in waiting) > BYTES_AHEAD:
                    break
                waiting.append((size, self._readers.submit(self.one, file, known)))
                file = next(ahead, None)
            yield waiting.popleft()[1].result()

    def one(self, file: FoundFile, known: Known, *, is_forced: bool = False) -> Prepared:
        """One file, prepared; `is_forced` reads it even where its content is known."""
        started = time.monotonic()
        try:
            outcome = self._ready(file, known, is_forced=is_forced)
        except (DocumentRejected, FileUnavailable) as error:
            outcome = Refused(error)
        except OSError as error:
            outcome = Refused(FileUnavailable(f"the file cannot be opened: {error.strerror}; check its rights"))
        finally:
            self._at_hand.pop(file.doc, None)
        return Prepared(file, outcome, time.monotonic() - started)

    def close(self) -> None:
        """Stop: children are killed, queued batches dropped, a running batch is waited for."""
        self._stopped.set()
        self._embedders.shutdown(wait=False, cancel_futures=True)
        self._readers.shutdown(cancel_futures=True)
        self._host.close()
        self._embedders.shutdown()

    def _ready(self, file: FoundFile, known: Known, *, is_forced: bool) -> Ready | Refused:
        if file.problem:
            raise DocumentBarred(file.problem) if file.is_barred else FileUnavailable(file.problem)
        self._at_hand[file.doc] = Stage.READING
        held = None if is_forced else known.unread(file)
        if held:
            return Ready(b"", held, None, (), np.empty((0, 0), np.float32))
        error = None if is_forced else known.refused(file, None)
        if error:
            return Refused(error)
        content = file.content or known.read(file, self._limits.file_bytes)
        mark = known.fingerprint(file, content.data)
        if not is_forced and known.is_known(file, mark):
            return Ready(content.data, mark, None, (), np.empty((0, 0), np.float32))
        error = None if is_forced else known.refused(file, mark)
        if error:
            return Refused(error, mark)
        try:
            return self._read(file, content, mark, known)
        except (DocumentRejected, DocumentEmpty) as found:
            return Refused(found, mark)

    def _read(self, file: FoundFile, content: FileContent, mark: Fingerprint, known: Known) -> Ready:
        name, memory_dir, limits = file.doc.rpartition("/")[2], self._memory_dir, self._limits
        read = read_document(name, content.data, memory_dir, limits, self._stopped, self._tessdata, self._host)
        _check_length(read)
        _check_depth(file, read)
        if file.doc not in known.released:
            _check_signs(file, read)
        parsed = replace(read.document, modified_at=read.document.modified_at or content.modified_at)
        chunks = marked(full_text(parsed), chunk_document(parsed, self._embedder.count_tokens))
        known.admit(chunks)
        self._at_hand[file.doc] = Stage.EMBEDDING
        vectors = self._vectors([embedding_text(parsed.title, chunk) for chunk in chunks])
        return Ready(content.data, mark, replace(read, document=parsed), chunks, vectors)

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, d) float32, batch by batch on every embedding thread."""
        batches = [texts[at : at + EMBED_BATCH] for at in range(0, len(texts), EMBED_BATCH)]
        rows = list(self._embedders.map(self._embedded, batches))
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


def _check_depth(file: FoundFile, read: ReadDocument) -> None:
    if read.document.members and file.depth >= DEPTH_MAX:
        raise DocumentRejected(f"this holds files, inside {file.depth} other files; take it out, and load it by itself")


def _check_signs(file: FoundFile, read: ReadDocument) -> None:
    """Raise DocumentQuarantined for a document, or a name, that speaks to a model instead of its readers."""
    found = dict.fromkeys((*read.signs, *signs([file.doc])))
    where = "it"
    if not found:
        found, where = dict.fromkeys(read.hidden_signs), "text in it that no reader sees"
    if found:
        raise DocumentQuarantined(
            f"{where} {' and '.join(found)}: look at it; if it may come in, load again with `--release` and its path"
        )


def _size(file: FoundFile) -> int:
    if file.content:
        return 0  # in memory already
    if file.size:
        return file.size
    with suppress(OSError):
        return file.path.lstat().st_size
    return 0


def give_way() -> None:
    """Let this thread, and the children it starts, wait for threads that answer questions."""
    thread = threading.get_native_id()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICE, os.getpriority(os.PRIO_PROCESS, thread)))
