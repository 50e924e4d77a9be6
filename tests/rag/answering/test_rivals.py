"""A number is told from the others of its passage by the words of the answer and of the question that stand near it."""

from collections.abc import Callable

import pytest

from rag.answering.alignment import Alignment
from rag.answering.answer import Doubt, Language, Why
from rag.documents import RankedPassage

MakeRanked = Callable[..., RankedPassage]

PROSE = "Details last for 120 days. The detail can be extended, and then it takes 240 days in all."
TURBINE = "This gives a theoretical Carnot efficiency of about 63% compared with an actual efficiency of 42% for coal."
CELLS = (
    "Unbilled revenues; December 31, 2019: 31,629; December 31, 2018: 12,653\n"
    "Other receivables; December 31, 2019: 6,665; December 31, 2018: 8,620"
)
PIPES = (
    "| Work week | Billable time | Non-billable time |\n| --- | --- | --- |\n"
    "| 5 days | 32 hours (80% of 40 hours) | 8 hours |\n| 3 days | 19 hours (80% of 24 hours) | 5 hours |"
)
PICTURE = "Years Ended 2019 2018 2017 Service-Based $2,207 $2,036 $1,762 Cash-settled 255 131 72 awards Total $5,015"
OFFICE = "La réserve a été créée en 1991. La gestion du site est assurée depuis 1996 par l'Office national des forêts."


def is_supported(passage: RankedPassage, question: str, answer: str, language: Language = Language.ENGLISH) -> bool:
    return bool(Alignment([passage], question, language).check(answer).citations)


@pytest.mark.parametrize(
    ("text", "question", "right", "wrong"),
    [
        (PROSE, "How long does a detail last?", "A detail lasts for 120 days.", "A detail lasts for 240 days."),
        (
            TURBINE,
            "What is a turbine's theoretical Carnot efficiency?",
            "The theoretical Carnot efficiency is about 63%.",
            "The theoretical Carnot efficiency is about 42%.",
        ),
        (CELLS, "How much are the other receivables at December 31, 2019?", "6,665", "31,629"),
        (CELLS, "How much are the other receivables at December 31, 2019?", "6,665", "8,620"),
        (
            PIPES,
            "How many non-billable hours remain for a person working three days?",
            "There are 5 non-billable hours for a person working three days.",
            "There are 8 non-billable hours for a person working three days.",
        ),
        (PICTURE, "What was the amount of cash-settled awards in 2019?", "$255", "$131"),
        (PICTURE, "What was the amount of cash-settled awards in 2019?", "$255", "$2,207"),
        (PICTURE, "What was the amount of cash-settled awards in 2018?", "$131", "$255"),
    ],
)
def test_another_figure_of_the_passage_is_not_supported(
    ranked: MakeRanked, text: str, question: str, right: str, wrong: str
) -> None:
    assert is_supported(ranked(text), question, right)
    assert not is_supported(ranked(text), question, wrong)


def test_a_number_of_the_question_is_not_exchanged_for_another_of_the_passage(ranked: MakeRanked) -> None:
    question = "Qui gère la réserve depuis 1996 ?"
    assert is_supported(ranked(OFFICE), question, "L'Office national des forêts gère la réserve depuis 1996.")
    wrong = Alignment([ranked(OFFICE)], question, Language.FRENCH)
    assert wrong.check("L'Office national des forêts gère la réserve depuis 1991.").why == (Why(Doubt.NUMBER, "1991"),)


def test_a_number_of_the_question_in_another_unit_is_no_number_of_the_question(ranked: MakeRanked) -> None:
    text = "A person who works four days has 6.5 hours of billable time. Guilds are given 4 hours to support leaders."
    question = "How many billable hours has a person who works four days?"
    assert is_supported(ranked(text), question, "6.5 hours")
    assert not is_supported(ranked(text), question, "4 hours")


def test_the_header_of_a_column_that_is_in_another_passage_does_not_count_against_a_cell(ranked: MakeRanked) -> None:
    split = [
        ranked("(In millions); December 31,: 2019; 2018\nTotal segments; December 31,: $ 4,760.7; $ 4,188.2", name="r"),
        ranked("Total; December 31,: $ 5,765.2; $ 5,050.2", name="r"),
    ]
    assert Alignment(split, "What is the total for year 2019?", Language.ENGLISH).check("$5,765.2").citations


def test_a_second_figure_of_the_sentence_keeps_its_own_place(ranked: MakeRanked) -> None:
    text = "The Bronx has a land area of 42 square miles (109 km). The county has an area of 57 square miles (150 km)."
    assert is_supported(
        ranked(text), "How large is the Bronx?", "The Bronx has a land area of 42 square miles (109 km)."
    )
