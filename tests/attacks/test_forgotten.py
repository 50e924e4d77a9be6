"""Claim: of a removed document nothing is left in the live files, nor in what their snapshots open to."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.database import empty_log
from chat.opening import initialise, open_house
from chat.settings import Index, Settings
from rag.errors import SnapshotUnusable
from rag.loading import Loader
from rag.retrieval.words import content_words
from rag.store.values import IndexEntry
from security.access import Grant, Right
from security.identity import OPERATOR, CollectionId
from tests.rag.conftest import WordEmbedder

pytestmark = pytest.mark.usefixtures("process_as_it_was")
SECTIONS = 110
"""More than are compared one by one, so that there is a graph."""
DOOMED, KEPT = 777, 888
SLICE_BYTES = 48
"""So many sealed bytes are never twice the same by chance."""
LIKE = 1e-3
"""Rows hold float16, and Chroma brings vectors to unit length once more."""


@pytest.fixture
def settings() -> Settings:
    return Settings(index=Index(exact_passages_max=100, snapshot_minutes=1440))


@pytest.fixture
def house(tmp_path: Path, settings: Settings) -> Iterator[House]:
    initialise(tmp_path / "state", settings)
    with open_house(tmp_path / "state", settings) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    sections = (f"# Part {number}\n\nMarmots of meadow {number}.\n" for number in range(SECTIONS))
    (folder / "marmots.md").write_text("\n".join(sections))
    for number in (DOOMED, KEPT):
        (folder / f"{number}.txt").write_text(text_of(number))
    return folder


def text_of(number: int) -> str:
    return f"The wombat{number} of burrow{number} sleeps."


def fill(house: House, folder: Path) -> Grant:
    """A collection of the folder, loaded as the command loads it, its index sealed."""
    (made,) = OPERATIONS["collection.create"](house, name="archive")
    grant = house.policy.grant(OPERATOR, CollectionId(str(made["id"])), Right.MANAGE)
    load(house, grant, folder)
    house.index.tend(indexing(house, grant), house.documents)
    return grant


def load(house: House, grant: Grant, folder: Path) -> None:
    for _ in Loader(house.documents, house.index, WordEmbedder(), house.memory_dir).load(grant, folder):
        pass
    empty_log(house.engine)


def indexing(house: House, grant: Grant) -> Grant:
    return house.policy.for_indexing(grant.collection_id)


def opened(house: House, collection_id: CollectionId) -> dict[str, bytes]:
    """Everything that the snapshots hold, opened with the collection's key."""
    found: dict[str, bytes] = {}
    folder = house.memory_dir / "looked-at"
    for name in house.documents.snapshots.names(collection_id):
        _, files = house.documents.snapshots.open(house.policy.for_indexing(collection_id), name, folder)
        found |= {f"{name}/{part}": path.read_bytes() for part, path in files.items()}
        shutil.rmtree(folder)
    return found


def holds_vector(content: bytes, vector: NDArray[np.float32]) -> bool:
    """Whether the vector (d,) stands anywhere in the bytes, as floats, but for the last bits."""
    return any(stands_in(content[start:], vector) for start in range(4))


def stands_in(content: bytes, vector: NDArray[np.float32]) -> bool:
    numbers = np.frombuffer(content[: len(content) // 4 * 4], np.float32)
    if len(numbers) < len(vector):
        return False
    windows = np.lib.stride_tricks.sliding_window_view(numbers, len(vector))
    with np.errstate(all="ignore"):
        return bool((np.abs(windows - vector).max(axis=1) < LIKE).any())


def traces(house: House, grant: Grant, number: int, entry: IndexEntry) -> set[str]:
    """Parts of snapshots in which a document shows: by its passage's id, its own word, its vector."""
    (word,) = {word for word in content_words(text_of(number)) if word.startswith("wombat")}
    return {
        name
        for name, content in opened(house, grant.collection_id).items()
        if bytes.fromhex(entry.passage_id) in content or word.encode() in content or holds_vector(content, entry.vector)
    }


def sealed_rows(house: House) -> dict[str, list[bytes]]:
    """Sealed values of passages and documents, by document."""
    queries = [
        "SELECT id, about FROM documents",
        "SELECT document_id, body FROM passages",
        "SELECT document_id, vector FROM passages",
    ]
    found: dict[str, list[bytes]] = {}
    with house.engine.connect() as connection:
        for query in queries:
            for identifier, value in connection.exec_driver_sql(query):
                found.setdefault(identifier, []).append(value)
    return found


def live_bytes(house: House) -> bytes:
    return b"".join(path.read_bytes() for path in house.state.rglob("*") if path.is_file())


def test_of_a_removed_document_no_row_no_snapshot_and_no_older_block_of_one_is_left(house: House, folder: Path) -> None:
    grant = fill(house, folder)
    (doomed,) = [info.id for info in house.documents.documents(grant) if info.path == f"{DOOMED}.txt"]
    (entry,) = next(house.documents.entries.of(indexing(house, grant), [doomed]))
    (kept,) = [info.id for info in house.documents.documents(grant) if info.path == f"{KEPT}.txt"]
    (other,) = next(house.documents.entries.of(indexing(house, grant), [kept]))
    rows = sealed_rows(house)[doomed]
    older = [path.read_bytes() for path in (house.state / "snapshots").rglob("*") if path.is_file()]
    blocks = [content[start : start + SLICE_BYTES] for content in older for start in range(100, len(content), 60_000)]
    before = live_bytes(house)
    assert all(value[:SLICE_BYTES] in before for value in rows)
    assert all(block in before for block in blocks)
    assert len({name.partition("/")[0] for name in traces(house, grant, DOOMED, entry)}) == len(older) == 2

    (folder / f"{DOOMED}.txt").unlink()
    load(house, grant, folder)
    for step in ("removed", "sealed anew"):
        after = live_bytes(house)
        assert not any(value[:SLICE_BYTES] in after for value in rows), step
        assert not any(block in after for block in blocks if len(block) == SLICE_BYTES), step
        assert traces(house, grant, DOOMED, entry) == set(), step
        house.index.tend(indexing(house, grant), house.documents)
    assert traces(house, grant, KEPT, other)


def test_a_snapshot_from_before_that_is_put_back_brings_nothing_back(
    tmp_path: Path, folder: Path, settings: Settings
) -> None:
    state = tmp_path / "state"
    initialise(state, settings)
    with open_house(state, settings) as house:
        grant = fill(house, folder)
        older = {path: path.read_bytes() for path in (state / "snapshots").rglob("*") if path.is_file()}
        (folder / f"{DOOMED}.txt").unlink()
        load(house, grant, folder)
    for path, content in older.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with open_house(state, settings) as again:
        reading = again.policy.grant(OPERATOR, grant.collection_id, Right.READ)
        assert again.index.search_lexical(reading, f"wombat{DOOMED}", 5) == {}
        assert len(again.index.search_lexical(reading, f"wombat{KEPT}", 5)) == 1
        found = again.index.search_dense(reading, WordEmbedder().embed_queries(["wombat"])[0], SECTIONS + 5)
        assert len(found) == SECTIONS + 1


def test_a_snapshot_opens_with_no_other_key_than_its_collections(house: House, folder: Path) -> None:
    grant = fill(house, folder)
    other = house.collections.create("other")
    shutil.copytree(house.state / "snapshots" / grant.collection_id, house.state / "snapshots" / other)
    for name in house.documents.snapshots.names(other):
        with pytest.raises(SnapshotUnusable):
            house.documents.snapshots.open(house.policy.for_indexing(other), name, house.memory_dir / "stolen")


@pytest.mark.parametrize("what", ["put", "forget"])
def test_the_snapshot_goes_before_the_rows_do(
    house: House, folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Killed between the two, a house has rows without a snapshot, never a snapshot of rows that went."""
    grant, held = fill(house, folder), list[set[str]]()
    act = getattr(house.documents, what)

    def seen(*arguments: object) -> object:
        held.append(house.documents.snapshots.names(grant.collection_id))
        return act(*arguments)

    monkeypatch.setattr(house.documents, what, seen)
    path = folder / f"{DOOMED}.txt"
    path.unlink()
    if what == "put":
        path.write_text("It sleeps no more.")
    assert house.documents.snapshots.names(grant.collection_id)
    load(house, grant, folder)
    assert held == [set()]


def test_what_ends_a_destruction_at_the_opening_leaves_no_snapshot(house: House, folder: Path) -> None:
    grant = fill(house, folder)
    house.remover.collection(grant.collection_id)
    assert not (house.state / "snapshots" / grant.collection_id).exists()
