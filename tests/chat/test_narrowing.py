"""What a person writes into the settings becomes a filter, and is said again in their language."""

from datetime import date

import pytest

from chat.narrowing import day_written, filter_told, read_written
from chat.texts import texts
from rag.answering.answer import Language
from rag.errors import FilterWrong
from rag.facets import DocumentType
from rag.retrieval.filters import Filter


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("", "", ""),
        (" 2024 ", "2024-01-01", "2024-12-31"),
        ("2/2024", "2024-02-01", "2024-02-29"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("05.03.2024", "2024-03-05", "2024-03-05"),
        ("5/3/2024", "2024-03-05", "2024-03-05"),
        ("2024-03-05", "2024-03-05", "2024-03-05"),
    ],
)
def test_a_day_is_written_as_people_do(written: str, first: str, last: str) -> None:
    assert (day_written(written, is_last=False), day_written(written, is_last=True)) == (first, last)


@pytest.mark.parametrize(
    "written", ["yesterday", "31/2/2024", "13/2024", "24", "0/2024", "1/1/1/2024", "2024-13", "٢٠٢٤x"]
)
def test_what_is_no_day_is_refused(written: str) -> None:
    with pytest.raises(FilterWrong):
        read_written({"after": written})


def test_the_fields_become_a_filter_and_missing_ones_nothing() -> None:
    settings = {"after": "2023", "before": "6/2024", "types": ["pdf"], "folders": "rh/congés; ;contrats", "more": 1}
    assert read_written(settings) == Filter(
        date(2023, 1, 1), date(2024, 6, 30), frozenset({DocumentType.PDF}), ("rh/congés", "contrats")
    )
    assert read_written({}) == read_written({"after": None, "types": None, "folders": ""}) == Filter()


def test_it_is_said_in_both_languages() -> None:
    within = Filter(date(2023, 1, 1), date(2024, 6, 30), frozenset({DocumentType.MAIL, DocumentType.PDF}), ("x" * 99,))
    folder = "x" * 60
    assert filter_told(within, texts(Language.ENGLISH)) == (
        f"from 1 January 2023, until 30 June 2024, PDF, Mail, folder {folder}"
    )
    assert filter_told(within, texts(Language.FRENCH)) == (
        f"à partir du 01/01/2023, jusqu'au 30/06/2024, PDF, Courriel, dossier {folder}"
    )


def test_each_type_has_a_name_of_its_own() -> None:
    for language in Language:
        names = texts(language)["types"]
        assert list(names) == [kind.value for kind in DocumentType]
        assert len(set(names.values())) == len(names)
