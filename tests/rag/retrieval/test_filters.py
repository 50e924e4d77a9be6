"""What a filter means: days, types and folders, read from plain values, and of documents as they lie."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from rag.documents import DocumentId, DocumentInfo
from rag.errors import FilterWrong
from rag.facets import DocumentType, Facets, day_of, facets_of, type_of
from rag.parsing.filetypes import MediaType
from rag.retrieval.filters import FOLDERS_MAX, Filter, read_filter
from security.identity import CollectionId

NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)
HELD = DocumentInfo(
    DocumentId("d"),
    CollectionId("c"),
    "RH/Congés payés/2024/règlement.pdf",
    "Règlement",
    MediaType.PDF,
    3,
    9,
    100,
    NOON,
    NOON,
)


def plain(folder: str) -> str:
    """A digest that is none: what lies under which name can be seen."""
    return folder.lower().replace("é", "e").strip("/").replace("\\", "/")


def passes(filter_: Filter, info: DocumentInfo = HELD) -> bool:
    return filter_.sieve(plain).passes(facets_of(info, plain))


def test_an_empty_filter_narrows_nothing() -> None:
    assert not Filter()
    assert not read_filter({"after": "", "before": None, "types": [], "folders": []})
    assert passes(Filter(), replace(HELD, modified_at=None))


@pytest.mark.parametrize(
    ("after", "before", "is_in"),
    [
        ("2024-03-05", None, True),
        ("2024-03-06", None, False),
        (None, "2024-03-05", True),
        (None, "2024-03-04", False),
        ("2024-03-05", "2024-03-05", True),
        ("1930-01-01", "2200-01-01", True),
    ],
)
def test_both_days_are_included(after: str | None, before: str | None, is_in: bool) -> None:
    assert passes(read_filter({"after": after, "before": before})) is is_in


def test_what_has_no_date_comes_through_no_bound_of_days() -> None:
    undated = replace(HELD, modified_at=None)
    assert not passes(Filter(after=date.min), undated)
    assert not passes(Filter(before=date.max), undated)
    assert passes(Filter(types=frozenset({DocumentType.PDF})), undated)


def test_a_day_is_that_of_the_moment_in_utc() -> None:
    late = datetime(2024, 3, 5, 23, tzinfo=timezone(timedelta(hours=-5)))
    assert day_of(late) == day_of(date(2024, 3, 6))
    assert day_of(date(1970, 1, 1)) == 0


def test_every_format_that_is_read_has_a_type() -> None:
    assert {kind for kind in MediaType if type_of(kind) is DocumentType.OTHER} == {MediaType.ZIP}
    assert type_of("application/x-hologram") is DocumentType.OTHER


@pytest.mark.parametrize(
    ("folder", "is_in"),
    [
        ("RH", True),
        ("rh/conges payes", True),
        ("RH/Congés payés/2024/", True),
        ("congés payés", True),
        ("2024", True),
        ("conges payes\\2024", True),
        ("RH/2024", False),
        ("R", False),
        ("règlement.pdf", False),
        ("congés", False),
    ],
)
def test_a_folder_is_named_by_any_of_its_parts_in_a_row(folder: str, is_in: bool) -> None:
    assert passes(read_filter({"folders": [folder]})) is is_in


def test_any_of_several_types_or_folders_will_do_and_each_kind_must() -> None:
    told = {"types": ["mail", "PDF"], "folders": ["sales", "rh"]}
    assert passes(read_filter(told))
    assert not passes(read_filter(told | {"types": ["mail"]}))
    assert not passes(read_filter(told | {"folders": ["sales"]}))


def test_a_folder_whose_name_identifies_somebody_is_told_by_what_readers_see_too() -> None:
    info = replace(HELD, path="clients/jean.dupont@example.org/a.txt")
    names = facets_of(info, plain).folders
    assert "clients/jean.dupont@example.org" in names
    assert len(names) == len(facets_of(replace(HELD, path="clients/x/a.txt"), plain).folders) + 2


def test_a_file_at_the_root_lies_in_no_folder_and_a_deep_one_in_few() -> None:
    assert facets_of(replace(HELD, path="a.pdf"), plain).folders == ()
    assert len(facets_of(replace(HELD, path=f"{'/'.join('abcdefghijklmnopqrstuv')}/a.pdf"), plain).folders) == 78


def test_it_is_told_as_it_is_read() -> None:
    told = {"after": "2024-01-01", "before": "2024-12-31", "types": ["mail", "pdf"], "folders": ["RH/2024"]}
    assert read_filter(told).told() == told
    assert read_filter(read_filter(None).told()) == Filter()


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"after": "05/03/2024"}, "expected a day as 2024-12-31"),
        ({"after": "2024-03-05", "before": "2024-03-04"}, "exchange them"),
        ({"types": ["hologram"]}, "expected one of pdf, text"),
        ({"folders": ["/"]}, "a folder is named by"),
        ({"folders": ["x" * 401]}, "a folder is named by"),
        ({"folders": [f"f{number}" for number in range(FOLDERS_MAX + 1)]}, "at most 20"),
        ({"colour": "red"}, "a filter has no 'colour'"),
    ],
)
def test_what_is_not_understood_is_said(told: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FilterWrong, match=sentence):
        read_filter(told)


def test_a_sieve_knows_no_folder_by_its_name() -> None:
    sieve = Filter(folders=("rh",)).sieve(lambda folder: folder[::-1])
    assert sieve.folders == {"hr"}
    assert sieve.passes(Facets("", folders=("hr",)))
