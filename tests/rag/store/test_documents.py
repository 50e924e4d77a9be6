"""What is stored comes back to who may read it, and to nobody else."""

import errno
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, update

from rag.documents import Block, BlockKind, Chunk, DocumentId, ParsedDocument, PassageId
from rag.errors import StoreBroken, StoreFull
from rag.store.tables import passages
from rag.store.values import MovedTo, NewDocument
from security.access import Grant, Right
from security.errors import AccessDenied
from security.identity import OPERATOR
from tests.postgresql import ON_BOTH_DATABASES
from tests.rag.conftest import DIMENSIONS, Shelf

pytestmark = ON_BOTH_DATABASES

WORDS = st.text(st.characters(exclude_categories=()), min_size=1, max_size=30)


def new(path: str = "a.txt", *texts: str, content: bytes = b"bytes") -> NewDocument:
    chunks = tuple(Chunk(n, text, n + 1, ("Part",), n, n + len(text)) for n, text in enumerate(texts))
    parsed = ParsedDocument(f"Title of {path}", 3, (Block(BlockKind.PARAGRAPH, "x"),))
    rows = np.eye(max(len(texts), 1), DIMENSIONS, dtype=np.float32)[: len(texts)]
    return NewDocument("/source", path, "text/plain", content, parsed, chunks, rows)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=WORDS, texts=st.lists(WORDS, max_size=4), content=st.binary(max_size=200))
def test_any_document_comes_back_as_it_was(shelf: Shelf, path: str, texts: list[str], content: bytes) -> None:
    identifier, entries = shelf.documents.put(shelf.managing, new(path, *texts, content=content))
    info = shelf.documents.document(shelf.reading, identifier)
    assert (info.path, info.pages, info.passages, info.size_bytes) == (path, 3, len(texts), len(content))
    found = shelf.documents.passages(shelf.reading, [entry.passage_id for entry in entries])
    assert [passage.chunk.text for passage in found] == texts
    assert b"".join(shelf.documents.original(shelf.reading, identifier)) == content
    shelf.documents.forget(shelf.managing, [identifier])
    assert shelf.documents.counts(shelf.collection_id) == (0, 0)


def test_a_document_at_the_same_place_takes_the_place_of_the_earlier_one(shelf: Shelf) -> None:
    first, _ = shelf.documents.put(shelf.managing, new("a.txt", "one", "two"))
    second, _ = shelf.documents.put(shelf.managing, new("a.txt", "three"))
    assert [info.id for info in shelf.documents.documents(shelf.reading)] == [second]
    assert shelf.documents.counts(shelf.collection_id) == (1, 1)
    assert [path.name for path in (shelf.state / "originals" / shelf.collection_id).iterdir()] == [second]
    with pytest.raises(StoreBroken, match="load the folder again"):
        shelf.documents.document(shelf.reading, first)


def test_passages_come_in_the_order_asked_for_and_more_than_a_statement_holds(shelf: Shelf) -> None:
    _, entries = shelf.documents.put(shelf.managing, new("a.txt", *(f"text {n}" for n in range(1200))))
    ids = [entry.passage_id for entry in reversed(entries)]
    found = shelf.documents.passages(shelf.reading, [*ids, PassageId("absent")])
    assert [passage.id for passage in found] == ids


def test_neighbours_come_in_reading_order(shelf: Shelf) -> None:
    _, entries = shelf.documents.put(shelf.managing, new("a.txt", *"abcd"))
    (middle,) = shelf.documents.passages(shelf.reading, [entries[2].passage_id])
    assert [passage.chunk.text for passage in shelf.documents.around(shelf.reading, middle)] == ["b", "c", "d"]


def test_the_index_gets_every_passage_again_with_its_vector_and_words(shelf: Shelf) -> None:
    _, entries = shelf.documents.put(shelf.managing, new("a.txt", "one", "two"))
    again = [entry for batch in shelf.documents.entries.all(shelf.indexing, batch=1) for entry in batch]
    assert {(entry.passage_id, entry.text) for entry in again} == {(entry.passage_id, entry.text) for entry in entries}
    by_id = {entry.passage_id: entry.vector for entry in entries}
    assert all(np.allclose(entry.vector, by_id[entry.passage_id], atol=1e-3) for entry in again)


def test_a_move_keeps_passages_and_renames_a_title_that_was_the_file_name(shelf: Shelf) -> None:
    named = NewDocument(
        "/s", "a.txt", "text/plain", b"", ParsedDocument("a.txt", None, ()), (), np.empty((0, 0), np.float32)
    )
    identifier, _ = shelf.documents.put(shelf.managing, named)
    shelf.documents.move(shelf.managing, identifier, MovedTo("/t", "sub/b.txt", "sub/b.txt"))
    info = shelf.documents.document(shelf.reading, identifier)
    assert (info.path, info.title) == ("sub/b.txt", "b.txt")
    held = shelf.documents.fingerprints.inventory(shelf.managing, "/s")
    assert held.of(shelf.documents.fingerprints.source_key(shelf.managing, "/s")) == {}
    there = held.of(shelf.documents.fingerprints.source_key(shelf.managing, "/t"))
    assert [held for held, _ in there.values()] == [identifier]


@pytest.mark.parametrize("right", [Right.READ, Right.INDEX])
def test_changing_needs_the_right_to_manage(shelf: Shelf, right: Right) -> None:
    grant = shelf.indexing if right is Right.INDEX else shelf.reading
    for change in (
        lambda: shelf.documents.put(grant, new()),
        lambda: shelf.documents.forget(grant, []),
        lambda: shelf.documents.sweep(grant),
        lambda: shelf.documents.fingerprints.inventory(grant, "/s"),
        lambda: shelf.documents.move(grant, DocumentId("x"), MovedTo("/s", "a", "a")),
    ):
        with pytest.raises(AccessDenied):
            change()


def test_a_grant_for_one_collection_opens_and_removes_nothing_of_another(shelf: Shelf) -> None:
    identifier, entries = shelf.documents.put(shelf.managing, new("a.txt", "secret"))
    other = shelf.collections.create("other")
    reading: Grant = shelf.policy.grant(OPERATOR, other, Right.READ)
    assert shelf.documents.passages(reading, [entries[0].passage_id]) == ()
    with pytest.raises(StoreBroken):
        shelf.documents.document(reading, identifier)
    shelf.documents.forget(shelf.policy.grant(OPERATOR, other, Right.MANAGE), [identifier])
    assert shelf.documents.counts(shelf.collection_id) == (1, 1)


def test_a_passage_moved_to_another_row_does_not_open(shelf: Shelf) -> None:
    _, entries = shelf.documents.put(shelf.managing, new("a.txt", "one", "two"))
    first, second = (entry.passage_id for entry in entries)
    with shelf.engine.begin() as connection:
        body = connection.execute(select(passages.c.body).where(passages.c.id == first)).scalar_one()
        connection.execute(update(passages).where(passages.c.id == second).values(body=body))
    with pytest.raises(StoreBroken, match=f"{second} body: does not open"):
        shelf.documents.passages(shelf.reading, [second])


def test_a_missing_original_is_said_with_what_to_do(shelf: Shelf) -> None:
    identifier, _ = shelf.documents.put(shelf.managing, new())
    (shelf.state / "originals" / shelf.collection_id / identifier).unlink()
    with pytest.raises(StoreBroken, match="is missing; load its folder again"):
        list(shelf.documents.original(shelf.reading, identifier))


def test_a_large_original_is_opened_block_by_block(shelf: Shelf) -> None:
    size = 24 * 1024 * 1024
    identifier, _ = shelf.documents.put(shelf.managing, new(content=bytes(size)))
    blocks = shelf.documents.original(shelf.reading, identifier)
    tracemalloc.start()
    try:
        lengths = [len(block) for block in blocks]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (sum(lengths), max(lengths)) == (size, 65_536)
    assert peak < 1024 * 1024


def test_strays_of_a_crash_are_swept_and_what_is_held_stays(shelf: Shelf) -> None:
    identifier, _ = shelf.documents.put(shelf.managing, new())
    folder = shelf.state / "originals" / shelf.collection_id
    (folder / ("0" * 32)).write_bytes(b"sealed, but no row")
    (shelf.state / "originals" / ("1" * 32)).mkdir()
    assert shelf.documents.sweep(shelf.managing) == 1
    assert [path.name for path in folder.iterdir()] == [identifier]
    assert [path.name for path in folder.parent.iterdir()] == [shelf.collection_id]


def test_a_disk_without_room_for_the_original_stores_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("rag.streams.os.fsync", full)
    with pytest.raises(StoreFull, match="free space"):
        shelf.documents.put(shelf.managing, new())
    assert shelf.documents.counts(shelf.collection_id) == (0, 0)
    assert list((shelf.state / "originals" / shelf.collection_id).iterdir()) == []


def test_nothing_stored_can_be_read_on_the_disk(shelf: Shelf, stored: Callable[[], bytes]) -> None:
    document = new("wombat-file.txt", "wombat text", content=b"wombat bytes")
    document.vectors[0] = np.random.default_rng(1).standard_normal(DIMENSIONS)
    _, entries = shelf.documents.put(shelf.managing, document)
    shelf.engine.dispose()
    written = stored() + b"".join(path.read_bytes() for path in shelf.state.rglob("*") if path.is_file())
    vector = document.vectors[0]
    assert b"wombat" not in written
    assert vector.tobytes() not in written
    assert vector.astype("<f2").tobytes() not in written
    assert entries[0].passage_id.encode() in written


def test_originals_can_be_read_by_their_owner_alone(shelf: Shelf) -> None:
    identifier, _ = shelf.documents.put(shelf.managing, new())
    path: Path = shelf.state / "originals" / shelf.collection_id / identifier
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_opening_ten_passages_does_not_go_through_the_collection(shelf: Shelf) -> None:
    if shelf.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL knows how many rows there are")
    entries = [shelf.documents.put(shelf.managing, new(f"{number}.txt", "words"))[1][0] for number in range(12)]
    asked: list[tuple[str, tuple[object, ...]]] = []
    event.listen(shelf.engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    assert len(shelf.documents.passages(shelf.reading, [entry.passage_id for entry in entries])) == 12
    shelf.documents.forget(shelf.managing, [entry.document_id for entry in entries])
    with shelf.engine.connect() as connection:
        explained = [
            (statement, step[3])
            for statement, values in asked[:]
            if "passages" in statement
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    assert explained
    assert [step for _, step in explained if "collection" in step or step.startswith("SCAN")] == []
