"""Sentences end where a reader ends them, and offsets are exact."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("M. Durand signe. Mme Roy part.", ["M. Durand signe.", "Mme Roy part."]),
        ("L'art. 5 s'applique. Voir p. 3 aussi.", ["L'art. 5 s'applique.", "Voir p. 3 aussi."]),
        ("It costs 3.50 dollars. Fine.", ["It costs 3.50 dollars.", "Fine."]),
        ("Il dit : « Non. » Puis il part.", ["Il dit : « Non. »", "Puis il part."]),
        ("first row\nsecond row", ["first row", "second row"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_are_those_a_reader_sees(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in split_sentences(text)] == expected


@given(st.text(alphabet="aB. !?\n»”)«éÀ1", max_size=80))
def test_every_letter_is_in_one_sentence_and_the_order_holds(text: str) -> None:
    spans = split_sentences(text)
    assert "".join("".join(text[start:end] for start, end in spans).split()) == "".join(text.split())
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
