"""The nearest vectors are found, from several threads, whatever is dropped meanwhile."""

import secrets
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag.index.vectors import VectorIndex

FIRST, SECOND = "a" * 32, "b" * 32


@pytest.fixture
def vectors(memory_dir: Path) -> VectorIndex:
    return VectorIndex(memory_dir / "vectors")


def unit(count: int, seed: int = 1) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((count, 16)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def names(count: int) -> list[str]:
    return [secrets.token_hex(16) for _ in range(count)]


def test_the_nearest_come_first_with_their_cosine_and_agree_with_exact_search(vectors: VectorIndex) -> None:
    rows, ids = unit(300), names(300)
    vectors.add(FIRST, ids, rows)
    found = vectors.search(FIRST, rows[7], 10)
    exact = rows @ rows[7]
    assert next(iter(found)) == ids[7]
    assert set(found) == {ids[place] for place in np.argsort(-exact)[:10]}
    assert all(abs(found[ids[place]] - exact[place]) < 1e-4 for place in np.argsort(-exact)[:10])


def test_an_empty_collection_and_no_wish_give_nothing_and_a_large_wish_gives_all(vectors: VectorIndex) -> None:
    assert vectors.search(FIRST, unit(1)[0], 5) == {}
    vectors.add(FIRST, names(3), unit(3))
    assert vectors.search(FIRST, unit(1)[0], 0) == {}
    assert len(vectors.search(FIRST, unit(1)[0], 50)) == 3


def test_collections_do_not_see_each_other(vectors: VectorIndex) -> None:
    vectors.add(FIRST, names(5), unit(5))
    assert vectors.search(SECOND, unit(1)[0], 5) == {}


def test_removed_vectors_are_gone_and_removing_them_again_does_no_harm(vectors: VectorIndex) -> None:
    ids = names(6)
    vectors.add(FIRST, ids, unit(6))
    vectors.remove(FIRST, ids[:2])
    vectors.remove(FIRST, ids[:2])
    assert set(vectors.search(FIRST, unit(1)[0], 6)) == set(ids[2:])


def test_a_dropped_collection_is_empty_and_can_be_filled_again(vectors: VectorIndex) -> None:
    vectors.add(FIRST, names(4), unit(4))
    vectors.drop(FIRST)
    vectors.drop(FIRST)
    assert vectors.search(FIRST, unit(1)[0], 4) == {}
    vectors.add(FIRST, names(2), unit(2))
    assert len(vectors.search(FIRST, unit(1)[0], 4)) == 2


def test_searches_go_on_while_others_add_remove_and_drop(vectors: VectorIndex) -> None:
    failures: list[BaseException] = []
    done = threading.Event()

    def search() -> None:
        try:
            while not done.is_set():
                assert len(vectors.search(FIRST, unit(1)[0], 10)) <= 10
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            failures.append(error)

    readers = [threading.Thread(target=search) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(5):
        ids = names(60)
        vectors.add(FIRST, ids, unit(60, turn))
        vectors.remove(FIRST, ids[:30])
        if turn == 2:
            vectors.drop(FIRST)
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []


def test_nothing_is_written_outside_its_folder(vectors: VectorIndex, memory_dir: Path, tmp_path: Path) -> None:
    vectors.add(FIRST, names(50), unit(50))
    assert list(tmp_path.iterdir()) == []
    assert {path.name for path in memory_dir.iterdir()} == {"vectors"}


def test_a_search_that_held_a_collection_while_it_was_dropped_finds_nothing(vectors: VectorIndex) -> None:
    vectors.add(FIRST, names(4), unit(4))
    held = vectors._handle(FIRST)
    vectors.drop(FIRST)
    vectors._handles[FIRST] = held  # as a thread has it that began its search before
    assert vectors.search(FIRST, unit(1)[0], 4) == {}
