"""Folders whose changes the kernel tells of (inotify). The one door to watchdog.

Links are not followed, as a load follows none: watchfiles would, and a link to / have it watch the whole machine.
"""

import os
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

_CHANGES: list[type[FileSystemEvent]] = [
    *(DirCreatedEvent, DirDeletedEvent, DirMovedEvent),
    *(FileAttribEvent, FileClosedEvent, FileCreatedEvent, FileDeletedEvent, FileMovedEvent),
]
"""A file that is written to is told of when it is closed; reading one, as a load does, is no change."""


class Watcher:
    """Tells of changes in folders from the moment they are followed. Close it: its threads end."""

    def __init__(self) -> None:
        self._observer: BaseObserver = Observer()
        self._observer.start()
        self._watches: dict[Path, ObservedWatch] = {}

    def follow(self, folder: Path, changed: Callable[[str], None]) -> None:
        """Call `changed` with the place of each change below the folder, hidden ones apart.

        Raises OSError where none is told.
        """
        handler = _Telling(folder, changed)
        self._watches[folder] = self._observer.schedule(handler, folder, recursive=True, event_filter=_CHANGES)

    def leave(self, folder: Path) -> None:
        """Follow it no more."""
        self._observer.unschedule(self._watches.pop(folder))

    def close(self) -> None:
        """Follow nothing any more."""
        self._observer.stop()
        self._observer.join()


class _Telling(FileSystemEventHandler):
    def __init__(self, folder: Path, changed: Callable[[str], None]) -> None:
        self._folder, self._changed = folder, changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            place = os.path.relpath(os.fsdecode(path), self._folder) if path else ".nothing"
            if not any(part.startswith(".") for part in place.split("/")) or place == ".":
                self._changed(place)
