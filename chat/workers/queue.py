"""The queue of files for workers: pgqueuer in a schema of its own, over the connections of this house.

pgqueuer gives each file to one worker, again to another where that one's heart stopped beating, and holds nothing but
drawn ids.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from chat.workers.connection import Connection
from chat.workers.desk import SCHEMA

if TYPE_CHECKING:
    from pgqueuer.core.tm import TaskManager
    from pgqueuer.ports.driver import NotifyCallback
    from pgqueuer.queries import Queries

LISTEN_SECONDS = 0.2
"""Between two looks at what the server has told this connection."""


class Driver:
    """What pgqueuer asks of a database driver, over one connection and on a thread of its own.

    Close it, then the connection.
    """

    def __init__(self, connection: Connection) -> None:
        from pgqueuer.core.tm import TaskManager

        self._connection = connection
        self._thread = ThreadPoolExecutor(1, "queue")
        self._listeners: dict[str, list[NotifyCallback]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._shutdown, self._tasks = asyncio.Event(), TaskManager()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """The rows of a query, by column."""
        loop = asyncio.get_running_loop()
        rows, told = await loop.run_in_executor(self._thread, self._connection.numbered, query, args)
        for channel, payload in told:
            for callback in self._listeners.get(channel, ()):
                callback(payload)
        return rows

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement."""
        await self.fetch(query, *args)
        return ""

    async def notify(self, channel: str, payload: str) -> None:
        """Tell who listens."""
        await self.fetch("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: "NotifyCallback") -> None:
        """Have `callback` told what is said on a channel."""
        self._listeners.setdefault(channel, []).append(callback)
        await self.fetch(f'LISTEN "{channel}"')
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            await asyncio.sleep(LISTEN_SECONDS)
            await self.fetch("SELECT 1")

    @property
    def shutdown(self) -> asyncio.Event:
        """Set when no more work is to be taken."""
        return self._shutdown

    @property
    def tm(self) -> "TaskManager":
        """The driver's tasks."""
        return self._tasks

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
            self._listening = None

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()


def queries_over(driver: Driver) -> "Queries":
    """pgqueuer's own queries, in our schema; nothing of the environment decides about them."""
    from pgqueuer.adapters.persistence import qb
    from pgqueuer.domain.settings import DBSettings, Durability
    from pgqueuer.queries import Queries

    settings = DBSettings.model_validate(NAMES | {"db_schema": SCHEMA, "durability": Durability.volatile})
    builders = qb.QueryBuilderEnvironment(settings), qb.QueryQueueBuilder(settings), qb.QuerySchedulerBuilder(settings)
    return Queries(driver, *builders)


NAMES: dict[str, Any] = {
    "prefix": "",
    "channel": "huisclos_work",
    "function": "queue_changed",
    "statistics_table": "queue_statistics",
    "queue_status_type": "queue_status",
    "queue_table": "queue",
    "queue_table_log": "queue_log",
    "trigger": "queue_changed",
    "schedules_table": "queue_schedules",
    "widen_id": True,
}


def asked(connection: Connection, question: Callable[["Queries"], Awaitable[object]]) -> None:
    """Ask pgqueuer something from a thread that has no loop, and wait for it."""

    async def ask() -> None:
        driver = Driver(connection)
        try:
            await question(queries_over(driver))
        finally:
            driver.close()

    asyncio.run(ask())
