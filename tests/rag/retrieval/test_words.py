"""Words compare as people type them: without accents, in either language, with numbers whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.answer import Language
from rag.retrieval.words import content_words, fold, language_of, query_words, spoken


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("conges payes combien de jours", Language.FRENCH),
        ("qui est le DPO", Language.FRENCH),
        ("Peut-on filmer depuis le ciel ?", Language.FRENCH),
        ("télétravail", Language.FRENCH),
        ("how many days of leave", Language.ENGLISH),
        ("what is the DPO", Language.ENGLISH),
    ],
)
def test_a_few_words_tell_the_language(text: str, language: Language) -> None:
    assert spoken(text) is language


@pytest.mark.parametrize("text", ["", "RTT", "teletravail", "notice period", "12 %", "???"])
def test_words_that_tell_nothing_leave_the_language_open(text: str) -> None:
    assert spoken(text) is None
    assert language_of(text) is Language.ENGLISH


@pytest.mark.parametrize(
    ("typed", "written"),
    [("conges payes", "congés payés"), ("employe protege", "Employés protégés"), ("l'hopital", "hôpital")],
)
def test_accents_elisions_and_endings_do_not_matter_in_french(typed: str, written: str) -> None:
    assert content_words(typed, Language.FRENCH) == content_words(written, Language.FRENCH)


def test_stop_words_are_left_out() -> None:
    assert content_words("What is the leave of an employee?") == content_words("leave employee")


def test_compound_numbers_stand_whole_and_in_pieces() -> None:
    assert content_words("article L.312-1-3", Language.ENGLISH) == ["articl", "l31213", "l", "312", "1", "3"]


def test_a_hyphen_that_does_not_break_is_one() -> None:
    assert content_words("l'article L.312\u20111\u20113") == content_words("l'article L.312-1-3")


def test_a_word_of_open_language_is_looked_up_in_both() -> None:
    assert set(query_words("nationality")) >= {
        *content_words("nationality", Language.FRENCH),
        *content_words("nationality", Language.ENGLISH),
    }


@given(st.text(max_size=60))
def test_any_text_has_words_each_once(text: str) -> None:
    found = query_words(text)
    assert len(found) == len(set(found))
    assert fold(fold(text)) == fold(text)
