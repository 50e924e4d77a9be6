"""One bounded child process a file: limits on memory, time, output and files, no environment, no network."""

import base64
import json
import os
import stat
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from pydantic import TypeAdapter

from rag.confinement import MB, Confined, Limits
from rag.documents import Member, ParsedDocument
from rag.errors import DocumentEmpty, DocumentRejected, FileUnavailable, ReaderFailed
from rag.parsing.child import MEMBER_FILE, SCANNED_FILE
from rag.parsing.filetypes import MediaType
from rag.parsing.marks import UNMARKED, Marks
from rag.parsing.readers import HostGone, Readers
from rag.parsing.suspicion import Sign

_DOCUMENT, _NAMES = TypeAdapter(ParsedDocument), TypeAdapter(tuple[str, ...])
_SUFFIX_CHARACTERS_MAX = 10
_TRIES = 2
OCR_BATCH = 4
"""Pages read in one child: opening the file again costs a little, a page two seconds."""
BOXES_MAX = 300
"""Lines marked on a page; a passage stands on some twenty. They go to the host of readers in one message."""
PASSAGE_CHARACTERS_MAX = 3000
"""Three times what a long passage has; in a longer one no quote is marked."""
SCANNED_PAGES_MAX = 1000
"""Some 40 minutes on one core."""


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A parsed document, what it was, and the signs that it speaks to a model: in what is seen, and in what is not."""

    media_type: MediaType
    document: ParsedDocument
    signs: tuple[Sign, ...] = ()
    hidden_signs: tuple[Sign, ...] = ()


def read_document(
    name: str,
    data: bytes,
    memory_dir: Path,
    limits: Limits | None = None,
    cancelled: threading.Event | None = None,
    tessdata: Path | None = None,
    readers: Readers | None = None,
) -> ReadDocument:
    """Parse a file in the sandbox; raises DocumentRejected or DocumentEmpty with a sentence, or ReadingCancelled.

    Only the name's ending reaches the child. Pages that are pictures are read by OCR, a few in a child, where
    `tessdata` is the folder of its data. `readers` are of the same folders; without them the file has its own.
    Raises FileUnavailable where no process to read it keeps running.
    """
    with ExitStack() as stack:
        from_host = readers or stack.enter_context(Readers(memory_dir, tessdata))
        bounds = limits or Limits()
        source = stack.enter_context(_whole([data], memory_dir, bounds))
        child = _Child(_suffix(name), source, memory_dir, bounds, cancelled or threading.Event(), from_host)
        outcome = child.run({"do": "parse"})
        if "scanned" in outcome.told:
            outcome = _read_pictures(child, outcome.told["scanned"], tessdata)
    with _distrusted():
        found = outcome.told["document"]
        document = _DOCUMENT.validate_python(found | {"members": outcome.members})
        seen, unseen = (tuple(map(Sign, found[field])) for field in ("signs", "hidden_signs"))
        read = ReadDocument(MediaType(outcome.told["media_type"]), document, seen, unseen)
    return replace(read, document=replace(document, title=document.title or name))


def render_page(
    blocks: Iterable[bytes],
    page: int,
    memory_dir: Path,
    width_px: int = 900,
    marks: Marks = UNMARKED,
    *,
    is_strip: bool = False,
    readers: Readers | None = None,
) -> bytes:
    """A page (from 1) of a PDF or a picture as PNG, rendered in the sandbox, with a passage and its quote marked on it.

    The blocks of the file are held one at a time, and all have come before its reader begins: what they raise, a broken
    seal, comes instead of a picture. Of more than BOXES_MAX boxes the first are marked. `is_strip`: only what is
    around the quote, of a page of that width. `readers` are of the same folder; without them the page has its own.
    """
    task = {"do": "render", "page": page, "width_px": width_px, "marks": asdict(_bounded(marks)), "is_strip": is_strip}
    outcome = _once(blocks, memory_dir, task, readers)
    with _distrusted():
        return base64.b64decode(outcome.told["png"])


def _bounded(marks: Marks) -> Marks:
    """What goes to the host of readers in one message."""
    is_short = len(marks.text) <= PASSAGE_CHARACTERS_MAX
    return Marks(marks.boxes[:BOXES_MAX], marks.is_read, *((marks.text, marks.start, marks.end) if is_short else ()))


def confinement(memory_dir: Path) -> Confined:
    """What the kernel of this machine takes from readers, as one of them finds it."""
    return Confined(**_once([], memory_dir, {"do": "probe"}, None).told)


def _once(blocks: Iterable[bytes], memory_dir: Path, task: dict[str, Any], readers: Readers | None) -> "_Outcome":
    """The outcome of one task for one file."""
    with ExitStack() as stack:
        source = stack.enter_context(_whole(blocks, memory_dir, Limits()))
        from_host = readers or stack.enter_context(Readers(memory_dir))
        return _Child("", source, memory_dir, Limits(), threading.Event(), from_host).run(task)


@contextmanager
def _whole(blocks: Iterable[bytes], memory_dir: Path, limits: Limits) -> Iterator[BinaryIO]:
    """A file in memory that has all blocks, and no name."""
    with tempfile.TemporaryFile(dir=memory_dir) as file:
        for block in blocks:
            file.write(block)
            if file.tell() > limits.file_bytes:
                raise DocumentRejected(f"the file has over {limits.file_bytes // MB} MB, the limit: split it")
        file.flush()
        yield file


def _read_pictures(child: "_Child", said: Sequence[int], tessdata: Path | None) -> "_Outcome":
    """Read pages that are pictures, then parse the file with what they say."""
    with _distrusted():
        pages = [int(page) for page in said]
    if len(pages) > SCANNED_PAGES_MAX:
        raise DocumentRejected(f"{len(pages)} of its pages are pictures; the limit is {SCANNED_PAGES_MAX}: split it")
    lines: dict[str, Any] = {}
    for first in range(0, len(pages), OCR_BATCH) if tessdata else ():
        batch = pages[first : first + OCR_BATCH]
        found = child.run({"do": "ocr", "pages": batch, "tessdata": str(tessdata)}, len(batch))
        with _distrusted():
            lines |= found.told["lines"]
    try:
        return child.run({"do": "parse"}, scanned=json.dumps(lines))
    except DocumentEmpty:
        if tessdata:
            raise
        raise DocumentRejected(
            "this is a scan or a picture, and the data to read it is not here: run `huisclos models pull`"
        ) from None


@contextmanager
def _distrusted() -> Iterator[None]:
    """What a child says is looked at as what it read is: one that was taken over says anything."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DocumentRejected("the file's reader gave what no reader gives; drop the file") from error


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower()[:_SUFFIX_CHARACTERS_MAX].encode("ascii", "ignore").decode()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a child said, and the files it left."""

    told: dict[str, Any]
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class _Child:
    """One file, where folders for its children are made, and what each child may cost."""

    suffix: str
    source: BinaryIO
    memory_dir: Path
    limits: Limits
    cancelled: threading.Event
    readers: Readers

    def run(self, task: dict[str, Any], times: int = 1, scanned: str = "") -> _Outcome:
        """The outcome of a task, done in a folder that no child was in before.

        `times` multiplies what it may cost in time; `scanned` are the lines that were read of pages.
        """
        limits = self.limits.times(times)
        whole = {"suffix": self.suffix, **task, "limits": asdict(limits)}
        for _ in range(_TRIES):
            with suppress(HostGone):
                return self._try(whole, limits.wall_seconds, scanned)
        raise FileUnavailable("the process that reads files ended twice before it did: free memory, and load again")

    def _try(self, task: dict[str, Any], wall_seconds: int, scanned: str) -> _Outcome:
        with (
            tempfile.TemporaryDirectory(dir=self.memory_dir, prefix="read-", ignore_cleanup_errors=True) as name,
            _held(name) as folder,
            _to_read(self.source) as source,
            tempfile.TemporaryFile(dir=self.memory_dir) as out,
        ):
            if scanned:
                (Path(name) / SCANNED_FILE).write_text(scanned)
            code = self.readers.run(task, (source, out.fileno(), folder), wall_seconds, self.cancelled)
            out.seek(0)
            told = _told(code, out.read())
            return _Outcome(told, _members(folder, told))


@contextmanager
def _to_read(file: BinaryIO) -> Iterator[int]:
    """A file from its beginning, in a descriptor that writes nothing: the next child reads what this one did."""
    opened = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)
    try:
        yield opened
    finally:
        os.close(opened)


@contextmanager
def _held(name: str) -> Iterator[int]:
    """A folder by its descriptor: whatever a child puts in its place is another."""
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield folder
    finally:
        os.close(folder)


def _members(folder: int, told: Mapping[str, Any]) -> tuple[Member, ...]:
    """The files that a child left, as it names them."""
    with _distrusted():
        names = _NAMES.validate_python(told.get("document", {}).pop("members", ()))
        return tuple(Member(name, _left(folder, MEMBER_FILE.format(number=at))) for at, name in enumerate(names))


def _left(folder: int, name: str) -> bytes:
    """The bytes of a file that a child left: of a link, a pipe or a folder in its place there are none."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        with open(os.open(name, flags, dir_fd=folder), "rb") as file:  # noqa: PTH123 - a descriptor
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError("no regular file")
            return file.read()
    except OSError as error:
        raise ValueError("no file") from error


def _told(code: int, raw: bytes) -> dict[str, Any]:
    if code:
        raise ReaderFailed("the file crashed its reader or went over its limits; save it again or drop it")
    try:
        outcome: dict[str, Any] = json.loads(raw)
    except ValueError as error:
        raise DocumentRejected("the file's text is over the limit; split it") from error
    if not isinstance(outcome, dict):
        raise DocumentRejected("the file's reader gave what no reader gives; drop the file")
    if "empty" in outcome:
        raise DocumentEmpty(str(outcome["empty"]))
    if "rejected" in outcome:
        raise DocumentRejected(str(outcome["rejected"]))
    return outcome
