"""What a translation shares with its original: numbers, dates and names; what it may write otherwise is not told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answering.answer import Doubt, Language, Why
from rag.tasks.fidelity import Fidelity, Vocabulary, fidelity

BUDGET = "Le budget est de 1 250,5 euros pour 12 personnes."
DOCUMENT = Vocabulary.of(
    [
        "Le travail est défini par le code. Une demande est faite par Martin.",
        "L'assurance est payée, la sécurité aussi, et le conseil est saisi.",
    ]
)


def told(original: str, text: str, language: Language = Language.ENGLISH) -> tuple[list[str], list[str]]:
    found = fidelity(original, text, language, DOCUMENT)
    assert found.is_alike
    return [why.text for why in found.added], [why.text for why in found.lost]


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("The budget is 1,250.5 euros for 12 people.", True),
        ("The budget is 1,250 euros for 12 people.", False),
        ("The budget is 1,250.5 euros for 12 people in 2025.", False),
        ("The budget is 1,250.5 euros for people.", False),
        ("Le budget est de 1 250,5 euros pour 12 personnes.", False),
        ("1250.5 12", False),
        ("", False),
    ],
)
def test_a_translation_has_the_language_the_length_and_the_figures(text: str, is_it: bool) -> None:
    assert fidelity(BUDGET, text, Language.ENGLISH).is_whole is is_it


@pytest.mark.parametrize(
    ("original", "text", "added", "lost"),
    [
        ("Il y a 25 jours.", "There are 25 days.", [], []),
        ("Il y a 25 jours.", "There are 26 days.", ["26"], ["25"]),
        ("Il y a vingt jours pour 3 agents.", "There are 20 days.", [], ["3"]),
        ("C'est dû le 3 mars 2024.", "It is due on March 3, 2024.", [], []),
        ("C'est dû le 3 mars 2024.", "It is due on 4 March 2024.", ["4 March 2024"], ["3 mars 2024"]),
        ("C'est dû le 3 mars 2024.", "It is due soon, I believe.", [], ["3 mars 2024"]),
        ("C'est dû bientôt, à la banque.", "It is due on 4 March 2024.", ["4 March 2024"], []),
        ("Ouvert de 9 h à 17 h 30.", "Open from 9 am to 5:30 pm.", [], []),
        ("Ouvert de 9 h à 17 h 30.", "Open from 9 am to 6:30 pm.", ["6"], ["17"]),
    ],
)
def test_numbers_and_dates_that_one_has_and_the_other_has_not_are_told(
    original: str, text: str, added: list[str], lost: list[str]
) -> None:
    assert told(original, text) == (added, lost)


@pytest.mark.parametrize(
    ("original", "text", "added", "lost"),
    [
        ("Le bureau de Mme Dupont est à Nantes.", "Mrs Dupont's office is in Nantes.", [], []),
        ("Le bureau de Mme Dupont est à Nantes.", "Mrs Dupond's office is in Nantes.", ["Dupond"], ["Dupont"]),
        ("Le bureau de Mme Dupont est à Nantes.", "Mrs Dupont's office is in the town.", [], ["Nantes"]),
        ("Le bureau est à Nantes.", "The office is in Lyon.", ["Lyon"], ["Nantes"]),
        ("La demande est signée par le chef.", "The request is signed by Lefebvre.", ["Lefebvre"], []),
        ("La demande est signée.", "The request is signed by Mr John Smith.", ["John", "Smith"], []),
        ("Martin signe la demande du jour.", "Durand signs the request of the day.", [], ["Martin"]),
        ("Le fichier est tenu par la CNIL.", "The file is held by the authority.", [], ["CNIL"]),
        ("Le fichier est tenu par la CNIL.", "The file is held by the CNIS.", ["CNIS"], ["CNIL"]),
        ("Le RGPD est appliqué en France.", "The GDPR is applied in France.", [], []),
    ],
)
def test_names_that_one_has_and_the_other_has_not_are_told(
    original: str, text: str, added: list[str], lost: list[str]
) -> None:
    assert told(original, text) == (added, lost)


@pytest.mark.parametrize(
    ("original", "text", "language"),
    [
        ("Le ministère du Travail répond à la demande.", "The Ministry of Labour answers the request.", "en"),
        ("Le code du travail est appliqué.", "The Labour Code is applied.", "en"),
        ("Le Conseil est saisi de la demande.", "The Council has the request before it.", "en"),
        ("L'Assurance et la Sécurité sont payées.", "Health Insurance and Security are paid for.", "en"),
        ("The Council of State has answered this.", "Le Conseil d'État a répondu à cela.", "fr"),
    ],
)
def test_names_that_are_translated_are_not_told(original: str, text: str, language: str) -> None:
    assert told(original, text, Language(language)) == ([], [])


def test_what_is_told_names_its_kind() -> None:
    found = fidelity("M. Paul paie 3 euros le 2 mai 2024.", "Mr Jean pays 4 euros on 5 May 2024.", Language.ENGLISH)
    kinds = [Doubt.NUMBER, Doubt.DATE, Doubt.NAME]
    assert [why.doubt for why in found.added] == kinds
    assert [why.doubt for why in found.lost] == kinds
    assert found.is_alike
    assert Fidelity((), (Why(Doubt.NAME, "Paul"),), is_alike=True).is_whole is False


@settings(deadline=None)
@given(number=st.integers(2, 10**6), other=st.integers(2, 10**6))
def test_another_figure_is_never_faithful(number: int, other: int) -> None:
    original, text = f"Il y a {number} jours dans le mois.", f"There are {other} days in the month."
    assert fidelity(original, text, Language.ENGLISH).is_whole is (number == other)
