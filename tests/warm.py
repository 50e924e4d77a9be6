"""The program, from a process that has imported it: a command of a test is a fork of milliseconds, no start of seconds.

A command is a process of its own with its own environment, folder and pipes, and ends as the program ends. What is not
repeated is the interpreter's start and the imports; tests that are about these, or about `serve`, start the program.
"""

import atexit
import functools
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

from typer.main import get_command

IMPORTED = (
    *("chat.admin.cli", "chat.admin.registry", "chat.opening", "chat.admin.backup_operations"),
    *("models.embedder", "models.generator", "rag.sources.opening", "alembic.command", "httpx", "pg8000.dbapi"),
    *("sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.pg8000", "security.unlocking"),
)
WARM = b"warm\n"
SECONDS_MAX = 200
STARTED_BY = "import sys; from tests.warm import wait_for_commands; wait_for_commands(sys.argv[1])"


def ended(arguments: Sequence[str], environment: Mapping[str, str], stdin: str = "") -> tuple[int, str, str]:
    """Run a command; gives its exit code, what it printed, and what it said on standard error."""
    with socket.socket(socket.AF_UNIX) as connection, tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        out, error = _Pipe(), _Pipe()
        connection.connect(_address())
        request = {"arguments": list(arguments), "environment": dict(environment), "folder": str(Path.cwd())}
        socket.send_fds(connection, [b"."], [given.fileno(), out.theirs, error.theirs])
        connection.sendall(json.dumps(request).encode())
        connection.shutdown(socket.SHUT_WR)
        out.read_on()
        error.read_on()
        connection.settimeout(SECONDS_MAX)
        with connection.makefile("rb") as told:
            number = int(told.readline())
            try:
                code = int(told.readline())
            except TimeoutError:
                os.kill(number, signal.SIGKILL)
                raise
    return code, out.text(), error.text()


class _Pipe:
    """A pipe that a command writes to and a thread reads, so that it never waits for us."""

    def __init__(self) -> None:
        self._ours, self.theirs = os.pipe()
        self._parts: list[bytes] = []
        self._thread = threading.Thread(target=self._read, daemon=True)

    def read_on(self) -> None:
        os.close(self.theirs)
        self._thread.start()

    def _read(self) -> None:
        with open(self._ours, "rb") as file:  # noqa: PTH123 - a number
            self._parts.append(file.read())

    def text(self) -> str:
        self._thread.join(SECONDS_MAX)
        return b"".join(self._parts).decode()


@functools.cache
def _address() -> str:
    """Where the process listens that has imported the program; it is started once, and ends with its standard input."""
    folder = tempfile.TemporaryDirectory(prefix="huisclos-warm-")
    address = f"{folder.name}/warm.sock"
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED_BY, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )

    def end() -> None:
        process.communicate()
        folder.cleanup()

    atexit.register(end)
    assert process.stdout
    assert process.stdout.readline() == WARM
    return address


def wait_for_commands(address: str) -> None:
    """Import the program, then fork a process for each command that is asked for: only these run what stands below."""
    for name in IMPORTED:
        import_module(name)
    from chat.admin.cli import application, main

    get_command(application)  # which imports more
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener, selectors.PollSelector() as waiting:
        listener.bind(address)
        listener.listen()
        os.write(1, WARM)
        waiting.register(0, selectors.EVENT_READ, sys.exit)
        waiting.register(listener, selectors.EVENT_READ, partial(_is_forked, listener, waiting))
        while not any(key.data() for key, _ in waiting.select()):
            pass
    main()


def _is_forked(listener: socket.socket, waiting: selectors.BaseSelector) -> bool:
    """Take a request; True in the process that shall run it, which has its arguments, environment, folder and pipes."""
    connection = listener.accept()[0]
    pipes = socket.recv_fds(connection, 1, 3)[1]
    with connection.makefile("rb") as told:
        request = json.loads(told.read())
    number = os.fork()
    if number == 0:
        for mine, pipe in enumerate(pipes):
            os.dup2(pipe, mine)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        sys.argv[1:] = request["arguments"]
    else:
        connection.sendall(b"%d\n" % number)
        process = os.pidfd_open(number)
        waiting.register(process, selectors.EVENT_READ, partial(_tell_end, waiting, process, number, connection))
    for pipe in pipes:
        os.close(pipe)
    return number == 0


def _tell_end(waiting: selectors.BaseSelector, process: int, number: int, connection: socket.socket) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    waiting.unregister(process)
    os.close(process)
    connection.sendall(b"%d\n" % code)
    connection.close()
