"""A phone number that exists is found in the ways French people write it, and abroad with its country in front."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import is_valid_number, parse

from rag.personal.finding import find
from rag.personal.phones import REGIONS


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in find(text) if span.kind == "phone"]


@pytest.mark.parametrize(
    "number",
    [
        "0612345678",
        "06 12 34 56 78",
        "01.53.73.22.22",
        "01-53-73-22-22",
        "01/53/73/22/22",
        "06\u00a012\u202f34 56 78",
        "\uff10\uff16 12 34 56 78",
        "0 805 805 817",
        "0800 123 456",
        "+33612345678",
        "+33 6 12 34 56 78",
        "+33 (0)6 12 34 56 78",
        "0033 6 12 34 56 78",
        "0262 12 34 56",
        "+33 (0)5 90 30 86 87",
        "+44 20 7946 0958",
        "+1 (202) 456-1111",
        "+41 44 668 18 00",
    ],
)
def test_a_number_is_found_as_it_is_written(number: str) -> None:
    assert found(f"Tél. : {number}, le matin") == [number]


@pytest.mark.parametrize(
    "text",
    [
        "01.02.2024 12",
        "le 01 02 2024 à 12 h",
        "0012345678",
        "00 12 34 56 78",
        "10612345678",
        "0,06 12 34 56",
        "version 3.0612345678",
        "+999 12 34 56 78",
        "+33 1 23",
        "2061234567",
    ],
)
def test_what_is_none_is_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Call us at (202) 456-1111.",
        "Phone: 202-456-1111",
        "My telephone number is 202.456.1111x204, ask for Ada",
        "Téléphone : 022 379 71 11",
        "Tél. 08-506 123 00",
        "vous pouvez nous joindre au 022 379 71 11",
    ],
)
def test_a_number_without_its_country_is_found_after_a_word_that_says_what_it_is(text: str) -> None:
    number = text[next(place for place, letter in enumerate(text) if letter in "(0123456789") :]
    assert found(text) == [number.partition(",")[0].rstrip(".")]


@pytest.mark.parametrize(
    "text",
    [
        "Account 202-456-1111",
        "Call me. Account: 202-456-1111",
        "Call before 2024-05-01",
        "Appeler avant le 01.05.2024",
        "A call option of 10 000 000 euros",
        "a mobile home for 1 250 000 $",
        "phone 12345",
        "phonetics 202-456-1111",
        "call 202-456-1111-2222-3333-4444",
    ],
)
def test_digits_that_no_word_says_to_be_a_phone_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_two_side_by_side_are_two() -> None:
    assert found("06 12 34 56 78 01 53 73 22 22") == ["06 12 34 56 78", "01 53 73 22 22"]
    assert found("0612345678,0153732222") == ["0612345678", "0153732222"]


def test_what_follows_a_number_from_abroad_is_not_read_with_it() -> None:
    assert found("+44 20 7946 0958 12 items") == ["+44 20 7946 0958"]
    assert found("+44 20 7946 0958x12") == ["+44 20 7946 0958"]


@given(st.integers(0, 99_999_999), st.sampled_from([" ", ".", "-", ""]), st.sampled_from(["0", "+33 ", "+33 (0)"]))
def test_every_mobile_number_is_found(number: int, gap: str, country: str) -> None:
    digits = f"{number:08}"
    written = f"{country}6{gap}" + gap.join(digits[at : at + 2] for at in range(0, 8, 2))
    is_one = any(is_valid_number(parse(f"06{digits}", region)) for region in REGIONS)
    assert found(f"voir le {written} demain") == ([written] if is_one else [])
