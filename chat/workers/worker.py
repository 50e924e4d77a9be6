"""A worker: takes files from the desk, reads them, lays what it found there. It holds no key but the workers'."""

import asyncio
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chat.errors import DeskLost
from chat.workers.connection import Connection
from chat.workers.desk import Desk
from chat.workers.queue import NAMES, Driver, queries_over
from rag.errors import DocumentEmpty, DocumentRejected, FileUnavailable, ReaderFailed, ReadingCancelled
from rag.handing import opened_work, sealed_passages, sealed_refusal
from rag.reading import FileReading
from security.errors import SealBroken
from security.sealing import DataKey

if TYPE_CHECKING:
    from pgqueuer.models import Job
    from pgqueuer.qm import QueueManager

TRIES_MAX = 3
"""A file that was taken so often without an answer goes back: it may be what ends its workers."""
COULD_NOT = b""
"""The answer of a worker that could not read a file and cannot say why: it is read in the house."""
SIGN_SECONDS = 5.0
HEARTBEAT = timedelta(seconds=20)
"""A file whose worker's heart did not beat for so long goes to another."""
LISTEN = timedelta(seconds=5)
RETRY_SECONDS = 5.0


@dataclass
class Worker:
    """Reads files of one house until it is stopped; goes on by itself after the database was out of reach.

    `reads` names what it reads with, which must be what the house reads with; `tell` says to a person what happens.
    """

    connect: Callable[[], Any]
    key: DataKey
    reading: FileReading
    reads: str
    name: str
    places: int
    tell: Callable[[str], None]
    files: int = 0
    _id: str = field(default_factory=lambda: secrets.token_hex(8))
    _told: str = ""

    def run(self, stopped: threading.Event) -> None:
        """Work until `stopped` is set; files at hand then go to other workers."""
        while not stopped.is_set():
            try:
                asyncio.run(self._serve(stopped))
            except DeskLost as error:
                self._again(str(error), stopped)
            except Exception as error:  # noqa: BLE001 - the edge of the thread: the queue has its turn again
                self._again(f"stopped by an unforeseen {type(error).__name__}", stopped)

    def _again(self, reason: str, stopped: threading.Event) -> None:
        self._say(f"{reason}; trying again every {RETRY_SECONDS:.0f} s")
        stopped.wait(RETRY_SECONDS)

    async def _serve(self, stopped: threading.Event) -> None:
        desk, queue = Desk(Connection(self.connect)), Connection(self.connect)
        driver = Driver(queue)
        threads = ThreadPoolExecutor(self.places + 1, "work")
        try:
            await asyncio.get_running_loop().run_in_executor(threads, self._sign_in, desk)
            await self._work(desk, driver, threads, stopped)
        finally:
            threads.shutdown()
            driver.close()
            with suppress(DeskLost):
                desk.sign_out(self._id)
            queue.close()
            desk.connection.close()

    async def _work(self, desk: Desk, driver: Driver, threads: ThreadPoolExecutor, stopped: threading.Event) -> None:
        from pgqueuer.errors import RetryRequested
        from pgqueuer.qm import QueueManager

        manager = QueueManager(queries_over(driver), channel=NAMES["channel"])
        loop = asyncio.get_running_loop()

        async def read(job: "Job") -> None:
            identifier = (job.payload or b"").decode("ascii", "replace")
            if not await loop.run_in_executor(threads, self._one, desk, identifier):
                raise RetryRequested(timedelta(0), "not answered")

        manager.entrypoint(self.reads, accepts_context=False)(read)
        beside = asyncio.create_task(self._beside(desk, manager, threads, stopped))
        try:
            await manager.run(LISTEN, batch_size=1, max_concurrent_tasks=self.places, heartbeat_timeout=HEARTBEAT)
        finally:
            beside.cancel()
            with suppress(asyncio.CancelledError):
                await beside

    async def _beside(
        self, desk: Desk, manager: "QueueManager", threads: ThreadPoolExecutor, stopped: threading.Event
    ) -> None:
        """Say now and then that this worker lives; have it end when it is asked to, or the database is lost."""
        loop = asyncio.get_running_loop()
        try:
            while not await loop.run_in_executor(None, stopped.wait, SIGN_SECONDS):
                await loop.run_in_executor(threads, self._sign_in, desk)
        finally:
            manager.shutdown.set()

    def _sign_in(self, desk: Desk) -> None:
        desk.sign_in(self._id, self.name, self.reads, self.places, self.files)
        wanted = desk.house_reads()
        if wanted in (self.reads, None):
            self._say(f"{self.name} reads for the house, {self.places} files at once")
        else:
            self._say(f"the house reads with {wanted}, this worker with {self.reads}: install the same; waiting")

    def _one(self, desk: Desk, identifier: str) -> bool:
        """Take a file, read it, answer; False where another worker is to have it."""
        try:
            taken = desk.take(identifier)
            if taken is None:
                return True
            sealed, tries = taken
            answer = self._answered(identifier, sealed) if tries <= TRIES_MAX else COULD_NOT
            if answer is not None:
                desk.answer(identifier, answer)
                self.files += 1
        except DeskLost:
            return False
        return answer is not None

    def _answered(self, identifier: str, sealed: bytes) -> bytes | None:
        try:
            work = opened_work(self.key, identifier, sealed)
            return sealed_passages(self.key, identifier, self.reading.passages(work))
        except ReadingCancelled:
            return None
        except (ReaderFailed, FileUnavailable):
            return COULD_NOT
        except (DocumentRejected, DocumentEmpty) as refused:
            return sealed_refusal(self.key, identifier, refused)
        except SealBroken:
            self._say("a file does not open with this worker's key: copy the newest one here, and start it again")
            return COULD_NOT
        except Exception as error:  # noqa: BLE001 - the edge of one file: the next has its turn
            self._say(f"a file was left to the house: {type(error).__name__}")
            return COULD_NOT

    def _say(self, sentence: str) -> None:
        """Tell something once, until something else is to be told."""
        if sentence != self._told:
            self._told = sentence
            self.tell(sentence)
