"""The index lives in memory, follows the truth, and is gone when it is closed."""

from pathlib import Path

import numpy as np
import pytest

from rag.documents import DocumentId, PassageId
from rag.errors import IndexUnavailable
from rag.index.memory import MemoryIndex, check_memory_backed
from rag.store.documents import IndexEntry
from security.access import Grant, Right
from security.errors import AccessDenied
from security.identity import OPERATOR
from tests.rag.conftest import DIMENSIONS, Shelf


def entry(name: str, document: str, text: str) -> IndexEntry:
    return IndexEntry(PassageId(name), DocumentId(document), np.ones(DIMENSIONS, np.float32), text)


def test_a_folder_on_a_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.index.memory.filesystem_of", lambda _folder: "ext4")
    with pytest.raises(IndexUnavailable, match="on ext4, expected tmpfs"):
        check_memory_backed(tmp_path)


def test_a_removed_document_is_found_by_neither_way(shelf: Shelf) -> None:
    entries = [entry("1" * 32, "d1", "apple"), entry("2" * 32, "d1", "apple"), entry("3" * 32, "d2", "apple")]
    shelf.index.add(shelf.collection_id, entries)
    shelf.index.remove_document(shelf.collection_id, DocumentId("d1"))
    shelf.index.remove_document(shelf.collection_id, DocumentId("never"))
    assert set(shelf.index.search_lexical(shelf.reading, "apple", 9)) == {"3" * 32}
    assert set(shelf.index.search_dense(shelf.reading, entries[0].vector, 9)) == {"3" * 32}


def test_a_rebuilt_index_answers_as_the_one_before(shelf: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"Orchard number {number} has apples.")
    shelf.load(folder)
    vector = shelf.embedder.embed_queries(["orchard"])[0]
    before = shelf.index.search_dense(shelf.reading, vector, 9), shelf.index.search_lexical(shelf.reading, "apples", 9)
    assert shelf.index.rebuild(shelf.indexing, shelf.documents) == 3
    dense, lexical = (
        shelf.index.search_dense(shelf.reading, vector, 9),
        shelf.index.search_lexical(shelf.reading, "apples", 9),
    )
    assert (set(dense), set(lexical)) == (set(before[0]), set(before[1]))
    assert all(abs(dense[name] - score) < 1e-3 for name, score in before[0].items())
    (folder / "0.txt").unlink()
    shelf.load(folder)
    assert set(shelf.find("apples")) == {"1.txt", "2.txt"}


def test_a_forged_grant_searches_nothing(shelf: Shelf) -> None:
    with pytest.raises(AccessDenied):
        Grant(OPERATOR, shelf.collection_id, Right.READ, b"forged")


def test_closing_leaves_nothing_and_opening_forgets_what_was_there(memory_dir: Path) -> None:
    index = MemoryIndex(memory_dir)
    assert (memory_dir / "index").stat().st_mode & 0o777 == 0o700
    index.close()
    assert list(memory_dir.iterdir()) == []
    (memory_dir / "index").mkdir()
    (memory_dir / "index" / "left").write_text("from a killed process")
    MemoryIndex(memory_dir).close()
    assert list(memory_dir.iterdir()) == []
