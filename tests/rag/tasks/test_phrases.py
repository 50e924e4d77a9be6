"""A phrase stands where a reader would say so: in any inflection, without accents, whatever stop words lie between."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.retrieval.words import language_of
from rag.tasks.phrases import Phrase


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("contrat de travail", "Les contrats de travail sont signés."),
        ("conge paye", "Les CONGÉS PAYÉS se reportent."),
        ("notice period", "The notice-period is a month."),
        ("télétravail", "Le télé-travail est permis."),
        ("spam mail", "About anti-spam mails."),
        ("e-mail address", "Your email address is kept."),
        ("art. 12", "See Art. 12 of the rules."),
    ],
)
def test_it_stands_there(phrase: str, text: str) -> None:
    assert Phrase.of(phrase).stands_in(text, language_of(text))


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("contrat de travail", "Le travail prévu au contrat."),
        ("notice period", "A notice of the trial period."),
        ("12 days", "There are 120 days."),
        ("of the", "Of the many, some."),
        ("", "Anything."),
    ],
)
def test_it_does_not_stand_there(phrase: str, text: str) -> None:
    assert not Phrase.of(phrase).stands_in(text, language_of(text))


def test_the_sentence_that_says_it_is_its_place() -> None:
    text = "Leave is granted. The notice period is a month. It may be less."
    start, end = Phrase.of("notice periods").place_in(text, language_of(text)) or (0, 0)
    assert text[start:end] == "The notice period is a month."


def test_a_phrase_that_is_cut_by_the_end_of_a_line_is_quoted_whole() -> None:
    text = "Leave is granted.\nThe notice\nperiod is a month."
    start, end = Phrase.of("notice period").place_in(text, language_of(text)) or (0, 0)
    assert text[start:end] == "The notice\nperiod is a month."


words = st.lists(
    st.sampled_from(["leave", "badge", "notice", "period", "contract", "days", "12", "anti-spam", "congé", "travail"]),
    min_size=1,
)


@settings(deadline=None)
@given(before=words, phrase=words, after=words)
def test_a_phrase_stands_in_whatever_holds_it(before: list[str], phrase: list[str], after: list[str]) -> None:
    text = " ".join((*before, *phrase, *after))
    found = Phrase.of(" ".join(phrase))
    assert found.stands_in(text, language_of(text))
    assert found.place_in(text, language_of(text)) is not None
