"""How many processor cores there are to compute on."""

import math
import os
from pathlib import Path

CPUS = Path("/sys/devices/system/cpu")
CGROUP = Path("/sys/fs/cgroup")


def physical_cores(cpus: Path = CPUS, cgroup: Path = CGROUP) -> int:
    """Cores this process may use, hyperthreads counted once: a second thread on a core only makes it wait.

    A container's quota bounds it. At least 1; where the system does not say, every processor counts as a core.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    cores = {_read(cpus / f"cpu{number}/topology/thread_siblings_list") or str(number) for number in allowed}
    return max(1, min(len(cores), _quota(cgroup)))


def _quota(cgroup: Path) -> int:
    """Whole processors that the control group may use (cpu.max: microseconds of each period), or no bound."""
    match _read(cgroup / "cpu.max").split():
        case [quota, period] if quota.isdigit() and period.isdigit():
            return math.ceil(int(quota) / int(period))
        case _:
            return os.cpu_count() or 1


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
