"""The house's side of workers: files are laid on the desk, sealed, and answers taken back.

A file whose worker is lost, or that no worker could read, is read here: workers make a load faster and nothing else.
"""

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from chat.errors import DeskLost
from chat.logs import record, record_failure
from chat.workers.connection import Connection
from chat.workers.desk import Desk, SeenWorker
from chat.workers.queue import asked
from models.catalogue import ModelEntry
from rag.errors import ReadingCancelled
from rag.handing import opened_answer, sealed_work
from rag.keptout import readers_mark
from rag.reading import Passages, Work
from security.errors import SealBroken
from security.keyring import WORKERS, Keyring

HANDED_BYTES_MAX = 64 * 1024 * 1024
"""Larger files are read here: a file is held whole on its way, several times."""
WAIT_SECONDS_MAX = 3600.0
"""A file that is elsewhere for longer is taken back."""
LOOK_SECONDS = 0.2
COUNT_SECONDS = 2.0
RETRY_SECONDS = 10.0
"""Between two tries to reach a database that is out of reach."""


def reads_with(entry: ModelEntry, *, reads_scans: bool) -> str:
    """What passages and vectors depend on beside the file: the release, OCR, the weights of the embedder."""
    return f"{readers_mark(reads_scans=reads_scans)} {entry.name} {(entry.sha256 or '')[:12]}"


class Workers:
    """Files handed to workers, by several threads at once. Does nothing before the workers' key was made.

    `reads` says what the house reads with: workers that read with anything else get nothing.
    """

    def __init__(self, connect: Callable[[], Any], keyring: Keyring, reads: str) -> None:
        self._connect, self._keyring, self.reads = connect, keyring, reads
        self._turn, self._asking = threading.Lock(), threading.Lock()
        self._desk: Desk | None = None
        self._out = 0
        self._places, self._places_until = 0, 0.0
        self._answered: dict[str, bool] = {}
        self._answered_until = 0.0

    def places(self) -> int:
        """How many files the workers that live can have at once."""
        with self._asking:
            if time.monotonic() >= self._places_until:
                self._places, wait = self._count()
                self._places_until = time.monotonic() + wait
            return self._places

    def passages(self, work: Work, stopped: threading.Event) -> Passages | None:
        """What a worker found in a file; None where it is to be read here. Raises as reading does."""
        if len(work.data) > HANDED_BYTES_MAX or not self._take_place():
            return None
        try:
            return self._read(work, stopped)
        except DeskLost as error:
            self._lost(error)
            return None
        finally:
            self._give_back_place()

    def make_ready(self, role: str, *, is_renewed: bool) -> None:
        """Make the key (another one, if renewed) and the tables, and let a role of the server work at them."""
        if is_renewed or not self._keyring.has(WORKERS):
            self._keyring.renew_workers()
        desk = self._open()
        if role:
            desk.admit(role)

    def seen(self) -> list[SeenWorker]:
        """The workers that live."""
        return self._open().workers() if self._keyring.has(WORKERS) else []

    def close(self) -> None:
        """Leave nothing on the desk."""
        if self._desk:
            with suppress(DeskLost):
                self._desk.clear()
            self._desk.connection.close()
            self._desk = None

    def _count(self) -> tuple[int, float]:
        """The places there are, and for how many seconds that holds."""
        if not self._keyring.has(WORKERS):
            return 0, COUNT_SECONDS
        try:
            return sum(each.places for each in self.seen() if each.reads == self.reads), COUNT_SECONDS
        except DeskLost as error:
            self._lost(error)
            return 0, RETRY_SECONDS

    def _open(self) -> Desk:
        with self._turn:
            if self._desk is None:
                desk = Desk(Connection(self._connect))
                try:
                    _prepare(desk, self.reads)
                except BaseException:
                    desk.connection.close()
                    raise
                self._desk = desk
            return self._desk

    def _lost(self, error: DeskLost) -> None:
        with self._turn:
            lost, self._desk = self._desk, None
        if lost:
            record_failure("workers_out_of_reach", error)
            lost.connection.close()

    def _take_place(self) -> bool:
        places = self.places()
        with self._turn:
            is_free = self._out < places
            self._out += is_free
            return is_free

    def _give_back_place(self) -> None:
        with self._turn:
            self._out -= 1
            if self._out == 0 and self._desk:
                with suppress(DeskLost):
                    self._desk.clear()

    def _read(self, work: Work, stopped: threading.Event) -> Passages | None:
        desk, key, identifier = self._open(), self._keyring.for_workers(), secrets.token_hex(16)
        entrypoint, payload = self.reads, identifier.encode()
        desk.put(identifier, sealed_work(key, identifier, work))
        with self._asking:
            self._answered_until = 0.0  # what was answered before does not know of it
        try:
            asked(desk.connection, lambda queue: queue.enqueue(entrypoint, payload))
            self._wait(desk, identifier, stopped)
        finally:
            sealed = desk.take_back(identifier)
        try:
            return opened_answer(key, identifier, sealed) if sealed else None
        except (SealBroken, ValueError, TypeError, KeyError) as error:
            record_failure("worker_answer_refused", error)
            return None

    def _wait(self, desk: Desk, identifier: str, stopped: threading.Event) -> None:
        """Wait for the answer to a file; not where it is lost, or nobody is left who would answer."""
        until = time.monotonic() + WAIT_SECONDS_MAX
        while not stopped.wait(LOOK_SECONDS):
            has_answer = self._looked_at(desk).get(identifier, True)
            if has_answer or not self.places() or time.monotonic() > until:
                if not has_answer:
                    record("worker_lost")
                return
        raise ReadingCancelled("the load was stopped")

    def _looked_at(self, desk: Desk) -> dict[str, bool]:
        """Which files lie on the desk, and whether each is answered; asked once for all threads."""
        with self._asking:
            if time.monotonic() >= self._answered_until:
                self._answered = desk.answered()
                self._answered_until = time.monotonic() + LOOK_SECONDS
            return self._answered


def _prepare(desk: Desk, reads: str) -> None:
    """Tables as this release wants them, with nothing on them."""
    desk.make()

    async def queue_ready(queue: Any) -> None:
        if await queue.schema_is_installed():
            await queue.upgrade()
        else:
            await queue.install()
        for empty in (queue.clear_queue, queue.clear_queue_log, queue.clear_statistics_log):
            await empty()

    asked(desk.connection, queue_ready)
    desk.open(reads)
