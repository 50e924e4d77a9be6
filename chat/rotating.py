"""Sealing collections anew: one rotation a collection at a time, asked for by an operator or gone on with by `serve`.

A collection whose key has more than one version is under rotation: it was stopped or killed, or it runs. What is
sealed under the older versions opens all the while; only when nothing is left of them do they go.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine

from chat.background import running
from chat.database import compact
from chat.errors import RotationRuns
from chat.logs import record, record_failure
from rag.store.collections import CollectionStore
from rag.store.documents import DocumentStore
from rag.store.resealing import Resealed
from security.access import AccessPolicy, Grant, Right
from security.audit import AuditLog
from security.identity import OPERATOR, CollectionId
from security.keyring import Keyring, collection_owner

ROTATE = "keys.rotate"
"""The action under which the record tells of it."""

PROGRESS_SECONDS = 10.0
"""Between two signs of progress in the log: a rotation of 100,000 passages takes minutes."""


@dataclass(frozen=True, slots=True)
class UnderRotation:
    """A collection whose key has older versions still, and whether something is being done about it now."""

    collection_id: CollectionId
    name: str
    versions: tuple[int, ...]
    runs: bool


@dataclass
class Rotations:
    """Every rotation of a house. `documents` is opened at its first use, because it looks at every collection then."""

    engine: Engine
    keyring: Keyring
    audit: AuditLog
    policy: AccessPolicy
    collections: CollectionStore
    documents: Callable[[], DocumentStore]
    _running: set[CollectionId] = field(default_factory=set)
    _change: threading.Lock = field(default_factory=threading.Lock)

    def unfinished(self) -> tuple[UnderRotation, ...]:
        """The collections under rotation, by name."""
        found = ((each, self._versions(each.id)) for each in self.collections.list())
        return tuple(
            UnderRotation(each.id, each.name, versions, each.id in self._running)
            for each, versions in found
            if len(versions) > 1
        )

    def run(self, grant: Grant) -> Generator[Resealed, None, None]:
        """Seal a collection anew and retire the older versions of its key. Raises RotationRuns where that is under way.

        Closed or killed at any step, everything opens, and the next run goes on from there. No lock is held between
        two steps: the next one may be in another thread.
        """
        with self._turn(grant.collection_id):
            yield from self._steps(grant, "begun")

    def _go_on(self, grant: Grant) -> Generator[Resealed, None, None]:
        """The same, where an operator has not ended it meanwhile: another run would begin the next version."""
        with self._turn(grant.collection_id):
            if len(self._versions(grant.collection_id)) > 1:
                yield from self._steps(grant, "resumed")

    def _steps(self, grant: Grant, outcome: str) -> Generator[Resealed, None, None]:
        self.audit.record(OPERATOR.user_id, ROTATE, grant.collection_id, outcome)
        yield from self.documents().reseal(grant)
        compact(self.engine)
        self.audit.record(OPERATOR.user_id, ROTATE, grant.collection_id, "done")

    def resumed(self) -> AbstractContextManager[None]:
        """During the block, go on with what was cut short, in one thread; at its end that thread has ended."""
        return running("rotations", self.resume)

    def resume(self, stopped: threading.Event) -> None:
        """Go on with what was cut short, one collection after the other, until there is none or `stopped` is set."""
        for each in self.unfinished():
            if stopped.is_set():
                return
            try:
                self._resume(each, stopped)
            except RotationRuns:
                continue  # an operator went on with it
            except Exception as error:  # noqa: BLE001 - the edge of the thread: the next collection has its turn
                record_failure("rotation_failed", error, collection_id=each.collection_id)

    def _resume(self, each: UnderRotation, stopped: threading.Event) -> None:
        grant = self.policy.grant(OPERATOR, each.collection_id, Right.MANAGE)
        record("rotation_resumed", collection_id=each.collection_id, versions=len(each.versions))
        with closing(self._go_on(grant)) as steps:
            is_done = _told(steps, each.collection_id, stopped)
        record("rotation_ended" if is_done else "rotation_stopped", collection_id=each.collection_id)

    def _versions(self, collection_id: CollectionId) -> tuple[int, ...]:
        owner = collection_owner(collection_id)
        return self.keyring.versions(owner) if self.keyring.has(owner) else ()

    @contextmanager
    def _turn(self, collection_id: CollectionId) -> Iterator[None]:
        """Say that it is being done; nobody waits for anybody."""
        with self._change:
            if collection_id in self._running:
                raise RotationRuns(
                    f"collection {collection_id} is being sealed anew already; `huisclos keys status` shows it until "
                    "it has ended"
                )
            self._running.add(collection_id)
        try:
            yield
        finally:
            with self._change:
                self._running.discard(collection_id)


def _told(steps: Iterator[Resealed], collection_id: CollectionId, stopped: threading.Event) -> bool:
    """Take every step, telling how far it is now and then; False where it was stopped before the last."""
    told = time.monotonic()
    for step in steps:
        if stopped.is_set():
            return False
        if time.monotonic() - told > PROGRESS_SECONDS:
            told = time.monotonic()
            record("rotation_progressed", collection_id=collection_id, done=step.done, total=step.total)
    return True
