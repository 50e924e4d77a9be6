"""Columns let through what a document by itself comes through, and are the same when they are written and read."""

from hypothesis import given
from hypothesis import strategies as st

from rag.facets import DocumentType, Facets
from rag.index.facets import FacetColumns, FacetRow
from rag.retrieval.filters import Sieve

DAYS = st.none() | st.integers(-3, 3)
FOLDERS = st.sets(st.sampled_from(["aa", "bb", "cc"]))
TYPES = st.sampled_from([DocumentType.PDF, DocumentType.MAIL, DocumentType.OTHER])
FACETS = st.builds(Facets, st.just(""), DAYS, TYPES, FOLDERS.map(lambda held: tuple(sorted(held))))
SIEVES = st.builds(Sieve, DAYS, DAYS, st.frozensets(TYPES), FOLDERS.map(frozenset))


def columns(held: list[Facets]) -> FacetColumns:
    made = FacetColumns()
    for facets in held:
        made.add(facets)
    return made


@given(st.lists(FACETS), SIEVES)
def test_all_at_once_pass_as_each_does(held: list[Facets], sieve: Sieve) -> None:
    assert columns(held).passing(sieve).tolist() == [sieve.passes(facets) for facets in held]


@given(st.lists(FACETS, min_size=1), FACETS, SIEVES)
def test_what_changed_passes_as_it_is_now(held: list[Facets], fresh: Facets, sieve: Sieve) -> None:
    made = columns(held)
    assert made.change(0, fresh) == (fresh != held[0])
    assert made.passing(sieve).tolist() == [sieve.passes(facets) for facets in (fresh, *held[1:])]


@given(st.lists(FACETS), SIEVES)
def test_they_are_the_same_read_again(held: list[Facets], sieve: Sieve) -> None:
    made = columns(held)
    again = FacetColumns(*made.encoded())
    assert again.encoded() == made.encoded()
    assert again.passing(sieve).tolist() == made.passing(sieve).tolist()


def test_a_type_of_another_release_is_another_type() -> None:
    made = FacetColumns([FacetRow(None, "hologram", 0)], [[]])
    assert made.passing(Sieve(types=frozenset({DocumentType.OTHER}))).tolist() == [True]
