"""The index lives in memory, follows the truth, comes back from its snapshot, and is gone when it is closed."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.documents import DocumentId, PassageId
from rag.errors import IndexUnavailable
from rag.facets import Facets
from rag.index.collection import CollectionIndex
from rag.index.compact import CompactVectors
from rag.index.memory import MemoryIndex, Opened, check_memory_backed
from rag.retrieval.filters import Filter
from rag.store.snapshots import Snapshots
from rag.store.values import IndexEntry, MovedTo
from security.access import Grant, Right
from security.errors import AccessDenied
from security.identity import OPERATOR
from tests.rag.conftest import DIMENSIONS, Shelf

EXACT, MANY = 25, 30
"""More files than are compared one by one, where the bound is lowered."""


def entry(name: str, document: str, text: str) -> IndexEntry:
    return IndexEntry(PassageId(name), DocumentId(document), np.ones(DIMENSIONS, np.float32), Facets(document), text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(3):
        _write(folder, number)
    return folder


def _write(folder: Path, number: int, words: str = "") -> None:
    (folder / f"{number}.txt").write_text(f"Orchard number {number} has apples{number}. {words}")


def _many(folder: Path) -> None:
    for number in range(3, MANY):
        _write(folder, number)


def _reopened(shelf: Shelf, exact_passages_max: int = EXACT) -> Opened:
    """As after a stop: an index with nothing in memory, over the same state folder."""
    shelf.index.close()
    shelf.index = MemoryIndex(shelf.memory, shelf.documents.snapshots, exact_passages_max)
    shelf.__post_init__()
    return shelf.index.open(shelf.indexing, shelf.documents)


def _snapshots(shelf: Shelf) -> set[str]:
    return shelf.documents.snapshots.names(shelf.collection_id)


def _tend(shelf: Shelf) -> bool:
    return shelf.index.tend(shelf.indexing, shelf.documents)


def test_a_folder_on_a_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.index.memory.file_system_of", lambda _folder: "ext4")
    with pytest.raises(IndexUnavailable, match="on ext4, expected tmpfs"):
        check_memory_backed(tmp_path)


def test_a_removed_document_is_found_by_neither_way(shelf: Shelf) -> None:
    entries = [entry("1" * 32, "d1", "apple"), entry("2" * 32, "d1", "apple"), entry("3" * 32, "d2", "apple")]
    shelf.index.add(shelf.collection_id, entries)
    shelf.index.remove_document(shelf.collection_id, DocumentId("d1"))
    shelf.index.remove_document(shelf.collection_id, DocumentId("never"))
    assert set(shelf.index.search_lexical(shelf.reading, "apple", 9)) == {"3" * 32}
    assert set(shelf.index.search_dense(shelf.reading, entries[0].vector, 9)) == {"3" * 32}


def test_a_document_that_is_held_already_is_not_added_again(shelf: Shelf) -> None:
    shelf.index.add(shelf.collection_id, [entry("1" * 32, "d1", "apple")])
    shelf.index.add(shelf.collection_id, [entry("1" * 32, "d1", "apple"), entry("2" * 32, "d2", "apple")])
    for found in (
        shelf.index.search_lexical(shelf.reading, "apple", 2),
        shelf.index.search_dense(shelf.reading, np.ones(DIMENSIONS, np.float32), 2),
    ):
        assert set(found) == {"1" * 32, "2" * 32}


def test_an_index_made_anew_answers_as_the_one_before(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    vector = shelf.embedder.embed_queries(["orchard"])[0]
    before = shelf.index.search_dense(shelf.reading, vector, 9), shelf.index.search_lexical(shelf.reading, "orchard", 9)
    assert shelf.index.rebuild(shelf.indexing, shelf.documents) == 3
    dense, lexical = (
        shelf.index.search_dense(shelf.reading, vector, 9),
        shelf.index.search_lexical(shelf.reading, "orchard", 9),
    )
    assert (set(dense), set(lexical)) == (set(before[0]), set(before[1]))
    assert all(abs(dense[name] - score) < 1e-3 for name, score in before[0].items())
    (folder / "0.txt").unlink()
    shelf.load(folder)
    assert set(shelf.find("orchard")) == {"1.txt", "2.txt"}


def test_a_forged_grant_searches_nothing(shelf: Shelf) -> None:
    with pytest.raises(AccessDenied):
        Grant(OPERATOR, shelf.collection_id, Right.READ, b"forged")


def test_closing_leaves_nothing_and_opening_forgets_what_was_there(shelf: Shelf, tmp_path: Path) -> None:
    memory, snapshots = shelf.memory, Snapshots(tmp_path / "snapshots", shelf.keyring)
    assert (memory / "index").stat().st_mode & 0o777 == 0o700
    shelf.index.close()
    assert not (memory / "index").exists()
    (memory / "index").mkdir()
    (memory / "index" / "left").write_text("from a killed process")
    MemoryIndex(memory, snapshots).close()
    assert not (memory / "index").exists()


def test_after_a_stop_it_comes_from_its_snapshot_without_a_look_at_passages(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.load(folder)
    vector = shelf.embedder.embed_queries(["orchard"])[0]
    before = shelf.index.search_dense(shelf.reading, vector, 9), shelf.index.search_lexical(shelf.reading, "orchard", 9)
    assert shelf.index.seal(shelf.indexing)
    assert not shelf.index.seal(shelf.indexing)
    for name in ("vectors", "texts"):
        monkeypatch.setattr(shelf.documents.entries, name, None)
    assert _reopened(shelf) is Opened.RESTORED
    assert shelf.index.search_dense(shelf.reading, vector, 9) == pytest.approx(before[0], abs=1e-5)
    assert shelf.index.search_lexical(shelf.reading, "orchard", 9) == pytest.approx(before[1])


def test_what_is_newer_than_the_snapshot_is_found_and_what_went_is_not(shelf: Shelf, folder: Path) -> None:
    shelf.load(folder)
    assert shelf.index.seal(shelf.indexing)
    kept = {path: path.read_bytes() for path in (shelf.state / "snapshots").rglob("*") if path.is_file()}
    (folder / "0.txt").unlink()
    _write(folder, 1, "Pears too.")
    _write(folder, 7)
    (folder / "2.txt").rename(folder / "renamed.txt")
    shelf.load(folder)
    shelf.index.close()
    for path, content in kept.items():  # as a snapshot that was made before, and put back
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert _reopened(shelf) is Opened.RESTORED
    assert set(shelf.find("orchard")) == {"1.txt", "7.txt", "renamed.txt"}
    assert set(shelf.find("pears")) == {"1.txt"}
    assert shelf.vectors_held() == 3
    assert _snapshots(shelf) == set()
    assert _tend(shelf)
    assert set(shelf.find("renamed")) == {"renamed.txt"}
    assert _reopened(shelf) is Opened.RESTORED
    assert shelf.vectors_held() == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:40],
        lambda content: b"",
        lambda content: content[:50] + bytes([content[50] ^ 1]) + content[51:],
        lambda content: content[:-20] + bytes(20),
    ],
)
def test_a_snapshot_that_is_not_what_was_written_is_made_anew(
    shelf: Shelf, folder: Path, damage: Callable[[bytes], bytes]
) -> None:
    shelf.load(folder)
    shelf.index.seal(shelf.indexing)
    path = shelf.state / "snapshots" / shelf.collection_id / "index"
    path.write_bytes(damage(path.read_bytes()))
    assert _reopened(shelf) is Opened.MADE
    assert set(shelf.find("orchard")) == {"0.txt", "1.txt", "2.txt"}
    assert shelf.vectors_held() == 3
    assert _tend(shelf)
    assert _reopened(shelf) is Opened.RESTORED


def test_many_vectors_become_a_graph_which_comes_back_and_grows(shelf: Shelf, folder: Path) -> None:
    _many(folder)
    _reopened(shelf)
    shelf.load(folder)
    assert _tend(shelf)
    names = _snapshots(shelf)
    assert len(names) == 2
    assert _reopened(shelf) is Opened.RESTORED
    assert shelf.vectors_held() == MANY
    assert set(shelf.find("apples27")) == {"27.txt"}
    for number in range(MANY, MANY + EXACT + 1):
        _write(folder, number)
    shelf.load(folder)
    assert shelf.vectors_held() == MANY + EXACT + 1
    near, beside = shelf.embedder.embed_queries(["apples51 orchard", "apples3"])
    along = shelf.index.search_dense_along(shelf.reading, near, beside, MANY + EXACT + 1, None)
    whole = shelf.index.search_dense(shelf.reading, beside, MANY + EXACT + 1)
    assert len(along) == MANY + EXACT + 1  # of the graph and the newest
    assert max(abs(cosine - whole[name]) for name, (_, cosine) in along.items()) < 0.02  # six bits a number
    assert _tend(shelf)
    assert len(_snapshots(shelf)) == 2
    assert len(_snapshots(shelf) & names) == 1
    assert _reopened(shelf) is Opened.RESTORED
    assert shelf.vectors_held() == MANY + EXACT + 1
    near = shelf.index.search_dense(shelf.reading, shelf.embedder.embed_queries(["apples51 orchard"])[0], 50)
    assert len(near) == 50


def test_what_is_removed_from_a_graph_is_not_found_and_soon_in_no_snapshot(shelf: Shelf, folder: Path) -> None:
    _many(folder)
    _reopened(shelf)
    shelf.load(folder)
    _tend(shelf)
    for number in range(20):
        (folder / f"{number}.txt").unlink()
    shelf.load(folder)
    assert _snapshots(shelf) == set()
    assert shelf.vectors_held() == MANY - 20
    assert shelf.find("apples5") == {}
    assert not shelf.index.seal(shelf.indexing)
    assert _tend(shelf)
    assert _snapshots(shelf) == {"index"}
    assert shelf.vectors_held() == MANY - 20
    assert _reopened(shelf) is Opened.RESTORED
    assert shelf.vectors_held() == MANY - 20


def test_a_graph_that_does_not_open_is_made_anew(shelf: Shelf, folder: Path) -> None:
    _many(folder)
    _reopened(shelf)
    shelf.load(folder)
    _tend(shelf)
    graph = next(path for path in (shelf.state / "snapshots").rglob("graph-*"))
    graph.write_bytes(graph.read_bytes()[:-1])
    assert _reopened(shelf) is Opened.MADE
    assert shelf.vectors_held() == MANY
    assert _tend(shelf)
    assert len(_snapshots(shelf)) == 2


def _tend_in_vain(shelf: Shelf) -> None:
    with pytest.raises(IndexUnavailable):
        _tend(shelf)


def test_everything_is_searched_exactly_while_an_index_is_made(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _many(folder)
    _reopened(shelf)
    shelf.load(folder)
    begun, may_go_on = threading.Event(), threading.Event()

    def slowly(*_arguments: object) -> None:
        begun.set()
        may_go_on.wait(30)
        raise IndexUnavailable("no graph this time")

    with monkeypatch.context() as patch:
        patch.setattr("rag.index.collection.build_graph", slowly)
        tending = threading.Thread(target=_tend_in_vain, args=(shelf,))
        tending.start()
        assert begun.wait(30)
        assert shelf.vectors_held() == MANY
        assert set(shelf.find("apples27")) == {"27.txt"}
        _write(folder, 999)
        shelf.load(folder)
        assert set(shelf.find("apples999")) == {"999.txt"}
        may_go_on.set()
        tending.join()
    assert _tend(shelf)
    assert shelf.vectors_held() == MANY + 1


def test_what_changes_while_an_index_is_made_anew_is_in_it(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.load(folder)
    texts = shelf.documents.entries.texts

    def with_changes(grant: Grant) -> object:
        yield from texts(grant)
        _write(folder, 50)
        (folder / "0.txt").unlink()
        shelf.load(folder)

    with monkeypatch.context() as patch:
        patch.setattr(shelf.documents.entries, "texts", with_changes)
        shelf.index.rebuild(shelf.indexing, shelf.documents)
    assert set(shelf.find("orchard")) == {"1.txt", "2.txt", "50.txt"}
    assert shelf.vectors_held() == 3
    assert _tend(shelf)
    assert _reopened(shelf) is Opened.RESTORED
    assert set(shelf.find("orchard")) == {"1.txt", "2.txt", "50.txt"}


def test_what_is_removed_while_a_snapshot_is_written_is_not_in_it(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.load(folder)
    write = Snapshots.write

    def with_removal(*arguments: object) -> Path:
        fresh = write(*arguments)  # type: ignore[arg-type]
        held = shelf.documents.documents(shelf.managing)[0]
        shelf.index.will_remove(shelf.collection_id)
        shelf.documents.forget(shelf.managing, [held.id])
        shelf.index.remove_document(shelf.collection_id, held.id)
        return fresh

    with monkeypatch.context() as patch:
        patch.setattr(Snapshots, "write", with_removal)
        assert not shelf.index.seal(shelf.indexing)
    assert list((shelf.state / "snapshots" / shelf.collection_id).iterdir()) == []


def test_what_is_removed_while_a_graph_is_sealed_is_in_no_graph_on_the_disk(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _many(folder)
    _reopened(shelf)
    shelf.load(folder)
    write = Snapshots.write

    def with_removal(*arguments: object) -> Path:
        fresh = write(*arguments)  # type: ignore[arg-type]
        shelf.index.will_remove(shelf.collection_id)
        return fresh

    with monkeypatch.context() as patch:
        patch.setattr(Snapshots, "write", with_removal)
        with pytest.raises(IndexUnavailable, match="removed meanwhile"):
            _tend(shelf)
    assert list((shelf.state / "snapshots" / shelf.collection_id).iterdir()) == []
    assert shelf.index.due(3600) == [shelf.collection_id]


def test_a_dropped_collection_takes_its_snapshot_with_it_even_one_that_is_being_written(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.load(folder)
    write, begun = Snapshots.write, threading.Event()

    def slowly(*arguments: object) -> Path:
        begun.set()
        threading.Event().wait(0.2)
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Snapshots, "write", slowly)
    sealing = threading.Thread(target=shelf.index.seal, args=(shelf.indexing,))
    sealing.start()
    begun.wait()
    shelf.index.drop(shelf.collection_id)
    sealing.join()
    assert list((shelf.state / "snapshots").iterdir()) == []
    assert shelf.index.collections() == []
    assert shelf.index.search_dense(shelf.reading, np.ones(DIMENSIONS, np.float32), 5) == {}


def test_a_disk_that_is_full_leaves_the_index_as_it_is_and_the_older_snapshot(
    shelf: Shelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.load(folder)
    assert _tend(shelf)
    _write(folder, 9)
    shelf.load(folder)
    with monkeypatch.context() as patch:
        patch.setattr("rag.store.snapshots.on_disk", _full)
        with pytest.raises(OSError, match="No space"):
            _tend(shelf)
    assert set(shelf.find("orchard")) == {"0.txt", "1.txt", "2.txt", "9.txt"}
    assert _snapshots(shelf) == {"index"}
    assert _reopened(shelf) is Opened.RESTORED
    assert set(shelf.find("orchard")) == {"0.txt", "1.txt", "2.txt", "9.txt"}


def _full(_path: Path) -> object:
    raise OSError(28, "No space left on device")


def test_it_is_due_after_a_load_and_by_age_and_not_otherwise(shelf: Shelf, folder: Path) -> None:
    assert shelf.index.due(3600) == []
    shelf.load(folder)
    assert shelf.index.due(3600) == [shelf.collection_id]
    _tend(shelf)
    assert shelf.index.due(0) == []
    shelf.index.add(shelf.collection_id, [entry("1" * 32, "d1", "apple")])
    assert shelf.index.due(3600) == []
    assert shelf.index.due(0) == [shelf.collection_id]


def _within(shelf: Shelf, folder: str) -> set[str]:
    """What is found of the documents in a folder, by its own digest, both ways."""
    sieve = Filter(folders=(folder,)).sieve(partial(shelf.documents.folder_key, shelf.reading))
    vector = shelf.embedder.embed_queries(["orchard"])[0]
    spoken = shelf.index.search_lexical(shelf.reading, "orchard", 99, sieve)
    near = shelf.index.search_dense(shelf.reading, vector, 99, sieve)
    assert set(spoken) == set(near)
    ids = [PassageId(name) for name in near]
    return {passage.document.path for passage in shelf.documents.passages(shelf.reading, ids)}


@pytest.fixture
def nested(folder: Path) -> Path:
    (folder / "north").mkdir()
    _write(folder / "north", 7)
    return folder


def test_what_is_moved_falls_out_of_its_folder_at_once_and_after_a_stop(shelf: Shelf, nested: Path) -> None:
    shelf.load(nested)
    assert _within(shelf, "north") == {"north/7.txt"}
    (nested / "south").mkdir()
    (nested / "north" / "7.txt").rename(nested / "south" / "7.txt")
    assert shelf.states(nested)["south/7.txt"] == "indexed"
    assert (_within(shelf, "north"), _within(shelf, "south")) == (set(), {"south/7.txt"})
    assert _tend(shelf)
    assert _reopened(shelf) is Opened.RESTORED
    assert (_within(shelf, "north"), _within(shelf, "south")) == (set(), {"south/7.txt"})


def test_a_move_that_the_snapshot_does_not_know_is_caught_up(shelf: Shelf, nested: Path) -> None:
    shelf.load(nested)
    assert _tend(shelf)
    (document,) = [each for each in shelf.documents.documents(shelf.managing) if each.path == "north/7.txt"]
    shelf.documents.move(shelf.managing, document.id, MovedTo(str(nested), "west/7.txt", "west/7.txt"))
    assert _reopened(shelf) is Opened.RESTORED
    assert _tend(shelf)
    assert (_within(shelf, "north"), _within(shelf, "west")) == (set(), {"west/7.txt"})


def test_a_snapshot_of_an_earlier_release_opens_and_learns_its_facets(
    shelf: Shelf, nested: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = CollectionIndex.parts

    def as_before(index: CollectionIndex, linked: Path) -> tuple[Any, Any]:
        about, files = parts(index, linked)
        return {name: about[name] for name in ("dimensions", "documents", "graph")}, files

    shelf.load(nested)
    monkeypatch.setattr(CollectionIndex, "parts", as_before)
    assert _tend(shelf)
    monkeypatch.undo()
    for _ in range(2):
        assert _reopened(shelf) is Opened.RESTORED
        assert _within(shelf, "north") == {"north/7.txt"}
        assert _tend(shelf)


def test_a_graph_of_an_earlier_release_is_made_anew_without_loss(
    shelf: Shelf, nested: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _reopened(shelf)
    _many(nested)
    shelf.load(nested)
    assert _tend(shelf)
    with monkeypatch.context() as earlier:
        earlier.setattr(
            CompactVectors, "read", lambda _path, _dimensions: CompactVectors.of(np.empty((0, 1), np.float32))
        )
        assert _reopened(shelf) is Opened.MADE
    assert _within(shelf, "north") == {"north/7.txt"}
    assert shelf.vectors_held() == MANY + 1
    assert _tend(shelf)
    assert _reopened(shelf) is Opened.RESTORED
    assert _within(shelf, "north") == {"north/7.txt"}
