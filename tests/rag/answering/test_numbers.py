"""Numbers compare by what they say, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.numbers import in_scales, is_same, numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 234 567,50 €", ["1234567.5 eur"]),
        ("1,234.50 or 1.234,5", ["1234.5", "1234.5"]),
        ("in 2019 234 units", ["2019", "234"]),
        ("68,9 % des codes", ["68.9 percent"]),
        ("article L.312-1-3", ["312", "1", "3"]),
        ("01/02 0,123", ["1", "2", "0.123"]),
        ("$3.5 million and 2 milliards d'euros", ["3500000 usd", "2000000000 eur"]),
        ("vingt-cinq jours, vingt et un mois, soixante-dix-sept ans", ["25 day", "21 month", "77 year"]),
        ("twenty-five days, two hundred people, three thousand euros", ["25 day", "200", "3000 eur"]),
        ("quatre-vingt-dix-neuf heures", ["99 hour"]),
        ("10 m² and 5 per cent, 5 pour cent", ["10", "5 percent", "5 percent"]),
        ("un million d'habitants", ["1000000"]),
        ("no number, one, un, une", []),
    ],
)
def test_numbers_compare_whatever_their_form(text: str, expected: list[str]) -> None:
    assert [f"{number.value:f} {number.unit}".strip() for number in numbers(text)] == expected


@pytest.mark.parametrize(
    ("claimed", "held", "same"),
    [
        ("twelve months", "12 mois", True),
        ("30 hours", "30 days", False),
        ("30", "30 days", True),
        ("12 %", "12 €", False),
        ("12 %", "12", True),
        ("12 %", "12 communes", False),
        ("$2018", "2018", False),
        ("$2018", "2,018", True),
        ("5 million", "5", False),
        ("5 million", "5,000,000", True),
        ("1,5 million", "1.5 million", True),
    ],
)
def test_a_unit_or_scale_that_differs_makes_another_number(claimed: str, held: str, same: bool) -> None:
    assert is_same(numbers(claimed)[0], numbers(held)[0]) is same


def test_a_table_in_thousands_holds_what_it_says_in_thousands() -> None:
    scales = in_scales("Revenue (in thousands of euros)")
    assert is_same(numbers("3.9 thousand")[0], numbers("3.9")[0], scales)
    assert not is_same(numbers("3.9 million")[0], numbers("3.9")[0], scales)


@pytest.mark.parametrize(
    "text", ["a new engine, un moteur neuf", "they seize it", "the two of them", "les deux parties"]
)
def test_words_that_need_be_no_number_are_not_firm(text: str) -> None:
    assert not any(number.is_firm for number in numbers(text))


@given(st.integers(0, 10**9))
def test_grouping_changes_nothing(value: int) -> None:
    forms = [f"{value}", f"{value:,}", f"{value:,}".replace(",", " "), f"{value:,}".replace(",", "\u202f")]
    assert {number.value for form in forms for number in numbers(form)} == {value}


@given(st.text())
def test_any_text_has_numbers_where_it_says(text: str) -> None:
    for number in numbers(text):
        assert text[number.start : number.end].strip()
