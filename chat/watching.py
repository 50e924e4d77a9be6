"""Watched folders: while the house is served, a change in one is followed by a sync of its sources, within seconds.

The schedule of a watched source goes on meanwhile: it finds what the kernel did not tell.
"""

import threading
import time
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from chat.background import running
from chat.jobs.queue import Jobs
from chat.logs import record_failure
from chat.syncing import Syncing
from rag.reading import give_way
from rag.sources.mounts import is_told_of
from rag.sources.record import SourceRecord
from rag.sources.watching import Watcher
from rag.store.jobs import JobKind, JobState, Priority
from security.access import Grant

LOOK_SECONDS = 5.0
"""Between two looks at which folders are to be watched."""

TICK_SECONDS = 0.25
QUIET_SECONDS = 2.0
"""Without a change: who copies a hundred files causes one sync."""

PLACES_MAX = 100
"""Changed files that are read before all others; of more, the order is as good as any."""

WAIT_SECONDS_MAX = 60.0
"""A folder that never rests is synced all the same."""

Identity = tuple[int, int]
"""Device and number of a folder: another one at the same path is another folder."""


@dataclass(slots=True)
class _Change:
    """When the first and the last change came that no sync has followed yet, by the monotonic clock; and where."""

    first: float
    last: float
    places: set[str] = field(default_factory=set)

    def is_settled(self, now: float) -> bool:
        """Whether it is time to sync."""
        return now - self.last >= QUIET_SECONDS or now - self.first >= WAIT_SECONDS_MAX


@dataclass
class Watching:
    """The watched folders of a house."""

    syncing: Syncing
    jobs: Jobs
    _changes: dict[Path, _Change] = field(default_factory=dict)
    _followed: dict[Path, Identity] = field(default_factory=dict)
    _refused: dict[Path, Identity] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def served(self) -> AbstractContextManager[None]:
        """During the block, folders are watched by a thread at low priority; at its end that thread has ended."""
        return running("watching", self._work)

    def _work(self, stopped: threading.Event) -> None:
        give_way()
        while not stopped.is_set():
            self._followed = {}
            try:
                with closing(Watcher()) as watcher:
                    self._watch(watcher, stopped)
            except Exception as error:  # noqa: BLE001 - the edge of the thread: it begins anew, and looks at all once
                record_failure("folders_not_watched", error)
                stopped.wait(LOOK_SECONDS)

    def _watch(self, watcher: Watcher, stopped: threading.Event) -> None:
        looked = -LOOK_SECONDS
        while not stopped.wait(TICK_SECONDS):
            if time.monotonic() - looked >= LOOK_SECONDS:
                looked = time.monotonic()
                self._look(watcher)
            self._sync_settled()

    def _look(self, watcher: Watcher) -> None:
        """Follow the folders that are to be watched, and no others."""
        wanted = _folders(self.syncing.watched())
        for folder in [folder for folder, identity in self._followed.items() if wanted.get(folder) != identity]:
            del self._followed[folder]
            with suppress(OSError):  # it is gone
                watcher.leave(folder)
        for folder, identity in wanted.items():
            if folder not in self._followed and self._refused.get(folder) != identity:
                self._follow(watcher, folder, identity)

    def _follow(self, watcher: Watcher, folder: Path, identity: Identity) -> None:
        """Follow a folder, and look once at what it holds by now."""
        try:
            watcher.follow(folder, lambda place: self._note(folder, {place}))
        except OSError as error:  # the kernel watches no more folders: the schedule goes on
            self._refused[folder] = identity
            record_failure("folder_not_watched", error)
            return
        self._followed[folder] = identity
        self._note(folder)

    def _note(self, folder: Path, places: Collection[str] = ()) -> None:
        now = time.monotonic()
        with self._lock:
            change = self._changes.setdefault(folder, _Change(now, now))
            change.last = now
            if len(change.places) < PLACES_MAX:
                change.places.update(places)

    def _sync_settled(self) -> None:
        now = time.monotonic()
        with self._lock:
            settled = [folder for folder, change in self._changes.items() if change.is_settled(now)]
            changed = {folder: frozenset(self._changes.pop(folder).places) for folder in settled}
        for grant, source in self.syncing.watched() if changed else ():
            folder = Path(source.address)
            if folder in changed and not self._is_begun(grant, source, changed[folder]):
                self._note(folder, changed[folder])

    def _is_begun(self, grant: Grant, source: SourceRecord, places: frozenset[str]) -> bool:
        """Have a source synced; gives whether that sees every change: a sync that runs already does not."""
        self.syncing.note_changed(source, places)
        job = self.jobs.submit(grant, JobKind.SYNC, source.id, priority=Priority.HIGH)
        return job.state is not JobState.RUNNING


def _folders(sources: Iterable[tuple[Grant, SourceRecord]]) -> dict[Path, Identity]:
    """The folders that the kernel tells of, as they are now; one that is not there waits."""
    found: dict[Path, Identity] = {}
    for _, source in sources:
        folder = Path(source.address)
        with suppress(OSError):
            about = folder.stat()
            if folder.is_dir() and is_told_of(folder):
                found[folder] = (about.st_dev, about.st_ino)
    return found
