"""The program that hosts readers, with other readers in it: what they do is Python of the test."""

import os
import time
from pathlib import Path

import pytest

from rag.parsing import readers

_PROGRAM = """
import sys
sys.path[:0] = sys.argv[2:]
from rag.parsing import child, host
real = child.read
def read(task, parent):
    import ctypes, json, os, signal, time
    from pathlib import Path
    exec({code!r}, globals() | locals())
    sys.stdout.flush()
    os._exit(0)
child.read = read
{before}
host.main()
"""
UNHELD = "host.confine_host = lambda *_: None"
"""The kernel takes nothing from the host, nor from a reader that does not ask it to."""


def read_with(patch: pytest.MonkeyPatch, code: str, before: str = "") -> None:
    """Let every reader run that code, with its `task`, its `parent` and the `real` reader; the host the other one."""
    patch.setattr(readers, "_START", _PROGRAM.format(code=code, before=before))


def children(number: int) -> list[int]:
    """The processes that a process has started and not buried."""
    return [int(each) for each in Path(f"/proc/{number}/task/{number}/children").read_text().split()]


def is_running(number: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def ended(*numbers: int, seconds: float = 10) -> bool:
    """Whether all of the processes end in time; those that do not are ended."""
    deadline = time.monotonic() + seconds
    while any(map(is_running, numbers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    left = [number for number in numbers if is_running(number)]
    for number in left:
        os.kill(number, 9)
    return not left
