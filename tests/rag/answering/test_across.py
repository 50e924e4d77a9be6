"""A sentence stands on a passage of another language that means it and has its numbers, dates, names and denials."""

from collections.abc import Callable, Sequence
from typing import Never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.alignment import Alignment
from rag.answering.answer import Doubt, Language, Support
from rag.documents import RankedPassage
from tests.rag.answering.bilingual import Bilingual

MakeRanked = Callable[..., RankedPassage]
Check = Callable[..., Support]

QUESTION = "Combien d'heures de congé un salarié peut-il reporter ?"
CARRIED = "The employee can carry 240 hours of annual leave to the year."
LEAVE = f"Ask before the cat sleeps in the garden. {CARRIED} The office is what we close."
SAID = "Le salarié peut reporter {} heures de congé annuel sur l'année."


class Unasked:
    """Nobody may ask it."""

    def embed_meanings(self, texts: Sequence[str]) -> Never:
        raise AssertionError(texts)


@pytest.fixture
def check(ranked: MakeRanked) -> Check:
    def run(text: str, *passages: str, question: str = QUESTION) -> Support:
        read = [ranked(passage, name=f"d{place}", title="") for place, passage in enumerate(passages)]
        return Alignment(read, question, Language.FRENCH, Bilingual()).check(text)

    return run


def test_a_sentence_is_cited_with_the_verbatim_sentence_that_means_it(check: Check) -> None:
    found = check(SAID.format(240), "We close the office.", LEAVE)
    (cite,) = found.citations
    assert not found.why
    assert (cite.n, cite.quote) == (2, CARRIED)
    assert LEAVE[cite.start : cite.end] == cite.quote


def test_without_meanings_it_stands_on_nothing(ranked: MakeRanked) -> None:
    assert not Alignment([ranked(LEAVE)], QUESTION, Language.FRENCH).check(SAID.format(240)).citations


def test_within_one_language_vectors_are_never_asked(ranked: MakeRanked) -> None:
    passages = [
        ranked("Les salariés sont au bureau. Le chat dort dans le jardin.", title=""),
        ranked("12 | 13", title=""),
    ]
    plain = Alignment(passages, QUESTION, Language.FRENCH)
    across = Alignment(passages, QUESTION, Language.FRENCH, Unasked())
    for text in (SAID.format(240), "Le chat dort dans le jardin.", "Le chat ne dort pas dans le jardin.", "12"):
        assert across.check(text) == plain.check(text)
    assert across.nearest_meant(SAID) is None


def test_what_words_support_is_not_asked_of_vectors(ranked: MakeRanked) -> None:
    french = "Le salarié peut reporter 240 heures de congé annuel sur l'année."
    aligned = Alignment([ranked(LEAVE), ranked(french, name="fr")], QUESTION, Language.FRENCH, Unasked())
    (cite,) = aligned.check(french).citations
    assert cite.quote == french


@given(number=st.integers(0, 10**6))
def test_no_number_that_the_sentence_lacks_is_ever_supported(ranked: MakeRanked, number: int) -> None:
    aligned = Alignment([ranked(LEAVE)], QUESTION, Language.FRENCH, Bilingual())
    assert bool(aligned.check(SAID.format(number)).citations) == (number == 240)


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ("quatre semaines", "four weeks"),
        ("1 234,5 heures", "1,234.5 hours"),
        ("12 semaines", "twelve weeks"),
        ("le 3 mars 2021", "March 3, 2021"),
        ("40 heures", "40 annual leave hours"),
    ],
)
def test_numbers_and_dates_are_the_same_in_the_forms_of_either_language(check: Check, said: str, held: str) -> None:
    text = "Le salarié peut reporter son congé annuel au bureau : {}."
    passage = "The cat sleeps in the garden. The employee can carry annual leave to the office: {}."
    assert check(text.format(said), passage.format(held)).citations
    assert not check(text.format(said), passage.format("nothing more")).citations


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        (SAID.format(240).replace("peut reporter", "ne peut pas reporter"), Doubt.NEGATION),
        (SAID.format(240).replace("sur l'année", "sur l'année à Marseille"), Doubt.NAME),
        (SAID.format(340), Doubt.NUMBER),
    ],
)
def test_what_vectors_may_overlook_is_compared_strictly(check: Check, text: str, doubt: Doubt) -> None:
    found = check(text, LEAVE)
    assert not found.citations
    assert doubt in {why.doubt for why in found.why}


def test_an_opposite_in_the_other_language_is_the_contrary(check: Check) -> None:
    at_most = "The cat sleeps. The employee can carry at most 240 hours of annual leave to the year."
    assert check(SAID.format("au plus 240"), at_most).citations
    assert not check(SAID.format("au moins 240"), at_most).citations


def test_one_of_several_numbers_of_a_kind_is_not_told_apart(check: Check) -> None:
    both = "The cat sleeps. The employee can carry 240 hours of annual leave to the year, or 360 hours."
    assert not check(SAID.format(240), both).citations
    assert check("Le salarié peut reporter 240 heures ou 360 heures de congé annuel sur l'année.", both).citations


def test_two_sentences_as_near_support_nothing(check: Check) -> None:
    text = "Le salarié peut reporter le congé annuel sur l'année."
    own, rival = (
        "The employee can carry annual leave to the year.",
        "The year can carry the annual leave of an employee.",
    )
    assert check(text, own).citations
    assert check(text, f"{own} {own}").citations  # the same sentence is no rival of itself
    assert not check(text, f"{own} {rival}").citations


def test_another_sentence_with_the_same_measure_is_no_rival(check: Check) -> None:
    rival = "The year can carry the annual leave of an employee: 240 hours."
    assert check(SAID.format(240), f"{CARRIED} {rival}").citations
    assert not check(SAID.format(240), f"{CARRIED} {rival.replace('240', '250')}").citations


def test_a_unit_away_from_its_number_is_its_unit(check: Check) -> None:
    away = CARRIED.replace("240 hours of annual leave", "240 annual leave hours")
    assert check(SAID.format(240), f"{away} We close. Now the cat sleeps 240 hours in the garden.").citations
    without = CARRIED.replace("240 hours of annual leave", "240 annual leave")
    assert not check(SAID.format(240), f"{without} We close. Now the cat sleeps 240 hours in the garden.").citations


def test_a_number_beside_the_sentence_counts_unless_that_has_another_of_its_kind(check: Check) -> None:
    beside = "The employee can carry annual leave to the year. {} The cat sleeps."
    text = SAID.format(240)
    (cite,) = check(text, beside.format("These are 240 hours.")).citations
    assert cite.quote.endswith("These are 240 hours.")
    other = CARRIED.replace("240", "360")
    assert not check(text, f"{other} These are 240 hours. The cat sleeps.").citations


def test_so_few_words_mean_nothing(check: Check) -> None:
    assert not check("Le congé annuel.", "Annual leave. The cat sleeps.").citations


def test_a_question_in_the_passage_says_nothing(check: Check) -> None:
    assert not check(SAID.format(240), CARRIED.replace(".", "?")).citations


def test_what_question_and_draft_mean_is_quoted_with_what_follows_a_heading(ranked: MakeRanked) -> None:
    draft = SAID.format(999)
    aligned = Alignment([ranked(LEAVE)], "", Language.FRENCH, Bilingual())
    cite = aligned.nearest_meant(draft)
    assert cite is not None
    assert cite.quote == CARRIED
    assert aligned.nearest_meant("Le salarié peut reporter le congé.") is None
    headed = "Annual leave of the employee\nIt may be more. The cat sleeps."
    under = Alignment([ranked(headed)], "Congé annuel du salarié", Language.FRENCH, Bilingual()).nearest_meant("")
    assert under is not None
    assert under.quote == "Annual leave of the employee\nIt may be more."


def test_sentences_are_embedded_once_and_when_they_are_needed(ranked: MakeRanked) -> None:
    meanings = Bilingual()
    aligned = Alignment([ranked(LEAVE)], QUESTION, Language.FRENCH, meanings)
    assert not meanings.embedded
    for number in (240, 340):
        aligned.check(SAID.format(number))
    assert len(meanings.embedded) == 3 + 2
