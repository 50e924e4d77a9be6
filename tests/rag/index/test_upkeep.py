"""The thread that tends indexes does what is due, tells it, outlives failures, and ends when asked."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rag.errors import IndexUnavailable
from rag.index.memory import MemoryIndex
from rag.index.upkeep import TICK_SECONDS, Upkeep
from rag.store.integrity import Damage
from tests.rag.conftest import Shelf

WAIT_SECONDS = 20


class Told:
    """Takes what is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def __call__(self, event: str, **fields: object) -> None:
        self.events.append((event, fields))

    def has(self, event: str) -> bool:
        return any(name == event for name, _ in self.events)


def _upkeep(shelf: Shelf, told: Told, snapshot_seconds: float = 3600) -> Upkeep:
    return Upkeep(shelf.index, shelf.documents, shelf.policy.for_indexing, snapshot_seconds, told)


def _wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "one.txt").write_text("An orchard with apples.")
    return folder


def test_a_load_that_ended_is_sealed_without_being_asked_and_told_without_content(shelf: Shelf, folder: Path) -> None:
    told = Told()
    upkeep = _upkeep(shelf, told)
    upkeep.start()
    shelf.load(folder)
    _wait(lambda: told.has("index_tended"))
    upkeep.stop()
    assert shelf.documents.snapshots.names(shelf.collection_id) == {"index"}
    ((event, fields),) = told.events
    assert (event, set(fields)) == ("index_tended", {"collection_id", "seconds"})


def test_what_changed_is_sealed_when_it_stops(shelf: Shelf, folder: Path) -> None:
    upkeep = _upkeep(shelf, Told())
    shelf.load(folder)
    upkeep.stop()
    assert shelf.documents.snapshots.names(shelf.collection_id) == {"index"}


def test_what_changes_without_end_is_sealed_by_the_clock(shelf: Shelf, folder: Path) -> None:
    told = Told()
    upkeep = _upkeep(shelf, told, snapshot_seconds=0.1)
    shelf.load(folder)
    shelf.index.tend(shelf.indexing, shelf.documents)
    (document,) = shelf.documents.documents(shelf.managing)
    entries = next(shelf.documents.entries.of(shelf.indexing, [document.id]))
    upkeep.start()
    shelf.index.replace_document(shelf.collection_id, document.id, entries)
    _wait(lambda: told.has("index_tended"))
    upkeep.stop()


def test_a_failure_is_told_by_its_kind_and_the_thread_goes_on_with_the_others(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, other = Told(), shelf.collections.create("other")
    tend = MemoryIndex.tend

    def fails(index: MemoryIndex, grant: object, store: object) -> bool:
        if grant == shelf.policy.for_indexing(other):
            raise IndexUnavailable("An orchard with apples.")
        return tend(index, grant, store)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryIndex, "tend", fails)
    shelf.index.settle(other)
    upkeep = _upkeep(shelf, told)
    upkeep.start()
    _wait(lambda: told.has("index_not_tended"))
    shelf.load(folder)
    _wait(lambda: told.has("index_tended"))
    assert upkeep.failed == {other: "IndexUnavailable"}
    upkeep.stop()
    failed = [fields for event, fields in told.events if event == "index_not_tended"]
    assert failed == [{"collection_id": other, "error": "IndexUnavailable"}]


def test_a_collection_that_is_closed_is_left_alone(shelf: Shelf, folder: Path) -> None:
    told = Told()
    upkeep = _upkeep(shelf, told)
    shelf.load(folder)
    shelf.documents.integrity.close(shelf.collection_id, Damage("broken"))
    upkeep.start()
    time.sleep(3 * TICK_SECONDS)
    assert told.events == []
    assert shelf.index.due(3600) == [shelf.collection_id]
    upkeep.stop()


def test_a_process_that_ends_with_its_work_tends_what_is_due_first(shelf: Shelf, folder: Path) -> None:
    upkeep = _upkeep(shelf, Told())
    (folder / "two.txt").write_text("A garden.")
    shelf.load(folder)
    (folder / "two.txt").unlink()
    shelf.load(folder)
    assert upkeep.due == [shelf.collection_id]
    upkeep.finish()
    assert upkeep.due == []
    assert shelf.documents.snapshots.names(shelf.collection_id) == {"index"}
