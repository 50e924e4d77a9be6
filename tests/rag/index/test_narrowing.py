"""A narrowed search finds what an unnarrowed one would, and of that what comes through, in both ways of looking."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.documents import DocumentId, PassageId
from rag.errors import IndexUnavailable
from rag.facets import DocumentType, Facets
from rag.index import collection
from rag.index.collection import CollectionIndex
from rag.retrieval.filters import Sieve
from rag.store.values import IndexEntry
from tests.rag.index.test_vectors import unit

TYPES = (DocumentType.PDF, DocumentType.MAIL, DocumentType.SHEET)
WORDS = ("apple", "pear", "plum", "fig")
MANY = 600
EVERYTHING = 10_000


@contextmanager
def index_of(entries: list[IndexEntry]) -> Iterator[CollectionIndex]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        index = CollectionIndex(Path(folder) / "index")
        index.add(entries)
        yield index
        index.close()


def entries(parts: list[int], days: list[int], seed: int = 1) -> list[IndexEntry]:
    """A document for each number of passages, on its day, types and folders in turns."""
    vectors = iter(unit(sum(parts), seed))
    drawn = np.random.default_rng(seed)
    made: list[IndexEntry] = []
    for number, (count, day) in enumerate(zip(parts, days, strict=True)):
        facets = Facets(f"d{number}", day, TYPES[number % 3], (f"f{number % 5}",))
        for _ in range(count):
            text = " ".join(drawn.choice(WORDS, size=4))
            name = PassageId(f"{len(made):032x}")
            made.append(IndexEntry(name, DocumentId(f"d{number}"), next(vectors), facets, text))
    return made


def left(found: dict[str, float], held: list[IndexEntry], sieve: Sieve, k: int) -> dict[str, float]:
    passing = {entry.passage_id for entry in held if sieve.passes(entry.facets)}
    return dict([(name, score) for name, score in found.items() if name in passing][:k])


SIEVES = st.builds(
    Sieve,
    st.none() | st.integers(0, 9),
    st.none() | st.integers(0, 9),
    st.frozensets(st.sampled_from(TYPES)),
    st.frozensets(st.sampled_from(["f0", "f1", "f4", "unknown"])),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=25), st.data(), SIEVES, st.integers(1, 40))
def test_what_is_narrowed_is_found_as_among_all(parts: list[int], data: st.DataObject, sieve: Sieve, k: int) -> None:
    held = entries(parts, data.draw(st.lists(st.integers(0, 9), min_size=len(parts), max_size=len(parts))))
    vector = unit(1, seed=9)[0]
    with index_of(held) as index:
        if len(parts) > 3:
            gone = DocumentId("d2")
            index.remove(gone)
            held = [entry for entry in held if entry.document_id != gone]
        whole, narrowed = index.search_dense(vector, EVERYTHING), index.search_dense(vector, k, sieve)
        assert list(narrowed) == list(left(whole, held, sieve, k))
        assert narrowed == pytest.approx(left(whole, held, sieve, k), abs=1e-6)
        spoken = index.search_lexical("apple or fig", EVERYTHING)
        scores = index.search_lexical("apple or fig", k, sieve)
        wanted = left(spoken, held, sieve, k)
        assert sorted(scores.values()) == pytest.approx(sorted(wanted.values()))  # equal scores come in any order
        assert scores.keys() <= left(spoken, held, sieve, EVERYTHING).keys()


def test_what_is_scattered_over_more_runs_than_are_asked_for_is_found_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag.index.lexical._RUNS_MAX", 4)
    held = entries([1] * MANY, [number % 7 for number in range(MANY)])
    sieve = Sieve(after=3, before=3)
    with index_of(held) as index:
        whole = index.search_lexical("apple pear", EVERYTHING)
        assert index.search_lexical("apple pear", EVERYTHING, sieve) == pytest.approx(
            left(whole, held, sieve, EVERYTHING)
        )


def test_what_came_after_the_look_at_what_passes_is_not_found_and_breaks_nothing() -> None:
    held = entries([3, 3], [1, 2])
    with index_of(held) as index:
        assert set(index._words.search("apple pear plum fig", 9, np.array([True]))) <= {0}


@pytest.fixture
def grown() -> Iterator[tuple[CollectionIndex, list[IndexEntry]]]:
    """An index whose first passages are in a graph, the others beside it."""
    held = entries([6] * (MANY // 6), [number % 10 for number in range(MANY // 6)])
    with index_of(held[: MANY - 60]) as index:
        index.grow(index.folder / "graph", lambda: False)
        index.take_graph(index.folder / "graph", "graph")
        index.add(held[MANY - 60 :])
        yield index, held


@pytest.mark.parametrize("compared", [0, 20_000])
@pytest.mark.parametrize("sieve", [Sieve(before=7), Sieve(after=9), Sieve(folders=frozenset({"f1"}), before=5)])
def test_out_of_a_graph_nearly_all_of_it_comes(
    grown: tuple[CollectionIndex, list[IndexEntry]], sieve: Sieve, compared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways: more asked of the graph than is wanted, and compared one by one."""
    monkeypatch.setattr(collection, "COMPARED_MAX", compared)
    (index, held), vectors = grown, unit(8, seed=5)
    found = wanted = 0
    for vector in vectors:
        exact = np.argsort([-float(entry.vector @ vector) for entry in held])
        best = [held[place].passage_id for place in exact if sieve.passes(held[place].facets)][:10]
        narrowed = list(index.search_dense(vector, 10, sieve))
        assert {entry.passage_id for entry in held if sieve.passes(entry.facets)} >= set(narrowed)
        assert len(narrowed) == len(best)
        found, wanted = found + len(set(best) & set(narrowed)), wanted + len(best)
    assert found >= 0.95 * wanted


def test_what_is_far_from_the_question_is_found_too(
    grown: tuple[CollectionIndex, list[IndexEntry]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The graph is asked in vain; what passes is compared then."""
    index, held = grown
    monkeypatch.setattr(collection, "COMPARED_MAX", 0)
    monkeypatch.setattr(collection, "_WANTED_MAX", 20)
    far = Sieve(after=9, types=frozenset({DocumentType.PDF}))
    passing = {entry.passage_id for entry in held if far.passes(entry.facets)}
    assert set(index.search_dense(unit(1, seed=3)[0], EVERYTHING, far)) == passing != set()


def test_what_passes_nothing_finds_nothing(grown: tuple[CollectionIndex, list[IndexEntry]]) -> None:
    index, _ = grown
    for sieve in (Sieve(after=100), Sieve(folders=frozenset({"unknown"}))):
        assert index.search_dense(unit(1)[0], 10, sieve) == {}
        assert index.search_lexical("apple pear plum fig", 10, sieve) == {}


def test_a_graph_without_its_compact_vectors_is_not_taken(grown: tuple[CollectionIndex, list[IndexEntry]]) -> None:
    index, _ = grown
    index.grow(index.folder / "larger", lambda: False)
    (index.folder / "larger" / "compact").write_bytes(b"cut")
    with pytest.raises(IndexUnavailable, match="made anew"):
        index.take_graph(index.folder / "larger", "larger")
