"""Watched folders: a change is followed by a sync within seconds, one for many changes, none for what is not seen."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chat import watching
from chat.jobs.queue import Jobs
from chat.syncing import Syncing
from chat.watching import Watching
from rag.errors import SourceRefused
from rag.sources import mounts
from rag.sources.record import WATCH, WATCHED_MINUTES, Credentials, SourceKind, SourceRecord, new_id
from rag.sources.watching import Watcher
from rag.store.jobs import JobState
from security.audit import AuditLog
from tests.chat.test_syncing import folder_rights
from tests.rag.conftest import Shelf, memory_dir, shelf  # noqa: F401 - fixtures

SECONDS_MAX = 5.0


@pytest.fixture
def syncing(shelf: Shelf) -> Syncing:  # noqa: F811 - the fixture
    audit = AuditLog(shelf.engine, shelf.keyring)
    opened = (lambda: shelf.documents, lambda: shelf.loader)
    return Syncing(audit, shelf.policy, shelf.collections, (), shelf.memory, *opened, rights=folder_rights(shelf))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "share"
    (root / "sub").mkdir(parents=True)
    (root / "apples.txt").write_text("Apples ripen in the cellar.")
    return root


@pytest.fixture
def jobs(shelf: Shelf, syncing: Syncing) -> Jobs:  # noqa: F811 - the fixture
    parts = (shelf.engine, syncing.audit, shelf.policy, shelf.collections, syncing)
    return Jobs(*parts, lambda: shelf.documents, lambda: shelf.loader, 2)


@pytest.fixture
def served(syncing: Syncing, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(watching, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(watching, "QUIET_SECONDS", 0.3)
    made = Watching(syncing, jobs)
    with jobs.served(), made.served():
        yield made
    assert "watching" not in {thread.name for thread in threading.enumerate()}


def watched(folder: Path, kind: SourceKind = SourceKind.FOLDER) -> SourceRecord:
    return SourceRecord(new_id(), kind, str(folder), Credentials(), {"watch": WATCH})


def wait_for(what: Callable[[], bool], seconds: float = SECONDS_MAX) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.usefixtures("served")
def test_what_is_there_and_every_change_is_found_within_seconds(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    folder: Path,
) -> None:
    syncing.add(shelf.managing, watched(folder))
    wait_for(lambda: "apples.txt" in shelf.find("cellar"))
    (folder / "sub" / "pears.txt").write_text("Pears are picked early.")
    wait_for(lambda: set(shelf.find("picked")) == {"sub/pears.txt"})
    (folder / "sub" / "new" / "deep").mkdir(parents=True)
    (folder / "sub" / "new" / "deep" / "plums.txt").write_text("Plums fall in August.")
    wait_for(lambda: set(shelf.find("plums")) == {"sub/new/deep/plums.txt"})
    (folder / "apples.txt").write_text("Quinces are hard, and sour.")
    wait_for(lambda: set(shelf.find("quinces")) == {"apples.txt"})
    (folder / "sub" / "new").rename(folder / "moved")
    wait_for(lambda: set(shelf.find("plums")) == {"moved/deep/plums.txt"})
    (folder / "sub" / "pears.txt").unlink()
    wait_for(lambda: shelf.find("picked") == {})
    written = folder / ".part"
    written.write_text("Medlars are eaten late.")
    written.rename(folder / "medlars.txt")
    wait_for(lambda: set(shelf.find("medlars")) == {"medlars.txt"})


@pytest.mark.usefixtures("served")
def test_many_changes_cause_one_sync_and_hidden_files_and_reading_cause_none(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    jobs: Jobs,
    folder: Path,
) -> None:
    syncing.add(shelf.managing, watched(folder))
    wait_for(lambda: "apples.txt" in shelf.find("cellar"))
    time.sleep(0.6)
    before = len(jobs.all(shelf.managing))
    (folder / ".hidden.txt").write_text("x")
    (folder / ".git").mkdir()
    (folder / ".git" / "index").write_text("x")
    (folder / "apples.txt").read_text()
    time.sleep(1)
    assert len(jobs.all(shelf.managing)) == before
    for number in range(200):
        (folder / f"{number}.txt").write_text(f"Text {number}.")
    wait_for(lambda: len(shelf.documents.documents(shelf.reading)) == 201, 60)
    assert len(jobs.all(shelf.managing)) <= before + 2


@pytest.mark.usefixtures("served")
def test_a_link_in_a_folder_is_not_followed(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    jobs: Jobs,
    folder: Path,
    tmp_path: Path,
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "all").symlink_to("/")
    syncing.add(shelf.managing, watched(folder))
    wait_for(lambda: "apples.txt" in shelf.find("cellar"))
    time.sleep(0.6)
    before = len(jobs.all(shelf.managing))
    (outside / "pears.txt").write_text("Pears are picked early.")
    time.sleep(1)
    assert len(jobs.all(shelf.managing)) == before


@pytest.mark.usefixtures("served")
def test_a_change_during_a_sync_is_not_lost(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    jobs: Jobs,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    syncing.add(shelf.managing, watched(folder))
    wait_for(lambda: "apples.txt" in shelf.find("cellar"))
    running, whole = replace(jobs.all(shelf.managing)[0], state=JobState.RUNNING), jobs.submit
    told = [running, running]
    monkeypatch.setattr(jobs, "submit", lambda *each, **how: told.pop() if told else whole(*each, **how))
    (folder / "pears.txt").write_text("Pears are picked early.")
    wait_for(lambda: set(shelf.find("picked")) == {"pears.txt"})


@pytest.mark.usefixtures("served")
def test_a_folder_that_goes_and_comes_back_is_watched_again_and_one_that_is_removed_is_not(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    jobs: Jobs,
    folder: Path,
) -> None:
    made = watched(folder)
    syncing.add(shelf.managing, made)
    wait_for(lambda: "apples.txt" in shelf.find("cellar"))
    folder.rename(folder.with_name("away"))
    folder.mkdir()
    (folder / "pears.txt").write_text("Pears are picked early.")
    wait_for(lambda: set(shelf.find("picked")) == {"pears.txt"})
    (folder / "plums.txt").write_text("Plums fall in August.")
    wait_for(lambda: set(shelf.find("plums")) == {"plums.txt"})
    syncing.remove(shelf.managing, made.id)
    time.sleep(1)
    before = len(jobs.all(shelf.managing))
    (folder / "quinces.txt").write_text("Quinces are hard.")
    time.sleep(1)
    assert len(jobs.all(shelf.managing)) == before


def test_a_folder_that_is_never_at_rest_is_synced_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    change = watching._Change(100.0, 100.0)
    assert not change.is_settled(101.9)
    assert change.is_settled(102.0)
    change.last = 159.9
    assert not change.is_settled(159.95)
    assert change.is_settled(160.0)


@pytest.mark.usefixtures("served")
def test_a_share_keeps_its_schedule(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    jobs: Jobs,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares = tmp_path / "mountinfo"
    shares.write_text(f"21 1 8:1 / / rw - ext4 x rw\n22 1 8:1 / {folder} rw - nfs4 x rw\n")
    monkeypatch.setattr(mounts, "MOUNTS", shares)
    made = watched(folder)
    syncing.add(shelf.managing, made)
    time.sleep(1)
    (folder / "pears.txt").write_text("Pears are picked early.")
    time.sleep(1)
    assert jobs.all(shelf.managing) == ()
    assert (made.minutes, made.is_due(syncing.clock())) == (WATCHED_MINUTES, True)


@pytest.mark.usefixtures("served")
def test_a_kernel_that_watches_no_more_folders_leaves_the_schedule_and_the_others(
    shelf: Shelf,  # noqa: F811 - the fixture
    syncing: Syncing,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full = folder.with_name("full")
    full.mkdir()
    whole = Watcher.follow

    def refusing(self: Watcher, place: Path, changed: Callable[[str], None]) -> None:
        if place == full:
            raise OSError(28, os.strerror(28))
        whole(self, place, changed)

    monkeypatch.setattr(Watcher, "follow", refusing)
    for each in (full, folder):
        syncing.add(shelf.managing, watched(each))
    wait_for(lambda: "apples.txt" in shelf.find("cellar"))
    (folder / "pears.txt").write_text("Pears are picked early.")
    wait_for(lambda: set(shelf.find("picked")) == {"pears.txt"})


def test_only_a_folder_is_watched(shelf: Shelf, syncing: Syncing, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(SourceRefused, match="takes no watch"):
        syncing.add(shelf.managing, watched(Path("https://127.0.0.1/x"), SourceKind.WEBDAV))
    odd = SourceRecord(new_id(), SourceKind.FOLDER, str(tmp_path), Credentials(), {"watch": "perhaps"})
    with pytest.raises(SourceRefused, match="watched"):
        syncing.add(shelf.managing, odd)
