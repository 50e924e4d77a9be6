"""Places stay what they are, whatever is made of the letters."""

from hypothesis import given
from hypothesis import strategies as st

from rag.personal.narrowing import narrowed


@given(st.text())
def test_each_character_stays_one(text: str) -> None:
    assert len(narrowed(text)) == len(text)


def test_blanks_dashes_and_digits_become_those_of_ascii() -> None:
    assert narrowed("a\u00a0\u202f\u2009\u200b\u00ad-\u2011\u2013\uff11\u0661\uff20\ufb01") == "a     ---11@\ufb01"
