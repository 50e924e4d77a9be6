"""Files made ready ahead of their turn: read, told by digest, parsed in a child, cut into chunks, embedded.

    found file → Ready(content, mark, parsed, chunks, vectors) or Refused(sentence)

A few readers work on the next files while vectors of the present one are computed; all of them yield the processor to
people's questions. What is ready waits in order, so that results come in the order of the files.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.confinement import Limits
from rag.documents import Chunk
from rag.elsewhere import PLACES_MAX, Elsewhere
from rag.errors import (
    DocumentBarred,
    DocumentEmpty,
    DocumentRejected,
    FileUnavailable,
)
from rag.folders import FileContent, FoundFile, read_file
from rag.parsing.sandbox import ReadDocument
from rag.reading import FileReading, PassageEmbedder, Passages, Work, give_way
from rag.store.values import Fingerprint

READERS = 2
FILES_AHEAD = 6
BYTES_AHEAD = 128 * 1024 * 1024
"""Files whose turn has not come hold this much at most, and one file whatever its size."""
_TURN_SECONDS = 0.05


class Stage(StrEnum):
    """What is being done with a file."""

    READING = "reading"
    EMBEDDING = "embedding"


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

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it is set after that time, which only the preparer's end cuts short."""
        super().wait(timeout)
        return self.is_set()


class Preparer:
    """Prepares files on threads of its own. Close it: work on files whose turn has not come is dropped.

    A few files are read here; further ones `elsewhere`, as far as workers there have places. `tessdata` is the folder
    of what OCR needs; without it scans are refused. Once `stopped` is set, files end with ReadingCancelled.
    """

    def __init__(
        self,
        embedder: PassageEmbedder,
        memory_dir: Path,
        limits: Limits | None = None,
        tessdata: Path | None = None,
        stopped: threading.Event | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._stopped = _Stopped(stopped)
        self._at_hand: dict[str, Stage] = {}
        self._reading = FileReading(embedder, memory_dir, self._stopped, limits, tessdata)
        self._elsewhere = elsewhere
        self._fetching, self._here = threading.Semaphore(READERS), threading.Semaphore(READERS)
        self._readers = ThreadPoolExecutor(READERS + (PLACES_MAX if elsewhere else 0), "read", give_way)

    def at_hand(self) -> dict[str, Stage]:
        """The files that are being read or embedded now, by path."""
        return dict(self._at_hand)

    def prepare(self, files: Sequence[FoundFile], known: Known) -> Iterator[Prepared]:
        """Every file in order, prepared. Raises ReadingCancelled once it was stopped."""
        waiting: deque[tuple[int, Future[Prepared]]] = deque()
        ahead = iter(files)
        file = next(ahead, None)
        while file is not None or waiting:
            while file is not None and len(waiting) < FILES_AHEAD + self._places():
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
        self._reading.cancel()
        self._readers.shutdown(cancel_futures=True)
        self._reading.close()

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
        content = file.content or self._fetched(file, known)
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
        work = Work(file.doc, file.depth, file.doc in known.released, content.data, content.modified_at)
        found = self._passages(work, known)
        return Ready(content.data, mark, found.read, found.chunks, found.vectors)

    def _fetched(self, file: FoundFile, known: Known) -> FileContent:
        """The bytes of a file. No source is asked for more files at once than are read here."""
        with self._fetching:
            return known.read(file, self._reading.limits.file_bytes)

    def _passages(self, work: Work, known: Known) -> Passages:
        """Read a file at the first place that is free, here or elsewhere."""
        while True:
            if self._here.acquire(timeout=_TURN_SECONDS if self._elsewhere else None):
                try:
                    return self._reading.passages(work, known.admit, lambda: self._embeds(work.doc))
                finally:
                    self._here.release()
            found = self._elsewhere.passages(work, self._stopped) if self._elsewhere else None
            if found:
                known.admit(found.chunks)
                return found

    def _embeds(self, doc: str) -> None:
        self._at_hand[doc] = Stage.EMBEDDING

    def _places(self) -> int:
        return min(self._elsewhere.places(), PLACES_MAX) if self._elsewhere else 0


def _size(file: FoundFile) -> int:
    if file.content:
        return 0  # in memory already
    if file.size:
        return file.size
    with suppress(OSError):
        return file.path.lstat().st_size
    return 0
