"""Bytes become the letters that were meant, and only those a reader sees."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.parsing.encoding import clean, decode

FRENCH = "L’été dernier, la société a reçu 12 € à Noël — œuvre signée."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_french_is_read_in_the_encodings_that_offices_write(encoding: str) -> None:
    assert decode(FRENCH.encode(encoding)).removeprefix("\ufeff") == FRENCH


def test_another_alphabet_in_one_byte_is_not_taken_for_french() -> None:
    russian = "Отпуск составляет двадцать восемь календарных дней в год для каждого сотрудника компании. " * 3
    assert decode(russian.encode("cp1251")) == russian


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("con\u200bfi\u2060den\u00adtial", "confidential"),
        ("pay \u202eTRAF\u202c now", "pay TRAF now"),
        ("note\U000e0049\U000e0067", "note"),
        ("e\u0301te\u0301", "été"),
        ("\ufb01n de l\u2019\u0153uvre", "fin de l’œuvre"),
        ("a" + "\u0301" * 50, "á" + "\u0301" * 2),
        ("a\x00b\x08c\ud800", "abc"),
        (" two\u00a0\n words ", "two words"),
    ],
)
def test_what_a_reader_cannot_see_is_dropped(written: str, seen: str) -> None:
    assert clean(written) == seen


@given(st.text())
def test_cleaned_text_is_composed_and_cleaning_it_again_changes_nothing(text: str) -> None:
    cleaned = clean(text)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == clean(cleaned)
    cleaned.encode()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\ufeff")))
def test_utf8_is_read_as_it_was_written(text: str) -> None:
    assert decode(text.encode()) == text
