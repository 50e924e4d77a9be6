"""An old Office file says its title and when it was saved."""

from hypothesis import given

from rag.parsing.compound import about
from tests.rag.parsing.damage import SOME, damaged
from tests.rag.parsing.test_old_workbook import BOOK, PRICES


def test_title_and_date_come_in_the_encoding_that_the_file_names() -> None:
    title, modified = about(PRICES)
    assert (title, str(modified)) == ("Prix du verger", "2026-11-26 05:39:22+00:00")


def test_a_file_that_says_nothing_or_is_none_gives_nothing() -> None:
    for data in (BOOK, b"", b"words", PRICES[:600]):
        assert about(data) == ("", None)


@SOME
@given(damaged(PRICES))
def test_a_damaged_file_says_something_or_nothing(data: bytes) -> None:
    title, _ = about(data)
    assert isinstance(title, str)
