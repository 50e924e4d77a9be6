"""One bounded child process a file: limits on memory, time, output and files, no environment, no network."""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

from rag.confinement import MB, Confined, Limits, search_path
from rag.documents import Block, BlockKind, Box, Member, ParsedDocument
from rag.errors import DocumentEmpty, DocumentRejected, ReadingCancelled
from rag.parsing.child import MEMBER_FILE, SCANNED_FILE
from rag.parsing.filetypes import MediaType
from rag.parsing.suspicion import Sign

_START = "import sys; sys.path[:0] = sys.argv[2:]; from rag.parsing.child import main; main()"
_SUFFIX_CHARACTERS_MAX = 10
_POLL_SECONDS = 0.2
OCR_BATCH = 4
"""Pages read in one child: starting it costs half a second, a page two."""
BOXES_MAX = 300
"""Lines marked on a page; a passage stands on some twenty. They go to the child on its command line."""
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
) -> ReadDocument:
    """Parse a file in the sandbox; raises DocumentRejected or DocumentEmpty with a sentence, or ReadingCancelled.

    Only the name's ending reaches the child, because a command line can be read by everybody on the machine. Pages
    that are pictures are read by OCR, a few in a child, where `tessdata` is the folder of its data.
    """
    with _folder(memory_dir) as folder:
        child = _Child(_suffix(name), data, folder, limits or Limits(), cancelled or threading.Event())
        outcome = child.run({"do": "parse"})
        if "scanned" in outcome:
            outcome = _read_pictures(child, outcome["scanned"], tessdata)
        found = outcome["document"]
        members = tuple(_member(folder, number, inside) for number, inside in enumerate(found["members"]))
    modified = datetime.fromisoformat(found["modified_at"]) if found["modified_at"] else None
    blocks = tuple(_block(block) for block in found["blocks"])
    document = ParsedDocument(found["title"] or name, found["pages"], blocks, modified, members)
    seen, unseen = (tuple(map(Sign, found[field])) for field in ("signs", "hidden_signs"))
    return ReadDocument(MediaType(outcome["media_type"]), document, seen, unseen)


def render_page(
    data: bytes,
    page: int,
    memory_dir: Path,
    width_px: int = 900,
    boxes: Sequence[Box] = (),
    *,
    is_read: bool = False,
) -> bytes:
    """A page (from 1) of a PDF or a picture as PNG, rendered in the sandbox, with boxes (in points) marked on it.

    `is_read`: the boxes were found on the picture of the page, by OCR. Of more than BOXES_MAX the first are marked.
    """
    marks = {"boxes": boxes[:BOXES_MAX], "is_read": is_read}
    with _folder(memory_dir) as folder:
        child = _Child("", data, folder, Limits(), threading.Event())
        outcome = child.run({"do": "render", "page": page, "width_px": width_px, **marks})
    return base64.b64decode(outcome["png"])


def confinement(memory_dir: Path) -> Confined:
    """What the kernel of this machine takes from readers, as one of them finds it."""
    with _folder(memory_dir) as folder:
        return Confined(**_Child("", b"", folder, Limits(), threading.Event()).run({"do": "probe"}))


def _read_pictures(child: "_Child", pages: Sequence[int], tessdata: Path | None) -> dict[str, Any]:
    """Read pages that are pictures, then parse the file with what they say."""
    if len(pages) > SCANNED_PAGES_MAX:
        raise DocumentRejected(f"{len(pages)} of its pages are pictures; the limit is {SCANNED_PAGES_MAX}: split it")
    lines: dict[str, Any] = {}
    for first in range(0, len(pages), OCR_BATCH) if tessdata else ():
        batch = pages[first : first + OCR_BATCH]
        lines |= child.run({"do": "ocr", "pages": batch, "tessdata": str(tessdata)}, len(batch))["lines"]
    (child.folder / SCANNED_FILE).write_text(json.dumps(lines))
    try:
        return child.run({"do": "parse"})
    except DocumentEmpty:
        if tessdata:
            raise
        raise DocumentRejected(
            "this is a scan or a picture, and the data to read it is not here: run `huisclos models pull`"
        ) from None


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower()[:_SUFFIX_CHARACTERS_MAX].encode("ascii", "ignore").decode()


@contextmanager
def _folder(memory_dir: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=memory_dir, prefix="read-") as name:
        yield Path(name)


def _block(found: dict[str, Any]) -> Block:
    boxes = tuple(tuple(box) for box in found["boxes"])
    cells = tuple(found["cells"]) if found["cells"] else None
    return Block(
        BlockKind(found["kind"]), found["text"], found["page"], found["level"], boxes, cells, found["confidence"]
    )


def _member(folder: Path, number: int, name: str) -> Member:
    return Member(name, (folder / MEMBER_FILE.format(number=number)).read_bytes())


@dataclass(frozen=True, slots=True)
class _Child:
    """One file, its folder, and what each child that works on it may cost."""

    suffix: str
    data: bytes
    folder: Path
    limits: Limits
    cancelled: threading.Event

    def run(self, task: dict[str, Any], times: int = 1) -> dict[str, Any]:
        """The outcome of a task; `times` multiplies what it may cost in time."""
        limits = self.limits.times(times)
        if len(self.data) > limits.file_bytes:
            raise DocumentRejected(
                f"the file has {len(self.data) // MB} MB; the limit is {limits.file_bytes // MB} MB: split it"
            )
        whole = {"suffix": self.suffix, **task, "limits": asdict(limits), "parent": os.getpid()}
        output = self.folder / "out"
        code = _spawn(whole, self.data, str(self.folder), output, limits.wall_seconds, self.cancelled)
        return _outcome(code, output.read_bytes())


def _spawn(
    task: dict[str, Any], data: bytes, folder: str, output: Path, wall_seconds: int, cancelled: threading.Event
) -> int:
    """Run the child to its end or its wall clock; its whole process group ends with it."""
    command = [sys.executable, "-I", "-S", "-c", _START, json.dumps(task), *search_path()]
    with output.open("wb") as out, tempfile.TemporaryFile(dir=folder) as source:
        source.write(data)
        source.seek(0)
        child = subprocess.Popen(
            command,
            stdin=source,
            stdout=out,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={
                "LANG": "C.UTF-8",
                "HOME": folder,
                "TMPDIR": folder,
                "ORT_DISABLE_TELEMETRY": "1",
                "OMP_THREAD_LIMIT": "1",
            },
            start_new_session=True,
        )
        try:
            return _wait(child, wall_seconds, cancelled)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _wait(child: subprocess.Popen[bytes], wall_seconds: int, cancelled: threading.Event) -> int:
    end = time.monotonic() + wall_seconds
    while not cancelled.is_set():
        try:
            return child.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if time.monotonic() > end:
                raise DocumentRejected(
                    f"reading took over {wall_seconds} s; the file is too large or made to hang: split or drop it"
                ) from None
    raise ReadingCancelled("the load was stopped")


def _outcome(code: int, raw: bytes) -> dict[str, Any]:
    if code:
        raise DocumentRejected("the file crashed its reader or went over its limits; save it again or drop it")
    try:
        outcome: dict[str, Any] = json.loads(raw)
    except ValueError as error:
        raise DocumentRejected("the file's text is over the limit; split it") from error
    if "empty" in outcome:
        raise DocumentEmpty(outcome["empty"])
    if "rejected" in outcome:
        raise DocumentRejected(outcome["rejected"])
    return outcome
