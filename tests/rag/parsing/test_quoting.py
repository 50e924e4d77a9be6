"""A quote is found among letters whatever became of spaces, hyphens, ligatures and accents, and where it is meant."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.parsing.quoting import Letter, find, folded

PAGE = "The ﬁnal oﬃce closes at 18:00. Ten-\nants pay « 40 % » of 1 200 €. The office closes early."


def letters(text: str) -> list[Letter]:
    return [Letter(place, character, float(place), 0.0) for place, character in enumerate(text)]


def found(quote: str, text: str = PAGE, share: float = 0.0) -> str:
    return "".join(letter.character for letter in find(quote, letters(text), lambda at, _: abs(at - share)))


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        ("final office closes", "ﬁnal oﬃce closes"),
        ("Tenants pay", "Ten-\nants pay"),
        ("TENANTS  PAY", "Ten-\nants pay"),
        ("40 %", "40 %"),
        ("« 40 % »", "« 40 % »"),
        ("of 1200 €.", "of 1 200 €."),
        ("closes at 18:00", "closes at 18:00"),
        ("closes at 19:00", ""),
        ("%", ""),
        ("", ""),
    ],
)
def test_a_quote_is_found_from_its_first_sign_to_its_last(quote: str, expected: str) -> None:
    assert found(quote) == expected


def test_of_two_places_the_nearer_one_is_meant() -> None:
    assert found("office closes", share=0.0) == "oﬃce closes"
    assert found("office closes", share=1.0) == "office closes"


def test_letters_with_their_accents_apart_are_the_same_letters() -> None:
    assert found("congés payés", unicodedata.normalize("NFD", "Les congés payés.")) != ""


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=60))
def test_what_stands_there_is_found_and_holds_the_same_letters(before: str, quote: str, after: str) -> None:
    inside = find(quote, letters(before + quote + after), lambda share, _: share)
    words, places = folded("".join(letter.character for letter in inside))
    assert folded(quote)[0] in words
    assert len(words) == len(places)
