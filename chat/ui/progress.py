"""What the service is doing before the first word: one step at a time, each ended when the next begins."""

import math
from typing import Any

import chainlit as cl
from chainlit.context import local_steps
from chainlit.utils import utc_now

from chat.narrowing import filter_told
from rag.retrieval.filters import Filter

SECONDS_TOLD_MAX = 90
"""Longer waits are told in minutes."""
SECONDS_A_MINUTE = 60


def searching(within: Filter | None, words: dict[str, Any]) -> str:
    """The name of the first step, with what is looked at."""
    return words["searching_within"].format(filter=filter_told(within, words)) if within else words["searching"]


def being_read(count: int, words: dict[str, Any]) -> str:
    """The name of the step in which so many passages are read."""
    return str(words["reading_one"] if count == 1 else words["reading"].format(count=count))


def waiting(place: int, seconds: float | None, words: dict[str, Any]) -> str:
    """The name of the step in which one stands in line: the place, and about how long where that can be told."""
    if seconds is None:
        return str(words["queued"].format(place=place))
    if seconds < SECONDS_TOLD_MAX:
        return str(words["queued_seconds"].format(place=place, seconds=max(5, 5 * round(seconds / 5))))
    return str(words["queued_minutes"].format(place=place, minutes=math.ceil(seconds / SECONDS_A_MINUTE)))


class Progress:
    """The steps above an answer."""

    def __init__(self) -> None:
        self._step: cl.Step | None = None
        self._is_wait = False

    async def begin(self, name: str, output: str = "") -> None:
        """Show a step as running; `output` is Markdown that unfolds."""
        await self.end()
        await self._send(name, output)

    async def wait(self, name: str, output: str = "") -> None:
        """Show that something is waited for; said again, the words of the running step change.

        What there is to read meanwhile lies open until the wait ends.
        """
        if self._step is not None and self._is_wait:
            self._step.name = name
            await self._step.update()
        else:
            await self.end()
            await self._send(name, output, is_open=True)
            self._is_wait = True

    async def _send(self, name: str, output: str, *, is_open: bool = False) -> None:
        above = local_steps.get()
        self._step = cl.Step(
            name=name,
            type="tool",
            show_input=False,
            parent_id=above[-1].id if above else None,
            default_open=is_open,
            auto_collapse=is_open,
        )
        self._step.start = utc_now()
        self._step.output = output
        await self._step.send()

    async def end(self) -> None:
        """Show the running step, if any, as done."""
        if self._step is not None:
            self._step.end = utc_now()
            await self._step.update()
            self._step, self._is_wait = None, False
