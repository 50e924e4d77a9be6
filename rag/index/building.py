"""A graph made in a process of its own: at low priority, without network, its memory gone when it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.confinement import UNBOUNDED, confine, search_path
from rag.errors import IndexUnavailable

_START = "import sys; sys.path[:0] = sys.argv[2:]; from rag.index.building import main; main()"
_NICENESS = 10
"""Questions come first."""
_POLL_SECONDS = 0.2


def build_graph(
    folder: Path, first: int, vectors: NDArray[np.float32], cancelled: Callable[[], bool] = lambda: False
) -> None:
    """Add unit vectors (n, d) at the slots from `first` on to the graph in a folder.

    Takes about a millisecond of a processor for each. Raises IndexUnavailable where it fails, or was cancelled.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    source = folder / "vectors.npy"
    try:
        np.save(source, vectors)
        code = _run({"folder": str(folder), "first": first, "parent": os.getpid()}, folder, cancelled)
    except OSError as error:
        raise IndexUnavailable("the graph cannot be made; give the memory folder more room") from error
    finally:
        source.unlink(missing_ok=True)
    if code:
        raise IndexUnavailable(f"the graph was not made (code {code}); the memory folder may be too small")


def _run(task: dict[str, object], folder: Path, cancelled: Callable[[], bool]) -> int:
    command = [sys.executable, "-I", "-c", _START, json.dumps(task), *search_path()]
    environment = {"LANG": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder), "ANONYMIZED_TELEMETRY": "False"}
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment | {"SQLITE_TMPDIR": str(folder), "ORT_DISABLE_TELEMETRY": "1"},
        start_new_session=True,
    )
    try:
        while not cancelled():
            with suppress(subprocess.TimeoutExpired):
                return child.wait(_POLL_SECONDS)
        return -signal.SIGTERM
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def main() -> None:
    """What runs in the child: the task is its argument."""
    task = json.loads(sys.argv[1])
    confine(UNBOUNDED, task["parent"], Path(task["folder"]))
    os.umask(0o077)
    os.nice(_NICENESS)
    from rag.index.vectors import extend_graph

    folder = Path(task["folder"])
    extend_graph(folder, task["first"], np.load(folder / "vectors.npy", mmap_mode="r"))
