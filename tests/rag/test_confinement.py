"""A reader takes from itself what it does not need, and ends with whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
READER = """
import os, resource, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from rag.confinement import Limits, confine
confine(Limits(open_files=32, cpu_seconds=7), int(sys.argv[2]), Path(sys.argv[3]))
print(os.getpid(), resource.getrlimit(resource.RLIMIT_NOFILE)[1], resource.getrlimit(resource.RLIMIT_CPU)[1],
      resource.getrlimit(resource.RLIMIT_CORE)[1], flush=True)
time.sleep(60)
"""
STARTER = """
import os, subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2], str(os.getpid()), sys.argv[3]])
"""


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_its_limits_are_final_and_it_ends_with_its_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTER, READER, str(ROOT), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid, files, seconds, core = map(int, starter.stdout.readline().split())
        assert (files, seconds, core) == (32, 7, 0)
        assert is_running(pid)
        starter.send_signal(signal.SIGKILL)
        starter.wait()
        deadline = time.monotonic() + 10
        while is_running(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        is_left = is_running(pid)
        if is_left:
            os.kill(pid, signal.SIGKILL)
    assert not is_left


def test_a_reader_whose_parent_is_gone_already_does_not_begin(tmp_path: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-c", READER, str(ROOT), "1", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 1
    assert outcome.stdout == ""
