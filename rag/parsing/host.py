"""A warm process that forks a reader for each file: importing the parsers takes longer than reading most files.

    task and files in on a socket → fork → confine, read one file → how the reader ended, on the task's own channel

It is started by `readers.py` as a program is, without environment, files, keys or secrets. It takes tasks from its
parent alone, and sees no byte of a document and nothing that a reader wrote; nothing of one reader is there for the
next. It has one thread whenever it forks. Readers share its addresses, the seed of its hashes and what libraries drew
by chance when they were imported: nothing secret may hang on these in a reader.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from rag.confinement import UNBOUNDED, confine_host
from rag.parsing import child

TASK_BYTES_MAX = 64 * 1024
_WAKES = 512
_FILES = 4
"""With each task: the file to read, where to write, the folder to work in, and the channel for how it ended."""


def main() -> None:
    """Serve until the parent closes the socket that stands as standard input, and the last reader has ended."""
    told = json.loads(sys.argv[1])
    confine_host(told["parent"], Path.cwd(), [Path(path) for path in told["readable"]])
    with socket.socket(fileno=sys.stdin.fileno()) as tasks:
        _Host(tasks).serve()
    os._exit(0)


class _Host:
    """Readers that run, by their number, each with its channel."""

    def __init__(self, tasks: socket.socket) -> None:
        self._tasks, self._is_told = tasks, True
        self._channels: dict[int, socket.socket] = {}
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._waker.fileno())
        self._poll = select.poll()
        for told in (self._woken, tasks):
            self._poll.register(told, select.POLLIN)

    def serve(self) -> None:
        """Fork for each task, end whom the parent gives up, tell how each ended."""
        while self._is_told or self._channels:
            ready = {descriptor for descriptor, _ in self._poll.poll()}
            self._give_up(ready)
            if self._woken.fileno() in ready:
                self._woken.recv(_WAKES)
                self._bury()
            if self._tasks.fileno() in ready:
                self._take()

    def _take(self) -> None:
        message, files, _, _ = socket.recv_fds(self._tasks, TASK_BYTES_MAX, _FILES)
        if not message:
            self._poll.unregister(self._tasks)
            self._is_told = False
            return
        task = json.loads(message)
        child.warm(task)
        gc.freeze()  # else a fork's first collection copies what it shares with us
        host = os.getpid()
        number = os.fork()
        if not number:
            _read(task, files, host)
        *handed, channel = files
        for file in handed:
            os.close(file)
        self._channels[number] = socket.socket(fileno=channel)
        self._poll.register(channel, select.POLLIN)

    def _give_up(self, ready: Container[int]) -> None:
        """End readers whose channel the parent has closed; it says nothing else."""
        for number, channel in self._channels.items():
            if channel.fileno() in ready:
                self._poll.unregister(channel)
                _end(number)

    def _bury(self) -> None:
        """Tell of those who have ended, and end what they have left running."""
        with suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                _end(ended.si_pid)
                _, status = os.waitpid(ended.si_pid, 0)
                with self._channels.pop(ended.si_pid) as channel:
                    with suppress(KeyError):
                        self._poll.unregister(channel)
                    with suppress(OSError):
                        channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def _end(number: int) -> None:
    """Kill a reader that is not buried, with its group; one that was forked just now has no group yet."""
    for kill in (os.kill, os.killpg):
        with suppress(ProcessLookupError):
            kill(number, signal.SIGKILL)


def _read(task: Mapping[str, Any], files: list[int], host: int) -> NoReturn:
    """What a fork does: nothing of the host's is open to it before it looks at the file."""
    try:
        os.setsid()
        os.nice(max(0, task["niceness"] - os.nice(0)))
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        source, out, folder, _ = files
        os.fchdir(folder)
        os.dup2(source, sys.stdin.fileno())
        os.dup2(out, sys.stdout.fileno())
        os.closerange(sys.stderr.fileno() + 1, UNBOUNDED.open_files)
        os.environ |= dict.fromkeys(("HOME", "TMPDIR"), str(Path.cwd()))
        child.read(task, host)
    finally:
        os._exit(1)
