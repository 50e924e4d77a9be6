"""What a person sees while something lasts: on a terminal a line that moves, elsewhere a sentence now and then."""

import threading
import time
from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from chat.admin.output import errors

QUIET_SECONDS = 2.0
"""What is done sooner says nothing where nobody watches."""

HEARTBEAT_SECONDS = 15.0
"""Between two sentences about the same thing in a log."""


class Waiting:
    """Says what is waited for, one step after the other, until `done`. Call it with the name of the next step."""

    def __init__(self) -> None:
        self._live = _live()
        self._ended = threading.Event()

    def __call__(self, step: str) -> None:
        """A step begins, and the one before it is over."""
        self.done()
        if errors.is_terminal:
            self._live = _live(SpinnerColumn(), TextColumn("{task.description} …"), TimeElapsedColumn())
            self._live.start()
            self._live.add_task(step, total=None)
            return
        self._ended = threading.Event()
        threading.Thread(target=_speak_up, args=(step, self._ended), daemon=True).start()

    def done(self) -> None:
        """Nothing is waited for any more."""
        self._ended.set()
        self._live.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.done()


class Count:
    """So many of so many: a bar with the time left, or in a log a line every fifteen seconds."""

    def __init__(
        self, what: str, total: int | None, *columns: ProgressColumn, is_shown: bool = True, unit: str = ""
    ) -> None:
        self._what, self._total, self._done, self._is_shown, self._unit = what, total, 0, is_shown, unit
        self._bar = _live(TextColumn("{task.description}"), BarColumn(), *columns, TimeRemainingColumn())
        self._task = self._bar.add_task(what, total=total)
        self._told = time.monotonic()

    def update(self, done: int, total: int | None = None, what: str | None = None) -> None:
        """So many are through now."""
        self._done, self._total, self._what = done, total or self._total, what or self._what
        self._bar.update(self._task, completed=done, total=self._total, description=self._what)
        if self._is_shown and not errors.is_terminal and time.monotonic() - self._told > HEARTBEAT_SECONDS:
            self._told = time.monotonic()
            errors.print(f"{self._what}: {self._in_words()}", markup=False, highlight=False)

    def advance(self) -> None:
        """One more is through."""
        self.update(self._done + 1)

    def _in_words(self) -> str:
        if self._unit == "MB":
            return f"{self._done / 1e6:.0f} of {(self._total or 0) / 1e6:.0f} MB"
        return f"{self._done} of {self._total}"

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        if self._is_shown:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()


def _live(*columns: ProgressColumn) -> Progress:
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def _speak_up(step: str, ended: threading.Event) -> None:
    """Tell what lasts longer than two seconds, and every now and then that it still does."""
    started, pause = time.monotonic(), QUIET_SECONDS
    while not ended.wait(pause):
        errors.print(f"{step} … {time.monotonic() - started:.0f} s", markup=False, highlight=False)
        pause = HEARTBEAT_SECONDS
