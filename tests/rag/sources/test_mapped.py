"""A folder whose rights are mapped: what somebody may not read there does not come in, now or when it is read."""

import errno
import os
from pathlib import Path

import pytest

from rag import folders
from rag.errors import DocumentBarred, FolderMissing, SourceUnavailable
from rag.folders import FoundFile
from rag.sources import mapped
from rag.sources.mapped import MappedFolder
from rag.sources.rights import Reader
from tests.rag.sources.acl import GROUP, set_acl

OWN, OTHER = os.getgid(), 54321
READERS = (Reader("group jurists", (OWN,)), Reader("group cooks", (OTHER,)))
BYTES_MAX = 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "share"
    for name in ("open/a.txt", "open/inner/b.txt", "c.txt"):
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(0o644)
    for folder in (made, made / "open", made / "open/inner"):
        folder.chmod(0o755)
    return made


@pytest.fixture
def folder(root: Path) -> MappedFolder:
    return MappedFolder(root, lambda: READERS)


def seen(folder: MappedFolder) -> dict[str, FoundFile]:
    found = folder.survey()
    assert found.is_complete
    return {file.doc: file for file in found.files}


def barred(folder: MappedFolder) -> set[str]:
    files = seen(folder).values()
    assert all(file.is_barred == bool(file.problem) for file in files)
    return {file.doc for file in files if file.is_barred}


def test_what_everybody_may_read_comes_in(folder: MappedFolder) -> None:
    files = seen(folder)
    assert set(files) == {"c.txt", "open/a.txt", "open/inner/b.txt"}
    assert barred(folder) == set()
    assert {folder.read(file, BYTES_MAX).data.decode() for file in files.values()} == set(files)


def test_a_file_that_one_group_may_not_read_names_it(folder: MappedFolder, root: Path) -> None:
    (root / "c.txt").chmod(0o640)
    reason = str(seen(folder)["c.txt"].problem)
    assert reason.startswith("group cooks reads the collection and may not read this file: give it")
    assert barred(folder) == {"c.txt"}


def test_a_folder_that_one_group_may_not_enter_bars_all_in_it(folder: MappedFolder, root: Path) -> None:
    (root / "open").chmod(0o754)
    assert barred(folder) == {"open/a.txt", "open/inner/b.txt"}
    root.chmod(0o750)
    assert len(barred(folder)) == 3
    assert "may not enter the folder" in str(seen(folder)["c.txt"].problem)


def test_an_acl_opens_a_file_for_a_group(folder: MappedFolder, root: Path) -> None:
    set_acl(root / "c.txt", (GROUP, 4, OTHER), group=4)
    assert barred(folder) == set()
    set_acl(root / "c.txt", (GROUP, 0, OTHER), group=4, others=4)
    assert barred(folder) == {"c.txt"}


def test_a_reader_whom_the_folder_does_not_know_bars_everything(root: Path) -> None:
    assert len(barred(MappedFolder(root, lambda: (*READERS, Reader("somebody", ()))))) == 3
    assert barred(MappedFolder(root, lambda: ())) == set()


def test_a_link_is_barred_and_not_just_left(folder: MappedFolder, root: Path) -> None:
    """What was loaded at its place goes: the file may lie where it is not to be read."""
    (root / "c.txt").rename(root / "d.txt")
    (root / "c.txt").symlink_to("d.txt")
    assert barred(folder) == {"c.txt"}


def test_a_file_made_narrower_or_replaced_after_the_listing_is_not_read(folder: MappedFolder, root: Path) -> None:
    files = seen(folder)
    (root / "c.txt").chmod(0o640)
    with pytest.raises(DocumentBarred, match="group cooks"):
        folder.read(files["c.txt"], BYTES_MAX)
    (root / "new").write_text("secret")
    (root / "new").chmod(0o600)
    (root / "new").rename(root / "open/a.txt")
    with pytest.raises(DocumentBarred, match="group jurists"):
        folder.read(files["open/a.txt"], BYTES_MAX)


def test_a_folder_exchanged_for_a_link_to_a_closed_one_is_not_followed(folder: MappedFolder, root: Path) -> None:
    """Whoever may write into the share could make the house fetch for them what they may not read."""
    closed = root / "closed"
    closed.mkdir()
    (closed / "b.txt").write_text("secret")
    (closed / "b.txt").chmod(0o644)
    closed.chmod(0o700)
    files = seen(folder)
    (root / "open/inner").rename(root / "open/elsewhere")
    (root / "open/inner").symlink_to(closed)
    with pytest.raises(DocumentBarred, match="cannot be opened"):
        folder.read(files["open/inner/b.txt"], BYTES_MAX)
    (root / "open/inner").unlink()
    closed.rename(root / "open/inner")
    with pytest.raises(DocumentBarred, match="may not enter"):
        folder.read(files["open/inner/b.txt"], BYTES_MAX)


def test_what_is_read_is_what_was_listed(folder: MappedFolder, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the version of one file would be kept with the content of another."""
    monkeypatch.setattr(folders, "SETTLED_SECONDS", 0.0)
    files = seen(folder)
    assert folder.read(files["c.txt"], BYTES_MAX).data == b"c.txt"
    (root / "open/a.txt").rename(root / "c.txt")
    with pytest.raises(DocumentBarred, match="changed since it was listed"):
        folder.read(files["c.txt"], BYTES_MAX)


def test_what_is_known_to_have_changed_comes_first_and_is_judged_like_the_others(root: Path) -> None:
    (root / "c.txt").chmod(0o640)
    found = MappedFolder(root, lambda: READERS, {"open/inner/b.txt", "c.txt"}).survey()
    assert [(file.doc, file.is_barred) for file in found.files] == [
        ("c.txt", True),
        ("open/inner/b.txt", False),
        ("open/a.txt", False),
    ]


def test_what_vanished_or_is_in_use_is_barred(
    folder: MappedFolder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = seen(folder)
    (root / "c.txt").unlink()
    with pytest.raises(DocumentBarred):
        folder.read(files["c.txt"], BYTES_MAX)
    monkeypatch.setattr(folders, "_TRIES", 0)  # it changes whenever it is read
    with pytest.raises(DocumentBarred, match="changed while it was read"):
        folder.read(files["open/a.txt"], BYTES_MAX)


def test_a_fault_of_the_disk_fails_the_whole_sync(
    folder: MappedFolder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = seen(folder)

    def broken(_: object) -> object:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(mapped, "access_of", broken)
    with pytest.raises(SourceUnavailable, match="Input/output error"):
        folder.survey()
    with pytest.raises(SourceUnavailable, match="Input/output error"):
        folder.read(files["c.txt"], BYTES_MAX)


def test_a_folder_that_cannot_be_listed_fails_the_sync_unless_it_is_closed_to_a_reader(
    folder: MappedFolder, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = os.scandir

    def refusing(path: Path) -> object:
        if path.name == "open":
            raise PermissionError(errno.EACCES, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(SourceUnavailable, match="cannot be listed"):
        folder.survey()
    (root / "open").chmod(0o750)
    assert barred(folder) == {"open/"}


def test_a_file_or_nothing_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FolderMissing, match="does not exist"):
        MappedFolder(tmp_path / "absent", lambda: READERS).survey()
    (tmp_path / "file").write_text("x")
    with pytest.raises(FolderMissing, match="is no folder"):
        MappedFolder(tmp_path / "file", lambda: READERS).survey()
