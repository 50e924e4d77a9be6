"""A backup is made of one moment while people load and ask, and its file is whole or not there."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chat.assembly import House
from chat.backup.contents import Progress
from chat.backup.taking import HELD, Taken
from chat.errors import BackupFailed
from rag.documents import DocumentId
from tests.chat.backup.conftest import (
    back_up,
    everything,
    is_consistent,
    manage,
    mode,
    opened,
    restore,
    run,
    with_keyring,
)
from tests.chat.backup.conftest import record as recorded

BACKUPS = 6


def test_a_backup_is_one_private_file_and_on_record(house: House, tmp_path: Path) -> None:
    out = tmp_path / "backup"
    made = back_up(house, out)
    assert mode(out) == 0o600
    assert made["bytes"] == out.stat().st_size
    assert made["rows"]["documents"] == 4
    assert "sessions" not in made["rows"]
    assert made["files"] == 4 + 2  # originals, a receipt, settings
    assert [row[3:6] for row in recorded(house)[-2:]] == [
        ("backup", made["id"], "begun"),
        ("backup", made["id"], "done"),
    ]
    assert not (house.state / HELD).exists()
    assert {path.name for path in tmp_path.iterdir()} == {"state", "documents", "backup"}


def test_backups_made_while_people_load_and_ask_are_each_of_one_moment(
    house: House, folder: Path, tmp_path: Path
) -> None:
    ended, failures = threading.Event(), []

    def guarded(work: "Iterator[None]") -> None:
        try:
            while not ended.is_set():
                next(work)
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (loads(house, folder), asks(house))]
    for thread in threads:
        thread.start()
    for number in range(BACKUPS):
        back_up(house, tmp_path / f"backup-{number}")
        time.sleep(0.2)
    ended.set()
    for thread in threads:
        thread.join()
    assert failures == []
    for number in range(BACKUPS):
        state = with_keyring(house, tmp_path / f"new-{number}")
        told = restore(state, tmp_path / f"backup-{number}")
        assert told["damaged"] == []
        with opened(state) as again:
            assert is_consistent(again, "animals")
            assert again.audit.verify().broken_at is None


def loads(house: House, folder: Path) -> "Iterator[None]":
    """Loads of a folder in which every file changes each time, one vanishes and one comes."""
    for number in range(1000):
        for path in folder.glob("*.md"):
            path.write_text(f"# On {path.stem}\n\nThe {path.stem} sleeps by day.\n\nIn round {number} word{number}\n")
        (folder / f"new-{number}.md").write_text(f"The newcomer of round {number}\n")
        (folder / f"new-{number - 2}.md").unlink(missing_ok=True)
        run(house, "collection.load", name="animals", path=str(folder))
        yield


def asks(house: House) -> "Iterator[None]":
    while True:
        assert run(house, "search", collection="animals", question="Who sleeps by day?")
        yield


def test_a_backup_that_is_stopped_leaves_the_old_file_and_nothing_else(house: House, tmp_path: Path) -> None:
    out = tmp_path / "backup"
    out.write_bytes(b"the old one")
    with closing(house.new_backup().run(out)) as steps:
        for _ in range(3):
            assert isinstance(next(steps), Progress)
        assert (tmp_path / "backup.partial").exists()
        assert (house.state / HELD).exists()
        assert mode(tmp_path / "backup.partial") == 0o600
    assert out.read_bytes() == b"the old one"
    assert {path.name for path in tmp_path.iterdir()} == {"state", "documents", "backup"}
    assert not (house.state / HELD).exists()
    assert isinstance(list(house.new_backup().run(out))[-1], Taken)


def test_two_backups_at_once_are_refused(house: House, tmp_path: Path) -> None:
    with closing(house.new_backup().run(tmp_path / "one")) as steps:
        next(steps)
        with pytest.raises(BackupFailed, match="being made already"):
            back_up(house, tmp_path / "two")
        assert not (tmp_path / "two").exists()
        assert [row[3:6:2] for row in recorded(house)[-1:]] == [("backup", "stopped")]
        list(steps)
    assert (tmp_path / "one").exists()


def test_documents_removed_after_its_moment_are_in_a_backup_whole(house: House, tmp_path: Path) -> None:
    before = everything(house)
    grant = manage(house, "animals")
    with closing(house.new_backup().run(tmp_path / "backup")) as steps:
        for _ in range(3):  # the head, the stream's, the first block
            next(steps)
        house.documents.forget(grant, [info.id for info in house.documents.documents(grant)])
        list(steps)
    assert house.documents.documents(grant) == ()
    state = with_keyring(house, tmp_path / "new")
    assert restore(state, tmp_path / "backup")["documents"] == 4
    with opened(state) as again:
        assert everything(again) == before


def test_documents_removed_while_originals_are_held_are_in_no_backup(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the moment and the first link: the moment is chosen anew."""
    grant, link = manage(house, "animals"), type(house.new_backup())._link
    first = house.documents.documents(grant)[0].id

    def removing(taking: object, held: Path, path: str) -> bool:
        if house.documents.counts(grant.collection_id)[0] == 4:
            house.documents.forget(grant, [DocumentId(first)])
        return link(taking, held, path)  # type: ignore[arg-type]

    monkeypatch.setattr("chat.backup.taking.Taking._link", removing)
    made = back_up(house, tmp_path / "backup")
    assert made["rows"]["documents"] == 3
    assert made["missing"] == []
    assert restore(with_keyring(house, tmp_path / "new"), tmp_path / "backup")["damaged"] == []


def test_an_original_that_is_not_there_is_told_and_stops_nothing(house: House, tmp_path: Path) -> None:
    grant = manage(house, "animals")
    lost = house.documents.documents(grant)[1].id
    place = f"{grant.collection_id}/{lost}"
    (house.state / "originals" / place).unlink()
    assert back_up(house, tmp_path / "backup")["missing"] == [place]
    told = restore(with_keyring(house, tmp_path / "new"), tmp_path / "backup")
    assert told["documents"] == 4
    assert told["damaged"] == [f"originals/{place}"]
