"""Events of an answer or a task, from the thread that makes them to the page's event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

from rag.answering.answer import Written

BATCH_SECONDS = 0.1
"""A browser that parses Markdown at every token falls behind by seconds."""
_Event = TypeVar("_Event")


async def events(
    answer: Callable[[threading.Event], Iterator[_Event]], cancelled: threading.Event
) -> AsyncIterator[_Event | Written]:
    """What `answer` yields in a thread of its own, written pieces joined in batches. Leaving early cancels it."""
    loop = asyncio.get_running_loop()
    found: asyncio.Queue[_Event | BaseException | None] = asyncio.Queue()

    def work() -> None:
        try:
            for event in answer(cancelled):
                loop.call_soon_threadsafe(found.put_nowait, event)
            loop.call_soon_threadsafe(found.put_nowait, None)
        except Exception as error:  # noqa: BLE001 - the edge of a thread: raised again in the task that waits
            loop.call_soon_threadsafe(found.put_nowait, error)

    task = loop.run_in_executor(None, work)
    try:
        async for event in _batched(found):
            yield event
        await task
    finally:
        cancelled.set()


async def _batched(found: asyncio.Queue[_Event | BaseException | None]) -> AsyncIterator[_Event | Written]:
    text = ""
    while True:
        event = await found.get()
        if isinstance(event, Written):
            text += event.text
            if found.empty():
                await asyncio.sleep(BATCH_SECONDS)
            if not found.empty():
                continue
        if text:
            yield Written(text)
            text = ""
        if event is None:
            return
        if isinstance(event, BaseException):
            raise event
        if not isinstance(event, Written):
            yield event
