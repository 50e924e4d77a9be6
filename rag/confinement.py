"""What a child takes from itself before it works: memory, time, files, network, privileges."""

import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

MB = 1024 * 1024
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost.

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


def confine(limits: Limits, parent: int) -> None:
    """Bound this process for good, and let it end with its parent. Where the kernel allows it, no network is left."""
    bounds = {
        resource.RLIMIT_AS: limits.memory_bytes,
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
    _ = kernel.unshare(_CLONE_NEWNET) and kernel.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def search_path() -> list[str]:
    """Where a child started with `-I` finds our modules and the libraries."""
    return [str(Path(__file__).resolve().parents[1]), *(path for path in sys.path if path.endswith("-packages"))]
