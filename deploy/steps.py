"""Long commands out of sight, in front of somebody who waits: how far, for how long, and what went wrong."""

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

LOOK_SECONDS = 0.5
HEARTBEAT_SECONDS = 30
"""Between two lines in a log; on a terminal one line moves."""

GRACE_SECONDS = 5
TAIL_LINES = 30
TAIL_BYTES = 20_000
_COMPILED = re.compile(r"\[(\d+)/(\d+)\]")
"""What ninja says for each file it compiles."""


def say(text: str) -> None:
    """A line of ours."""
    print(f"[install] {text}", flush=True)


def stop(text: str) -> NoReturn:
    """End with a sentence that says what to do."""
    sys.exit(f"[install] {text}")


def seconds(since: float) -> str:
    """The time since then, for people."""
    minutes, rest = divmod(round(time.monotonic() - since), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


class Watched:
    """A command whose output goes to a log, while a line tells how long it lasts and how many files are compiled."""

    def __init__(self, what: str, log: Path) -> None:
        self._what, self._log = what, log
        self._started = self._told = time.monotonic()
        self._is_seen = sys.stdout.isatty()

    def run(self, command: Sequence[str]) -> None:
        """Run to the end. A failure shows the end of the log and stops; so does Ctrl-C, which stops the command too."""
        with self._log.open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            try:
                while self._wait(process):
                    self._tell()
            except KeyboardInterrupt:
                self._end(process)
                stop("stopped; run the same command again, it continues")
        self._wipe()
        if process.returncode:
            tail = "\n".join(self._tail().splitlines()[-TAIL_LINES:])
            print(tail, file=sys.stderr)
            stop(f"{self._what} failed; the end of {self._log} stands above. Run the same command again, it continues")

    def _wait(self, process: subprocess.Popen[bytes]) -> bool:
        try:
            process.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            return True
        return False

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Let the command, which Ctrl-C reached too, clean up; then end it."""
        self._wipe()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()

    def _tell(self) -> None:
        line = f"[install]   {self._what}: {seconds(self._started)}{self._compiled()}"
        if self._is_seen:
            print(f"\r\x1b[K{line}", end="", flush=True)
        elif time.monotonic() - self._told > HEARTBEAT_SECONDS:
            self._told = time.monotonic()
            print(line, flush=True)

    def _compiled(self) -> str:
        found = _COMPILED.findall(self._tail())
        return f", {found[-1][0]} of {found[-1][1]} files" if found else ""

    def _tail(self) -> str:
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - TAIL_BYTES))
            return log.read().decode(errors="replace")

    def _wipe(self) -> None:
        if self._is_seen:
            print("\r\x1b[K", end="", flush=True)
