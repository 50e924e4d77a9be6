"""A folder comes into a collection, and stays in step with it."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from rag.errors import FolderMissing, LoadRunning, StoreFull
from rag.reconciling import FileState
from security.access import Grant
from tests.rag.conftest import Shelf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "documents"
    (root / "sub").mkdir(parents=True)
    (root / "apples.txt").write_text("Apples ripen in autumn and are stored in the cellar.")
    (root / "sub" / "pears.md").write_text("# Pears\n\nPears are picked before they are ripe.")
    return root


def test_every_file_ends_in_the_order_of_the_folder_with_its_place_in_line(shelf: Shelf, folder: Path) -> None:
    ended = list(shelf.loader.load(shelf.managing, folder))
    assert [(file.doc, file.state, file.done, file.total) for file in ended] == [
        ("apples.txt", "indexed", 1, 2),
        ("sub/pears.md", "indexed", 2, 2),
    ]
    assert all(file.reason is None and file.passages == 1 and file.seconds > 0 for file in ended)


def test_what_was_loaded_is_found_with_the_date_of_its_file(shelf: Shelf, folder: Path) -> None:
    os.utime(folder / "apples.txt", (1_700_000_000, 1_700_000_000))
    shelf.load(folder)
    assert "cellar" in shelf.find("apples autumn")["apples.txt"]
    apples = next(info for info in shelf.documents.documents(shelf.reading) if info.path == "apples.txt")
    assert apples.modified_at is not None
    assert apples.modified_at.timestamp() == 1_700_000_000


def test_a_second_load_reads_nothing_again(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    embedded = shelf.embedder.embedded
    assert set(shelf.states(folder).values()) == {"unchanged"}
    assert shelf.embedder.embedded == embedded


def test_a_changed_file_loses_its_earlier_words(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    (folder / "apples.txt").write_text("Quinces are hard.")
    assert shelf.states(folder) == {"apples.txt": "indexed", "sub/pears.md": "unchanged"}
    assert shelf.find("cellar") == {}
    assert shelf.find("quinces") == {"apples.txt": "Quinces are hard."}
    assert shelf.vectors_held() == 2


def test_a_vanished_file_is_forgotten_everywhere(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    (folder / "apples.txt").unlink()
    shelf.load(folder)
    assert shelf.find("cellar") == {}
    assert shelf.documents.counts(shelf.collection_id) == (1, 1)
    assert len(list((shelf.state / "originals" / shelf.collection_id).iterdir())) == 1


def test_a_moved_file_is_not_embedded_again_and_carries_its_new_path(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    embedded = shelf.embedder.embedded
    (folder / "sub" / "pears.md").rename(folder / "PEARS.md")
    (folder / "apples.txt").rename(folder / "Apples.txt")
    assert shelf.states(folder) == {"Apples.txt": "indexed", "PEARS.md": "indexed"}
    assert shelf.embedder.embedded == embedded
    assert set(shelf.find("ripe")) == {"PEARS.md"}


def test_a_title_that_was_the_file_name_follows_a_move(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    (folder / "apples.txt").rename(folder / "orchard.txt")
    shelf.load(folder)
    assert [info.title for info in shelf.documents.documents(shelf.reading)] == ["orchard.txt", "Pears"]
    assert set(shelf.find("orchard")) == {"orchard.txt"}
    assert shelf.vectors_held() == 2


def test_a_file_that_takes_the_place_of_another_leaves_one_document(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    (folder / "apples.txt").rename(folder / "sub" / "pears.md")
    assert shelf.states(folder) == {"sub/pears.md": "indexed"}
    assert shelf.documents.counts(shelf.collection_id) == (1, 1)
    assert set(shelf.find("cellar")) == {"sub/pears.md"}


def test_two_files_of_one_content_stand_apart(shelf: Shelf, folder: Path) -> None:
    (folder / "copy.txt").write_bytes((folder / "apples.txt").read_bytes())
    shelf.load(folder)
    assert set(shelf.find("cellar")) == {"apples.txt", "copy.txt"}
    (folder / "apples.txt").unlink()
    shelf.load(folder)
    assert set(shelf.find("cellar")) == {"copy.txt"}


def test_one_vanished_file_that_returns_twice_is_read_for_its_second_place(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    content = (folder / "apples.txt").read_bytes()
    (folder / "apples.txt").unlink()
    (folder / "one.txt").write_bytes(content)
    (folder / "two.txt").write_bytes(content)
    assert set(shelf.states(folder).values()) == {"indexed", "unchanged"}
    assert set(shelf.find("cellar")) == {"one.txt", "two.txt"}


def test_a_folder_that_was_moved_as_a_whole_is_not_held_twice(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    shelf.load(folder)
    embedded = shelf.embedder.embedded
    folder.rename(tmp_path / "elsewhere")
    assert set(shelf.states(tmp_path / "elsewhere").values()) == {"unchanged"}
    assert shelf.documents.counts(shelf.collection_id) == (2, 2)
    assert shelf.embedder.embedded == embedded


def test_two_folders_with_different_files_of_one_name_are_both_held(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "apples.txt").write_text("Apples of the other orchard.")
    shelf.load(folder)
    shelf.load(other)
    assert shelf.documents.counts(shelf.collection_id) == (3, 3)


def test_a_single_file_is_added_and_nothing_else_is_forgotten(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    (folder / "plums.txt").write_text("Plums fall.")
    assert shelf.states(folder / "plums.txt") == {"plums.txt": "indexed"}
    assert shelf.documents.counts(shelf.collection_id) == (3, 3)


def test_a_folder_that_is_gone_or_suddenly_empty_is_refused(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    (folder / "apples.txt").unlink()
    (folder / "sub" / "pears.md").unlink()
    with pytest.raises(FolderMissing, match="mount its drive"):
        shelf.load(folder)
    with pytest.raises(FolderMissing, match="does not exist"):
        shelf.load(folder / "nowhere")
    assert shelf.documents.counts(shelf.collection_id) == (2, 2)


def test_a_folder_without_rights_is_named_and_nothing_of_it_forgotten(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.load(folder)
    scandir = os.scandir

    def refuse(path: Path) -> object:  # as the kernel does for anybody but root, who runs tests in containers
        if path == folder / "sub":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("rag.folders.os.scandir", refuse)
    ended = shelf.load(folder)
    assert ended["sub/"].state is FileState.REJECTED
    assert ended["sub/"].reason == (
        "the folder cannot be opened: Permission denied; check its rights. Nothing of it was forgotten"
    )
    assert set(shelf.find("ripe")) == {"sub/pears.md"}


def test_links_and_pipes_are_named_and_not_followed(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("outside")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.txt")
    ended = shelf.load(folder)
    assert {doc for doc, file in ended.items() if file.state is FileState.REJECTED} == {"link.txt", "loop", "pipe.txt"}
    assert shelf.find("outside") == {}


def test_names_that_are_not_utf8_or_turn_the_writing_are_shown_safely_and_kept_apart(
    shelf: Shelf, folder: Path
) -> None:
    for place, name in enumerate((b"a\xff.txt", b"a\xfe.txt", "b\u202egpj.txt".encode())):
        (folder / os.fsdecode(name)).write_text(f"Strange name number {place}.")
    ended = [file.doc for file in shelf.loader.load(shelf.managing, folder)]
    assert ended == ["apples.txt", "a\ufffd.txt", "a\ufffd.txt", "b\ufffdgpj.txt", "sub/pears.md"]
    assert shelf.documents.counts(shelf.collection_id) == (5, 5)
    assert set(shelf.states(folder).values()) == {"unchanged"}


def test_a_bad_file_stops_nothing_and_loses_what_it_held_before(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    (folder / "apples.txt").write_bytes(b"\x7fELF")
    (folder / "blank.txt").write_text(" \n")
    ended = shelf.load(folder)
    assert {doc: file.state.value for doc, file in ended.items()} == {
        "apples.txt": "rejected",
        "blank.txt": "empty",
        "sub/pears.md": "unchanged",
    }
    assert str(ended["apples.txt"].reason).endswith("; its earlier version was removed")
    assert shelf.find("cellar") == {}


def test_a_file_that_cannot_be_opened_now_keeps_what_it_held(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    (folder / "apples.txt").unlink()
    (folder / "apples.txt").symlink_to(folder / "sub" / "pears.md")
    assert shelf.states(folder)["apples.txt"] == "rejected"
    assert set(shelf.find("cellar")) == {"apples.txt"}


def test_one_load_a_collection_runs_at_a_time_and_a_closed_one_continues_later(shelf: Shelf, folder: Path) -> None:
    first = shelf.loader.load(shelf.managing, folder)
    assert next(first).doc == "apples.txt"
    with pytest.raises(LoadRunning):
        shelf.load(folder)
    first.close()
    assert shelf.documents.counts(shelf.collection_id) == (1, 1)
    assert shelf.states(folder) == {"apples.txt": "unchanged", "sub/pears.md": "indexed"}


def test_a_stopped_load_leaves_no_thread_and_no_file_behind(shelf: Shelf, folder: Path) -> None:
    for number in range(20):
        (folder / f"{number}.txt").write_text(f"Number {number}.")
    load = shelf.loader.load(shelf.managing, folder)
    next(load)
    load.close()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith(("read", "embed"))] == []
    assert [path.name for path in shelf.memory.iterdir()] == ["index"]


def test_a_full_disk_is_said_nothing_is_lost_and_the_load_goes_on_later(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    (folder / "many.txt").write_text("\n\n".join(f"Paragraph number {n}. " + "word " * 120 for n in range(400)))
    with shelf.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreFull, match="free space and load again"):
        shelf.load(folder)
    assert set(shelf.find("cellar")) == {"apples.txt"}
    assert len(list((shelf.state / "originals" / shelf.collection_id).iterdir())) == 2
    with shelf.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert shelf.states(folder) == {"apples.txt": "unchanged", "many.txt": "indexed", "sub/pears.md": "unchanged"}


def test_a_file_the_index_cannot_hold_is_tried_again_next_time(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shelf.index, "add", _no_room)
        with pytest.raises(OSError, match="No space"):
            shelf.load(folder)
    assert set(shelf.states(folder).values()) == {"indexed"}
    assert set(shelf.find("cellar")) == {"apples.txt"}


def test_a_search_during_a_load_finds_what_is_done(shelf: Shelf, folder: Path) -> None:
    for number in range(10):
        (folder / f"{number}.txt").write_text(f"Orchard number {number}.")
    seen = []
    for ended in shelf.loader.load(shelf.managing, folder):
        seen.append(ended.doc)
        found = set(shelf.find("orchard ripen ripe"))
        assert found == set(seen)


def _no_room(_grant: Grant, _entries: np.ndarray[tuple[int], np.dtype[np.float32]]) -> None:
    raise OSError(28, "No space left on device")
