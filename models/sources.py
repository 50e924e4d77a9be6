"""Where weights come from. Used by set-up commands only; an import contract keeps it out of the server.

Each source writes one file and is checked by the caller. A file that is there in part is continued.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from models.catalogue import Hub, ModelEntry
from models.errors import DiskFull, SourceFailed

FROM = "HUISCLOS_MODELS_FROM"
BLOCK_BYTES = 1 << 20
CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
CONNECTIONS_MAX = 5
"""A download that breaks off is continued this often before the next source is tried."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is: bytes of the file, and which part of how many."""

    file: str
    done_bytes: int
    total_bytes: int
    part: int = 1
    parts: int = 1


Report = Callable[[Progress], None]


def fetch_file(entry: ModelEntry, target: Path, report: Report) -> None:
    """Copy the file from the folder that HUISCLOS_MODELS_FROM names: a stick, or a share of the company."""
    folder = os.environ.get(FROM)
    if not folder:
        raise SourceFailed(f"no {entry.file} in {target.parent}, and {FROM} names no folder to copy from")
    source = Path(folder) / entry.file
    if not source.is_file():
        raise SourceFailed(f"no {entry.file} in {target.parent} nor in {folder}")
    need_room(target.parent, source.stat().st_size, entry.file)
    with writing(target, entry.file), source.open("rb") as file, target.open("wb") as out:
        copy_blocks(file, out, lambda done: report(Progress(entry.file, done, entry.bytes)))


def fetch_hub(source: Hub, entry: ModelEntry, target: Path, report: Report) -> None:
    """Fetch over HTTPS into `target`, continuing where an earlier try stopped."""
    if _size(target) > entry.bytes:
        target.unlink()
    host = httpx.URL(source.url).host
    for connection in range(1, CONNECTIONS_MAX + 1):
        if _size(target) == entry.bytes:
            return
        need_room(target.parent, entry.bytes - _size(target), entry.file)
        before = _size(target)
        try:
            _fetch_rest(source.url, entry, target, report)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            reason = type(error).__name__
            raise SourceFailed(f"{host} cannot be reached ({reason}); check the network or HTTPS_PROXY") from error
        except httpx.HTTPStatusError as error:
            raise SourceFailed(f"{host} answered {error.response.status_code}") from error
        except httpx.HTTPError as error:
            if connection == CONNECTIONS_MAX or _size(target) == before:
                raise SourceFailed(f"{host}: {type(error).__name__} after {_size(target)} bytes") from error


def _fetch_rest(url: str, entry: ModelEntry, target: Path, report: Report) -> None:
    have = _size(target)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    with httpx.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as answer:
        is_rest = answer.status_code == httpx.codes.PARTIAL_CONTENT
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE or (
            is_rest and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        ):
            target.unlink()
            raise SourceFailed(f"{answer.url.host} has a file of another size; what was fetched was deleted")
        answer.raise_for_status()
        done = have if is_rest else 0
        with writing(target, entry.file), target.open("ab" if is_rest else "wb") as out:
            for block in answer.iter_raw():
                done += len(block)
                if done > entry.bytes:
                    raise SourceFailed(f"{answer.url.host} sent more than {entry.bytes} bytes for {entry.file}")
                out.write(block)
                report(Progress(entry.file, done, entry.bytes))


def copy_blocks(source: BinaryIO, out: BinaryIO, done: Callable[[int], None]) -> None:
    """Copy to the end, telling after each block how many bytes are through."""
    total = 0
    while block := source.read(BLOCK_BYTES):
        out.write(block)
        total += len(block)
        done(total)


def need_room(folder: Path, needed_bytes: int, file: str) -> None:
    """Raise DiskFull unless the disk of `folder` has that much free."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise DiskFull(
            f"{file} needs {needed_bytes} bytes in {folder}, {free} are free; make room, or set models.folder "
            "to a larger disk"
        )


@contextmanager
def writing(target: Path, file: str) -> Iterator[None]:
    """Turn what the disk refuses while `target` is written into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"{file}: the disk of {target.parent} is full; make room and run the command again"
            ) from error
        raise SourceFailed(f"{file}: {target.parent} cannot be written: {error.strerror}; check its rights") from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
