"""What a child takes from itself before it works: memory, time, files, network, privileges."""

import ctypes
import mimetypes
import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.landlock import restrict_calls, restrict_files

MB = 1024 * 1024
_ROOT = Path(__file__).resolve().parents[1]
_FOLDERS = ("/usr", "/lib", "/lib64", "/bin", "/sys")
_FILES = (
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/dev/urandom",
    "/dev/null",
    "/etc/ld.so.cache",
    "/etc/localtime",
)
_SYSTEM = tuple(map(Path, (*_FOLDERS, *_FILES, *mimetypes.knownfiles)))
"""What Python and its libraries read of the system; `mimetypes`, which openpyxl asks, fails where it may not look."""
_PROCESSES = Path("/proc")
"""A host leaves its readers their own part of it, which is another's for each; they keep no more of it."""
_NOWHERE = Path("/dev/null")
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost. `memory_bytes` are beyond what its reader has mapped before it begins.

    The wall clock is five times the processor's: readers give way to questions, and a busy machine must not reject.
    """

    file_bytes: int = 100 * MB
    output_bytes: int = 64 * MB
    memory_bytes: int = 2048 * MB
    cpu_seconds: int = 60
    wall_seconds: int = 300
    open_files: int = 64

    def times(self, count: int) -> "Limits":
        """The same limits with that many times the time."""
        return replace(self, cpu_seconds=self.cpu_seconds * count, wall_seconds=self.wall_seconds * count)


UNBOUNDED = Limits(
    output_bytes=resource.RLIM_INFINITY,
    memory_bytes=resource.RLIM_INFINITY,
    cpu_seconds=resource.RLIM_INFINITY,
    open_files=256,
)
"""For a child that works on what is ours, not on what came from outside."""


@dataclass(frozen=True, slots=True)
class Confined:
    """What the kernel granted: whether the network, and files outside the given folders, are out of reach."""

    network: bool
    files: bool


def confine(limits: Limits, parent: int, writable: Path, readable: Sequence[Path] = ()) -> Confined:
    """Bound this process for good, and let it end with its parent.

    Where the kernel allows it, it has no network, starts no program and no process, writes under `writable` alone, and
    reads nothing but that, `readable`, the system and our code: no key, no truth, no folder of documents.
    """
    kernel = _bound(limits, parent)
    is_apart = kernel.unshare(_CLONE_NEWNET) == 0 or kernel.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0
    files = restrict_files((*_SYSTEM, *_own_code(), *readable), (writable, _NOWHERE))
    return Confined(restrict_calls() or is_apart, files)


def confine_host(parent: int, writable: Path, readable: Sequence[Path] = ()) -> None:
    """Bound a process that forks readers as it can be bound without binding them.

    It keeps what they need together, and may end them.
    """
    _bound(UNBOUNDED, parent)
    restrict_files((*_SYSTEM, _PROCESSES, *_own_code(), *readable), (writable, _NOWHERE))
    restrict_calls(kept=("kill", "fork"))


def _bound(limits: Limits, parent: int) -> ctypes.CDLL:
    """Set limits, give up privileges, and end with the parent; gives the kernel's door."""
    bounds = {
        resource.RLIMIT_AS: _memory_bound(limits),
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.output_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_CORE: 0,
    }
    for kind, bound in bounds.items():
        resource.setrlimit(kind, (bound, bound))
    kernel = ctypes.CDLL(None, use_errno=True)
    kernel.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    kernel.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    kernel.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # the parent died before the line above
    return kernel


def _memory_bound(limits: Limits) -> int:
    """A bound on what is mapped: what is mapped already does not count, or a file's share would hang on its host."""
    if limits.memory_bytes == resource.RLIM_INFINITY:
        return limits.memory_bytes
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return limits.memory_bytes + pages * resource.getpagesize()


def _own_code() -> list[Path]:
    """Where Python, the libraries and our own packages lie. The folder around ours may hold a state folder."""
    libraries = [Path(path) for path in sys.path if path.endswith("-packages")]
    interpreter = [Path(sys.base_prefix), Path(sys.prefix), Path(sys.executable).parent]
    return [*libraries, *interpreter, *(_ROOT / name for name in ("rag", "security", "models"))]


def search_path() -> list[str]:
    """Where a child started with `-I` finds our modules and the libraries."""
    return [str(Path(__file__).resolve().parents[1]), *(path for path in sys.path if path.endswith("-packages"))]
