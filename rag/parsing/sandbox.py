"""One bounded child process a file: limits on memory, time, output and files, no environment, no network."""

import base64
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag.documents import Block, BlockKind, ParsedDocument
from rag.errors import DocumentEmpty, DocumentRejected
from rag.parsing.filetypes import MediaType

_MB = 1024 * 1024
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_START = "import sys; sys.path[:0] = sys.argv[2:]; from rag.parsing.child import main; main()"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost."""

    file_bytes: int = 100 * _MB
    output_bytes: int = 64 * _MB
    memory_bytes: int = 2048 * _MB
    cpu_seconds: int = 60
    wall_seconds: int = 120
    open_files: int = 64


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A parsed document and what it was."""

    media_type: MediaType
    document: ParsedDocument


def read_document(name: str, data: bytes, memory_dir: Path, limits: Limits | None = None) -> ReadDocument:
    """Parse a file in the sandbox; raises DocumentRejected or DocumentEmpty with a sentence."""
    outcome = _run({"do": "parse", "name": name}, data, memory_dir, limits or Limits())
    found = outcome["document"]
    blocks = tuple(_block(block) for block in found["blocks"])
    if not any(block.text.strip() for block in blocks):
        raise DocumentEmpty("the file holds no text")
    modified = datetime.fromisoformat(found["modified_at"]) if found["modified_at"] else None
    if modified is not None and modified.tzinfo is None:
        modified = modified.replace(tzinfo=UTC)
    document = ParsedDocument(found["title"][:300], found["pages"], blocks, modified)
    return ReadDocument(MediaType(outcome["media_type"]), document)


def render_page(data: bytes, page: int, memory_dir: Path, width_px: int = 900) -> bytes:
    """A PDF page (from 1) as PNG, rendered in the sandbox."""
    outcome = _run({"do": "render", "page": page, "width_px": width_px}, data, memory_dir, Limits())
    return base64.b64decode(outcome["png"])


def _block(found: dict[str, Any]) -> Block:
    boxes = tuple(tuple(box) for box in found["boxes"])
    return Block(BlockKind(found["kind"]), found["text"], found["page"], found["level"], boxes)


def _run(task: dict[str, Any], data: bytes, memory_dir: Path, limits: Limits) -> dict[str, Any]:
    if len(data) > limits.file_bytes:
        raise DocumentRejected(
            f"the file has {len(data) // _MB} MB; the limit is {limits.file_bytes // _MB} MB: split it"
        )
    with tempfile.TemporaryDirectory(dir=memory_dir, prefix="read-") as folder:
        output = Path(folder) / "out"
        code = _spawn(task, data, folder, output, limits)
        raw = output.read_bytes()
    return _outcome(code, raw)


def _spawn(task: dict[str, Any], data: bytes, folder: str, output: Path, limits: Limits) -> int:
    """Run the child to its end or its wall clock; its whole process group ends with it."""
    command = [sys.executable, "-I", "-c", _START, json.dumps(task), *_search_path()]
    with output.open("wb") as out, tempfile.TemporaryFile(dir=folder) as source:
        source.write(data)
        source.seek(0)
        child = subprocess.Popen(
            command,
            stdin=source,
            stdout=out,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"LANG": "C.UTF-8", "HOME": folder, "TMPDIR": folder, "ORT_DISABLE_TELEMETRY": "1"},
            preexec_fn=_confine(limits),  # noqa: PLW1509 - only system calls, prepared before the fork
            start_new_session=True,
        )
        try:
            return child.wait(limits.wall_seconds)
        except subprocess.TimeoutExpired:
            raise DocumentRejected(
                f"reading took over {limits.wall_seconds} s; the file is too large or made to hang: split or drop it"
            ) from None
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _search_path() -> list[str]:
    """Where the child finds our parsers and the libraries; `-I` gives it nothing else."""
    return [str(Path(__file__).resolve().parents[2]), *(path for path in sys.path if path.endswith("-packages"))]


def _confine(limits: Limits) -> Callable[[], None]:
    bounds = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.output_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
    }
    unshare = ctypes.CDLL(None, use_errno=True).unshare

    def confine() -> None:
        for kind, bound in bounds.items():
            resource.setrlimit(kind, (bound, bound))
        unshare(_CLONE_NEWNET) and unshare(_CLONE_NEWUSER | _CLONE_NEWNET)  # where the kernel allows it

    return confine


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
