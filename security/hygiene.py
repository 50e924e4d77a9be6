"""Hygiene of the process and the machine: what keeps opened text out of dumps, swap and other people's reach."""

import ctypes
import os
import resource
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from security.errors import InsecureState

MEMORY_BACKED = frozenset({"tmpfs", "ramfs"})
FILES_LOOKED_AT_MAX = 10_000
EXPOSED_SHOWN_MAX = 10

_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is as it should be, and what to do where not."""

    subject: str
    is_fine: bool
    remedy: str


def harden_process(memory_dir: Path) -> None:
    """Make new files private, forbid core dumps and debuggers, keep temporary files in the memory-backed folder.

    Libraries that would report home are told not to. Call it first thing. Raises InsecureState.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise InsecureState(f"core dumps cannot be switched off ({os.strerror(ctypes.get_errno())}); see the sandbox")
    temporary = memory_dir / "tmp"
    temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ.update(
        TMPDIR=str(temporary),
        SQLITE_TMPDIR=str(temporary),  # SQLite spills to /var/tmp without it
        ORT_DISABLE_TELEMETRY="1",
        ANONYMIZED_TELEMETRY="False",
        HF_HUB_OFFLINE="1",
    )
    tempfile.tempdir = None  # it may remember an earlier TMPDIR


def give_back_memory() -> None:
    """Give freed memory back to the system, where the C library is glibc, which keeps what a large work took."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def findings(
    state: Path,
    memory_dir: Path,
    mounts: Path = Path("/proc/mounts"),
    swaps: Path = Path("/proc/swaps"),
    devices: Path = Path("/sys/block"),
) -> tuple[Finding, ...]:
    """Look at permissions, memory, swap and core dumps, for `huisclos doctor`. Changes nothing."""
    return (
        *_private("the state folder", state),
        *_private("the memory-backed folder", memory_dir),
        _in_memory(memory_dir, mounts),
        _swap(swaps, devices),
        _core_dumps(),
    )


def file_system_of(path: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """Name the type of file system a path lies on, such as `tmpfs`; `unknown` where the system does not tell."""
    target, depth, kind = path.resolve(), 0, "unknown"
    for line in _lines(mounts):
        _, point, name, *_ = line.split()
        mounted_at = Path(point.replace("\\040", " "))
        if target.is_relative_to(mounted_at) and len(mounted_at.parts) >= depth:  # a later mount hides an earlier one
            depth, kind = len(mounted_at.parts), name
    return kind


def _private(name: str, folder: Path) -> Iterator[Finding]:
    """Yield one finding where all is private, else one for each of the first exposed paths."""
    exposed = tuple(islice(filter(_is_exposed, _within(folder)), EXPOSED_SHOWN_MAX))
    for path in exposed:
        yield Finding(name, is_fine=False, remedy=f"others on this machine may reach {path}: `chmod go-rwx` it")
    if not exposed:
        yield Finding(name, folder.is_dir(), f"only its owner may enter {folder}: `mkdir -m 700` it")


def _within(folder: Path) -> Iterator[Path]:
    yield folder
    yield from islice(folder.rglob("*"), FILES_LOOKED_AT_MAX)


def _is_exposed(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False  # not there, or gone since it was listed
    return not stat.S_ISLNK(mode) and bool(mode & 0o077)


def _in_memory(memory_dir: Path, mounts: Path) -> Finding:
    kind = file_system_of(memory_dir, mounts)
    remedy = f"{memory_dir} lies on {kind}, so the opened index would reach a disk: put memory_dir on a tmpfs"
    return Finding("memory", kind in MEMORY_BACKED, remedy)


def _swap(swaps: Path, devices: Path) -> Finding:
    """No swap is fine, and so are compressed memory, which reaches no disk, and a device that dm-crypt encrypts."""
    used = [line.split()[0] for line in _lines(swaps)[1:]]
    is_fine = all(device.startswith("/dev/zram") or _is_encrypted(device, devices) for device in used)
    return Finding("swap", is_fine, "swap may hold readable text: turn it off (`swapoff -a`) or encrypt it")


def _is_encrypted(device: str, devices: Path) -> bool:
    uuid = _lines(devices / Path(device).resolve().name / "dm" / "uuid")
    return bool(uuid) and uuid[0].startswith("CRYPT-")


def _core_dumps() -> Finding:
    is_dumpable = ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) != 0
    is_fine = resource.getrlimit(resource.RLIMIT_CORE)[0] == 0 and not is_dumpable
    return Finding("core dumps", is_fine, "set `ulimit -c 0` for the service and start it with `huisclos`")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
