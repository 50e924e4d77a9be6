"""Sources of a collection: kept sealed, synced when asked and when due, one failure keeps everything."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chat.errors import Refused
from chat.folder_rights import FolderRights
from chat.syncing import Syncing
from rag.errors import FolderMissing, LoadRunning, SourceRefused, StoreFull
from rag.sources.record import SOURCES_MAX, Credentials, SourceKind, SourceRecord, new_id
from security.audit import AuditLog
from security.directory import Directory
from security.errors import SecurityError
from security.keyring import collection_owner
from security.withheld import Withheld
from tests.postgresql import ON_BOTH_DATABASES
from tests.rag.conftest import Shelf, memory_dir, shelf  # noqa: F401 - fixtures

SECRET = "wombat-pass-4711"


class SetClock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def folder_rights(shelf: Shelf) -> FolderRights:  # noqa: F811 - the fixture
    return FolderRights(Directory(shelf.engine, shelf.keyring), lambda: shelf.documents, lambda: shelf.loader)


@pytest.fixture
def syncing(shelf: Shelf, clock: SetClock) -> Syncing:  # noqa: F811 - the fixture
    audit = AuditLog(shelf.engine, shelf.keyring)
    return Syncing(
        audit,
        shelf.policy,
        shelf.collections,
        (),
        shelf.memory,
        lambda: shelf.documents,
        lambda: shelf.loader,
        clock,
        rights=folder_rights(shelf),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "share"
    root.mkdir()
    (root / "apples.txt").write_text("Apples ripen in the cellar.")
    return root


def source(address: object, every: int = 0) -> SourceRecord:
    given = Credentials("bot", Withheld(SECRET))
    return SourceRecord(new_id(), SourceKind.FOLDER, str(address), given, {}, every)


@ON_BOTH_DATABASES
def test_a_source_and_its_secret_are_sealed_and_kept(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    stored: Callable[[], bytes],
) -> None:
    made = source("/mnt/wombats")
    syncing.add(shelf.managing, made)
    assert shelf.documents.sources(shelf.managing) == (made,)
    assert SECRET not in repr(shelf.documents.sources(shelf.managing))
    content = stored()
    assert SECRET.encode() not in content
    assert b"wombats" not in content


@ON_BOTH_DATABASES
def test_sources_go_through_a_rotation_a_repair_and_changes_of_documents(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    folder: Path,
) -> None:
    made = source(folder)
    syncing.add(shelf.managing, made)
    list(shelf.documents.reseal(shelf.managing))
    assert len(shelf.keyring.versions(collection_owner(shelf.collection_id))) == 1
    shelf.load(folder)
    shelf.documents.integrity.repair(shelf.indexing, [])
    assert shelf.documents.sources(shelf.managing) == (made,)


def test_a_source_goes_with_the_key_of_its_collection(shelf: Shelf, syncing: Syncing) -> None:  # noqa: F811
    syncing.add(shelf.managing, source("/mnt/wombats"))
    managing = shelf.managing
    shelf.collections.remove(shelf.collection_id)
    with pytest.raises(SecurityError):
        shelf.documents.sources(managing)


def test_a_sync_is_kept_with_its_end(shelf: Shelf, syncing: Syncing, clock: SetClock, folder: Path) -> None:  # noqa: F811
    made = source(folder)
    syncing.add(shelf.managing, made)
    assert [file.doc for file in syncing.run(shelf.managing, made)] == ["apples.txt"]
    (kept,) = shelf.documents.sources(shelf.managing)
    assert kept.last
    assert (kept.last.at, kept.last.reason, kept.last.files) == (clock.now, "", {"indexed": 1})
    assert [finding.is_fine for finding in syncing.findings()] == [True]


def test_a_source_that_fails_says_why_and_keeps_what_was_loaded(shelf: Shelf, syncing: Syncing, folder: Path) -> None:  # noqa: F811
    made = source(folder)
    syncing.add(shelf.managing, made)
    list(syncing.run(shelf.managing, made))
    folder.rename(folder.with_name("unmounted"))
    with pytest.raises(FolderMissing):
        list(syncing.run(shelf.managing, made))
    (kept,) = shelf.documents.sources(shelf.managing)
    assert kept.last
    assert "drive is mounted" in kept.last.reason
    (finding,) = syncing.findings()
    assert (finding.is_fine, "drive is mounted" in finding.remedy) == (False, True)
    assert set(shelf.find("cellar")) == {"apples.txt"}


def test_what_is_due_is_told_until_it_was_synced_and_again_when_its_time_has_come(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    clock: SetClock,
    folder: Path,
) -> None:
    for each in (source(folder, 10), source(folder.parent / "unscheduled")):
        syncing.add(shelf.managing, each)
    ((grant, due),) = syncing.due()
    assert due.address == str(folder)
    list(syncing.run(grant, due))
    assert list(syncing.due()) == []
    clock.now += timedelta(minutes=10)
    assert [each.id for _, each in syncing.due()] == [due.id]


def test_a_sync_that_is_stopped_keeps_its_turn(shelf: Shelf, syncing: Syncing, clock: SetClock, folder: Path) -> None:  # noqa: F811
    made = source(folder, 10)
    syncing.add(shelf.managing, made)
    stopped = threading.Event()
    running = syncing.run(shelf.managing, made, stopped)
    next(running)
    stopped.set()
    assert list(running) == []
    (kept,) = shelf.documents.sources(shelf.managing)
    assert kept.is_due(clock.now)


def test_a_failure_in_the_middle_is_no_stop(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise StoreFull("no room")

    made = source(folder, 10)
    syncing.add(shelf.managing, made)
    monkeypatch.setattr(shelf.documents, "put", full)
    with pytest.raises(StoreFull):
        list(syncing.run(shelf.managing, made, threading.Event()))
    (kept,) = shelf.documents.sources(shelf.managing)
    assert kept.last
    assert kept.last.reason == "no room"


def test_two_loads_at_once_are_said(shelf: Shelf, syncing: Syncing, folder: Path) -> None:  # noqa: F811
    made = source(folder)
    syncing.add(shelf.managing, made)
    running = shelf.loader.load(shelf.managing, folder)
    next(running)
    with pytest.raises(LoadRunning):
        list(syncing.run(shelf.managing, made))
    running.close()


def test_a_removed_source_leaves_its_documents_or_takes_them_along(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    folder: Path,
) -> None:
    made = source(folder)
    syncing.add(shelf.managing, made)
    list(syncing.run(shelf.managing, made))
    assert syncing.remove(shelf.managing, made.id) == 0
    assert shelf.documents.sources(shelf.managing) == ()
    assert set(shelf.find("cellar")) == {"apples.txt"}
    syncing.add(shelf.managing, made)
    assert syncing.remove(shelf.managing, made.id, is_forgotten=True) == 1
    assert shelf.find("cellar") == {}
    with pytest.raises(Refused):
        syncing.find(shelf.managing, made.id)


def test_a_source_is_added_once_and_their_number_is_bounded(shelf: Shelf, syncing: Syncing) -> None:  # noqa: F811
    syncing.add(shelf.managing, source("/mnt/0"))
    with pytest.raises(SourceRefused, match="already"):
        syncing.add(shelf.managing, source("/mnt/0"))
    for number in range(1, SOURCES_MAX):
        syncing.add(shelf.managing, source(f"/mnt/{number}"))
    with pytest.raises(SourceRefused, match="at most"):
        syncing.add(shelf.managing, source("/mnt/more"))


@pytest.mark.parametrize(
    "change",
    [
        {"address": "relative/path"},
        {"address": "/mnt/\x00"},
        {"address": "/" + "x" * 3000},
        {"every_minutes": -1},
        {"options": {"branch": "main"}},
        {"credentials": Credentials("", Withheld("x" * 5000))},
    ],
    ids=str,
)
def test_a_source_that_would_not_be_opened_is_not_added(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    change: dict[str, object],
) -> None:
    with pytest.raises(SourceRefused):
        syncing.add(shelf.managing, replace(source("/mnt/a"), **change))  # type: ignore[arg-type]  # drawn by hand
    assert shelf.documents.sources(shelf.managing) == ()
