"""A date is the same in French, English and figures; what names less of it stands in what names more."""

import pytest

from rag.answering.dates import dates, is_in

FIRST_OF_2020 = ("1er janvier 2020", "January 1, 2020", "1 January 2020", "Jan. 1st, 2020", "01/01/2020", "2020-01-01")


@pytest.mark.parametrize("claimed", FIRST_OF_2020)
@pytest.mark.parametrize("held", FIRST_OF_2020)
def test_forms_of_one_date_are_equal(claimed: str, held: str) -> None:
    assert is_in(dates(f"On {claimed}.")[0], dates(f"le {held} ;")[0])


@pytest.mark.parametrize(
    ("claimed", "held", "is_there"),
    [
        ("mars 2021", "12 mars 2021", True),
        ("12 mars", "12 March 2021", True),
        ("12 mars 2021", "mars 2021", False),
        ("12 mars 2021", "13 mars 2021", False),
        ("12 mars 2021", "12 mars 2020", False),
        ("12 mars 2021", "12 mai 2021", False),
        ("4 mars 2021", "03/04/2021", True),
        ("2021-03-04", "3 avril 2021", False),
    ],
)
def test_a_part_of_a_date_stands_in_the_whole(claimed: str, held: str, is_there: bool) -> None:
    assert is_in(dates(claimed)[0], dates(held)[0]) is is_there


def test_a_year_that_a_date_leaves_out_may_be_written_above() -> None:
    assert is_in(dates("12 mars 2021")[0], dates("12 mars")[0], {2021})
    assert not is_in(dates("12 mars 2021")[0], dates("12 mars 2020")[0], {2021})


@pytest.mark.parametrize(
    "text", ["Section 2 may apply.", "March 3,200 units", "32/13/2020", "in 2020", "they march 5 km"]
)
def test_what_looks_like_a_date_is_none(text: str) -> None:
    assert dates(text) == ()
