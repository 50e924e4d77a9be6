"""Snapshots open as they were written, in their place alone, and are never seen in part."""

import os
from pathlib import Path

import pytest

from rag.errors import SnapshotUnusable
from rag.store.snapshots import Snapshots
from tests.rag.conftest import Shelf

PARTS: dict[str, bytes | Path] = {"ids": os.urandom(200_000), "empty": b"", "words/a": b"stems"}


def _written(shelf: Shelf, name: str = "index") -> Snapshots:
    snapshots = shelf.documents.snapshots
    snapshots.publish(snapshots.write(shelf.indexing, name, {"count": 7}, PARTS))
    return snapshots


def test_what_was_sealed_comes_back_whole_with_files_and_empty_parts(shelf: Shelf, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(70_000))
    snapshots = shelf.documents.snapshots
    snapshots.publish(snapshots.write(shelf.indexing, "index", {"count": 7}, {**PARTS, "file": source}))
    about, files = snapshots.open(shelf.indexing, "index", shelf.memory / "opened")
    assert about == {"count": 7}
    assert {name: path.read_bytes() for name, path in files.items()} == {**PARTS, "file": source.read_bytes()}


def test_what_is_written_is_not_there_before_it_is_published(shelf: Shelf) -> None:
    snapshots = shelf.documents.snapshots
    fresh = snapshots.write(shelf.indexing, "index", None, PARTS)
    assert snapshots.names(shelf.collection_id) == set()
    assert fresh.stat().st_mode & 0o777 == 0o600
    snapshots.discard(fresh)
    assert list(fresh.parent.iterdir()) == []


def test_it_opens_under_its_own_name_and_in_its_own_collection_alone(shelf: Shelf) -> None:
    snapshots, other = _written(shelf), shelf.collections.create("other")
    folder = shelf.state / "snapshots"
    content = (folder / shelf.collection_id / "index").read_bytes()
    (folder / shelf.collection_id / "graph").write_bytes(content)
    (folder / other).mkdir()
    (folder / other / "index").write_bytes(content)
    for grant, name in ((shelf.indexing, "graph"), (shelf.policy.for_indexing(other), "index")):
        with pytest.raises(SnapshotUnusable):
            snapshots.open(grant, name, shelf.memory / "opened")
        assert not (shelf.memory / "opened").exists()


def test_after_a_rotation_it_opens_and_is_sealed_under_the_newest_version(shelf: Shelf) -> None:
    snapshots = _written(shelf)
    before = (shelf.state / "snapshots" / shelf.collection_id / "index").read_bytes()
    for _ in shelf.documents.reseal(shelf.managing):
        pass
    after = (shelf.state / "snapshots" / shelf.collection_id / "index").read_bytes()
    assert before[1:5] != after[1:5]
    assert snapshots.open(shelf.indexing, "index", shelf.memory / "opened")[0] == {"count": 7}


def test_a_rotation_removes_what_does_not_open_and_leaves_nothing_begun(shelf: Shelf) -> None:
    snapshots = _written(shelf)
    path = shelf.state / "snapshots" / shelf.collection_id / "index"
    path.write_bytes(path.read_bytes()[:-1])
    for _ in shelf.documents.reseal(shelf.managing):
        pass
    assert snapshots.names(shelf.collection_id) == set()
    assert list(path.parent.iterdir()) == []


def test_what_is_of_no_collection_and_what_was_begun_goes_at_the_start(shelf: Shelf) -> None:
    snapshots = _written(shelf)
    folder = shelf.state / "snapshots"
    (folder / shelf.collection_id / "index.0123.new").write_bytes(b"begun")
    (folder / ("f" * 32)).mkdir()
    (folder / ("f" * 32) / "index").write_bytes(b"of a collection that is gone")
    snapshots.keep_only({shelf.collection_id})
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["index"]
