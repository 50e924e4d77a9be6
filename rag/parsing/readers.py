"""Readers of files, forked by a warm host: started with the first file, and again for the next where it has ended."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rag.confinement import search_path
from rag.errors import ReaderFailed, ReadingCancelled

_START = "import sys; sys.path[:0] = sys.argv[2:]; from rag.parsing.host import main; main()"
_POLL_SECONDS = 0.2
_GIVE_UP_SECONDS = 10
"""How long a host is waited for: it may be importing, on a busy machine."""
_CODE_BYTES = 16
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "ORT_DISABLE_TELEMETRY": "1",
    "OMP_THREAD_LIMIT": "1",
    "OPENBLAS_NUM_THREADS": "1",  # numpy, which openpyxl asks for, starts threads when it is imported
}


class HostGone(Exception):
    """The process that forks readers ended before the reader did."""


@dataclass(frozen=True, slots=True)
class _Host:
    process: subprocess.Popen[bytes]
    tasks: socket.socket


class Readers:
    """The host that forks readers, for several threads at once. Close it: readers are ended.

    A reader gives way as the thread that asks for it does. After one that crashed the next have another host, in which
    addresses lie elsewhere: what one file has found out of them is of no use to another.
    """

    def __init__(self, memory_dir: Path, tessdata: Path | None = None) -> None:
        self._memory_dir, self._readable = memory_dir, [str(tessdata)] if tessdata else []
        self._lock = threading.RLock()
        self._host: _Host | None = None
        self._left: list[_Host] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(
        self, task: Mapping[str, Any], descriptors: Sequence[int], wall_seconds: int, cancelled: threading.Event
    ) -> int:
        """Have a task done; gives the exit code of the reader, negative for a signal.

        The descriptors are of the file to read, the file to write the outcome to, and the folder to work in. Raises
        ReaderFailed at the end of the wall clock, ReadingCancelled, HostGone.
        """
        whole = {**task, "niceness": os.getpriority(os.PRIO_PROCESS, threading.get_native_id())}
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                host = self._send(json.dumps(whole).encode(), [*descriptors, theirs.fileno()])
            try:
                code = _wait(ours, wall_seconds, cancelled)
            except HostGone:
                self._leave(host)
                raise
        if code:
            self._leave(host)
        return code

    def close(self) -> None:
        """End the host, and readers with it."""
        with self._lock:
            hosts = [*self._left, *([self._host] if self._host else [])]
            self._host, self._left = None, []
        for host in hosts:
            host.tasks.close()
            host.process.kill()
            host.process.wait()

    def _send(self, message: bytes, descriptors: list[int]) -> _Host:
        with self._lock:
            host = self._host = self._host or self._started()
            try:
                socket.send_fds(host.tasks, [message], descriptors)
            except OSError as error:
                self._leave(host)
                raise HostGone from error
        return host

    def _leave(self, host: _Host) -> None:
        """Give the host no more files; it ends after those that it has."""
        with self._lock:
            if host is self._host:
                host.tasks.close()
                self._host = None
                self._left.append(host)
            self._left = [each for each in self._left if each.process.poll() is None]

    def _started(self) -> _Host:
        told = {"parent": os.getpid(), "readable": self._readable}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_GIVE_UP_SECONDS)
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _START, json.dumps(told), *search_path()],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self._memory_dir,
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return _Host(process, ours)


def _wait(channel: socket.socket, wall_seconds: int, cancelled: threading.Event) -> int:
    """The exit code of a reader; one that takes too long, or is wanted no more, is ended."""
    channel.settimeout(_POLL_SECONDS)
    end = time.monotonic() + wall_seconds
    while not cancelled.is_set():
        try:
            return _code(channel.recv(_CODE_BYTES))
        except TimeoutError:
            if time.monotonic() > end:
                _give_up(channel)
                raise ReaderFailed(
                    f"reading took over {wall_seconds} s; the file is too large or made to hang: split or drop it"
                ) from None
        except OSError as error:
            raise HostGone from error
    _give_up(channel)
    raise ReadingCancelled("the load was stopped")


def _code(told: bytes) -> int:
    if not told:
        raise HostGone
    return int(told)


def _give_up(channel: socket.socket) -> None:
    """Let the host end a reader, and wait until it did."""
    channel.settimeout(_GIVE_UP_SECONDS)
    with suppress(OSError):
        channel.shutdown(socket.SHUT_WR)
        channel.recv(_CODE_BYTES)
