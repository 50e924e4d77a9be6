"""How private the process and its folders are: what is set at start, and what `doctor` reports."""

import ctypes
import os
import resource
import stat
from dataclasses import dataclass
from pathlib import Path

_PR_SET_DUMPABLE = 4
_SWAP_HEADER_LINES = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is as it should be, and what to do where not."""

    subject: str
    is_fine: bool
    remedy: str


def harden_process(memory_dir: Path) -> None:
    """New files are private, no core is dumped, temporary files stay in memory, libraries report nothing home."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    temporary = memory_dir / "tmp"
    temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ.update(
        {
            "TMPDIR": str(temporary),
            "SQLITE_TMPDIR": str(temporary),
            "ORT_DISABLE_TELEMETRY": "1",
            "ANONYMIZED_TELEMETRY": "False",
            "HF_HUB_OFFLINE": "1",
        }
    )


def findings(state: Path, memory_dir: Path) -> tuple[Finding, ...]:
    """What `doctor` tells about the machine and the folders."""
    return (
        _private(state, "the state folder"),
        _private(memory_dir, "the memory-backed folder"),
        Finding("core dumps", resource.getrlimit(resource.RLIMIT_CORE)[0] == 0, "set `ulimit -c 0` for the service"),
        Finding("swap", _is_swap_off(), "swap may hold readable text: turn it off (`swapoff -a`) or encrypt it"),
    )


def _private(folder: Path, name: str) -> Finding:
    is_private = folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    return Finding(name, is_private, f"only its owner may enter {folder}: `chmod 700`")


def _is_swap_off() -> bool:
    """No swap, or only compressed memory, which never reaches a disk."""
    table = Path("/proc/swaps")
    rows = table.read_text().splitlines()[_SWAP_HEADER_LINES:] if table.exists() else []
    return all(row.split()[0].startswith("/dev/zram") for row in rows)
