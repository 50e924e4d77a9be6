"""A folder as a source: what is known to have changed comes first, and is read."""

import os
import time
from pathlib import Path

import pytest

from rag.sources.folder import FolderSource
from tests.rag.conftest import Shelf
from tests.rag.sources.synced import noted_reads, sync


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "share"
    (root / "sub").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "sub/c.txt"):
        (root / name).write_text(f"This is {name}.")
        os.utime(root / name, (time.time() - 60,) * 2)
    time.sleep(2.1)  # until the times of the files tell their versions
    return root


def test_what_changed_comes_first_and_is_read_whatever_its_version(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(shelf, FolderSource(folder))
    source = FolderSource(folder, {"sub/c.txt", "gone.txt"})
    found = source.survey()
    assert [file.place for file in found.files] == ["sub/c.txt", "a.txt", "b.txt"]
    assert found.is_complete
    read = noted_reads(source, monkeypatch)
    assert sync(shelf, source) == dict.fromkeys(("sub/c.txt", "a.txt", "b.txt"), "unchanged")
    assert read == ["sub/c.txt"]
