"""Sealing a collection anew: everything opens all the time, nothing opens with the old key in the end."""

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from rag.documents import Chunk, ParsedDocument, PassageId
from rag.store.originals import Originals
from rag.store.resealing import BATCH, Resealing
from rag.store.rows import about_context, open_info
from rag.store.tables import documents, passages
from rag.store.values import MovedTo, NewDocument
from security.errors import AccessDenied
from security.keyring import collection_owner
from security.sealing import Context
from tests.postgresql import ON_BOTH_DATABASES
from tests.rag.conftest import DIMENSIONS, Shelf

pytestmark = ON_BOTH_DATABASES

BLOCKS = 3 * 64 * 1024 + 7


def new(path: str, texts: int = 2, content: bytes = b"bytes") -> NewDocument:
    chunks = tuple(Chunk(n, f"{path} says {n}", None, (), n, n + 1) for n in range(texts))
    rows = np.zeros((texts, DIMENSIONS), np.float32)
    rows[:, 0] = 1.0
    return NewDocument("/source", path, "text/plain", content, ParsedDocument(path, None, ()), chunks, rows)


def everything(shelf: Shelf) -> dict[str, tuple[bytes, list[str]]]:
    """Each original and each text, all opened."""
    ids = [entry.passage_id for batch in shelf.documents.entries.all(shelf.indexing) for entry in batch]
    texts: dict[str, list[str]] = {}
    for passage in shelf.documents.passages(shelf.reading, sorted(ids)):
        texts.setdefault(passage.document.path, []).append(passage.chunk.text)
    return {
        info.path: (b"".join(shelf.documents.original(shelf.reading, info.id)), sorted(texts.get(info.path, [])))
        for info in shelf.documents.documents(shelf.reading)
    }


def versions(shelf: Shelf) -> set[int]:
    """The versions under which anything of the collection is sealed on the disk."""
    with shelf.engine.connect() as connection:
        values = list(connection.execute(select(documents.c.about)).scalars())
        values += itertools.chain(*connection.execute(select(passages.c.body, passages.c.vector)).all())
    files = (path.read_bytes() for path in (shelf.state / "originals").rglob("*") if path.is_file())
    return {int.from_bytes(sealed[1:5], "big") for sealed in (*values, *files)}


@pytest.fixture
def filled(shelf: Shelf) -> Shelf:
    shelf.documents.put(shelf.managing, new("large.txt", BATCH + 5, bytes(range(256)) * (BLOCKS // 256)))
    for name in ("empty.txt", "b.txt"):
        shelf.documents.put(shelf.managing, new(name, 1, b"" if name == "empty.txt" else b"B"))
    return shelf


def test_everything_is_sealed_anew_and_opens_as_before(filled: Shelf) -> None:
    before, mark = everything(filled), filled.documents.fingerprints.of(filled.managing, "/source", "b.txt", b"B")
    steps = list(filled.documents.reseal(filled.managing))
    assert everything(filled) == before
    assert versions(filled) == {2}
    assert filled.keyring.versions(collection_owner(filled.collection_id)) == (2,)
    assert filled.documents.fingerprints.of(filled.managing, "/source", "b.txt", b"B") == mark
    assert steps[0].total >= BATCH
    assert all(step.done <= step.total for step in steps)


def test_it_is_done_again_and_again(filled: Shelf) -> None:
    before, place = everything(filled), filled.documents.fingerprints.place_key(filled.managing, "/source", "b.txt")
    for expected in (2, 3, 4):
        list(filled.documents.reseal(filled.managing))
        assert versions(filled) == {expected}
    assert everything(filled) == before
    assert filled.documents.fingerprints.place_key(filled.managing, "/source", "b.txt") == place


def test_an_older_copy_of_the_data_opens_no_more(filled: Shelf) -> None:
    with filled.engine.connect() as connection:
        rows = connection.execute(select(passages.c.id, passages.c.body)).all()
    list(filled.documents.reseal(filled.managing))
    key = filled.keyring.for_grant(filled.reading)
    assert rows
    for _, body in rows:
        assert not key.is_current(body[:5])
    with filled.engine.begin() as connection:
        connection.execute(passages.update().where(passages.c.id == rows[0][0]).values(body=rows[0][1]))
    with pytest.raises(Exception, match="sealed under key version 1"):
        filled.documents.passages(filled.reading, [PassageId(rows[0][0])])


def test_a_rotation_that_was_cut_short_goes_on_where_it_was(filled: Shelf) -> None:
    before = everything(filled)
    steps = filled.documents.reseal(filled.managing)
    next(steps)
    steps.close()  # type: ignore[attr-defined]  # a generator
    assert filled.keyring.versions(collection_owner(filled.collection_id)) == (1, 2)
    assert versions(filled) == {1, 2}
    assert everything(filled) == before
    list(filled.documents.reseal(filled.managing))
    assert versions(filled) == {2}
    assert everything(filled) == before


def test_what_is_loaded_read_and_removed_meanwhile_is_whole(filled: Shelf) -> None:
    for number, _ in enumerate(filled.documents.reseal(filled.managing)):
        filled.documents.put(filled.managing, new(f"meanwhile-{number}.txt", 1, b"M"))
        if number == 1:
            gone = next(info for info in filled.documents.documents(filled.reading) if info.path == "b.txt")
            filled.documents.forget(filled.managing, [gone.id])
    found = everything(filled)
    assert "b.txt" not in found
    assert found["meanwhile-0.txt"] == (b"M", ["meanwhile-0.txt says 0"])
    assert versions(filled) == {2}


def test_a_value_on_its_way_in_keeps_its_version_from_being_retired(
    filled: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealing, go_on, written = threading.Event(), threading.Event(), Originals.written

    @contextmanager
    def slowly(*arguments: Any) -> Iterator[None]:
        sealing.set()
        assert go_on.wait(30)
        with written(*arguments):
            yield

    monkeypatch.setattr(Originals, "written", slowly)
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(filled.documents.put, filled.managing, new("late.txt", 1, b"L"))
        assert sealing.wait(30)  # its key is open, under version 1
        rotating = pool.submit(lambda: list(filled.documents.reseal(filled.managing)))
        with pytest.raises(TimeoutError):
            rotating.result(1)
        go_on.set()
        loading.result(30)
        rotating.result(30)
    assert versions(filled) == {2}
    assert everything(filled)["late.txt"] == (b"L", ["late.txt says 0"])


def test_a_key_that_was_open_before_opens_what_is_sealed_anew(filled: Shelf) -> None:
    key, (info, *_) = filled.keyring.for_grant(filled.reading), filled.documents.documents(filled.reading)
    list(filled.documents.reseal(filled.managing))
    assert b"".join(Originals(filled.state / "originals").read(key, filled.collection_id, info.id)) is not None
    with filled.engine.connect() as connection:
        row = connection.execute(select(documents).where(documents.c.id == info.id)).mappings().one()
    assert open_info(key, row) == info


def test_a_document_that_moves_while_it_is_sealed_anew_stays_moved(
    filled: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = filled.documents.documents(filled.reading)
    moving, anew = min(held, key=lambda info: info.id), Resealing._anew  # the first, before the database is locked

    def after_a_move(self: Resealing, sealed: bytes, context: Context) -> bytes:
        fresh = anew(self, sealed, context)
        if context == about_context(moving.id):
            monkeypatch.undo()
            filled.documents.move(filled.managing, moving.id, MovedTo("/elsewhere", "moved.txt", "moved.txt"))
        return fresh

    monkeypatch.setattr(Resealing, "_anew", after_a_move)
    list(filled.documents.reseal(filled.managing))
    assert filled.documents.document(filled.reading, moving.id).path == "moved.txt"
    assert versions(filled) == {2}


def test_each_step_may_run_in_another_thread_and_between_them_others_write(filled: Shelf) -> None:
    """As behind the operators' socket."""
    steps, number = filled.documents.reseal(filled.managing), 0
    while True:
        with ThreadPoolExecutor(1) as pool:
            if pool.submit(next, steps, None).result(30) is None:
                break
            pool.submit(filled.documents.put, filled.managing, new(f"{number}.txt", 1)).result(30)
            number += 1
    assert number > 2
    assert versions(filled) == {2}


def test_who_may_read_may_not_rotate(filled: Shelf) -> None:
    with pytest.raises(AccessDenied):
        list(filled.documents.reseal(filled.reading))


def test_no_file_is_left_beside_the_originals(filled: Shelf) -> None:
    folder = filled.state / "originals" / filled.collection_id
    names = {path.name for path in folder.iterdir()}
    (folder / f"{min(names)}.new").write_bytes(b"of a rotation that was killed")
    list(filled.documents.reseal(filled.managing))
    assert {path.name for path in folder.iterdir()} == names
