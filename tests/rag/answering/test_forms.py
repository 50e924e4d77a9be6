"""A number that the passage has is not said in any other form: part of a code, in the place of a year, twice."""

import pytest

from rag.answering.claims import claims, repeated
from rag.answering.forms import misread
from rag.answering.numbers import numbers

CODES = "Prévu par l'article L312‑1‑1 et l'article L. 312-1-2 du CRPA, et l'ordonnance n° 58-1100 du 17 novembre 1958."
BUILT = "It was built between 1192 and 1207 for 50 pounds, in the 10th and 11th centuries; 4 games to 1, 12 to 28 %."


def doubts(text: str, passage: str, question: str = "What is so?") -> list[str]:
    return [why.text for why in misread(text, claims(text), question, passage)]


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("L'article L312‑312‑2 prévoit l'inventaire.", CODES),
        ("L'article L312-1-3 prévoit l'inventaire.", CODES),
        ("L'ordonnance n° 1958-1100 les régit.", CODES),
        ("L'ordonnance n° 58-1958 les régit.", CODES),
        ("It was built in 50.", BUILT),
        ("In 50, it was built.", BUILT),
        ("By 28, it was built.", BUILT),
        ("It was built between 1207 and 1207.", BUILT),
        ("It was built between 1192 and 50.", BUILT),
        ("From the 10th to the 10th centuries.", BUILT),
        ("They won 4 games to 4.", BUILT),
        ("It is 1192-28%.", BUILT),
    ],
)
def test_a_number_in_another_form_is_doubted(text: str, passage: str) -> None:
    assert doubts(text, passage)


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("L'article L312-1-2 du CRPA le prévoit.", CODES),
        ("L'article L. 312-1-1 du CRPA le prévoit.", CODES),
        ("L'ordonnance n° 58‑1100 les régit.", CODES),
        ("It was built in 1192.", BUILT),
        ("It is so in 50 of 60 cases, and in 50 castles.", BUILT),
        ("It was built between 1192 and 1207.", BUILT),
        ("From the 10th to the 11th centuries.", BUILT),
        ("They won 4 games to 1, or 12-28%.", BUILT),
        ("Tuition for the 2012-13 school year was $38,000.", "For the 2012–13 school year tuition was $38,000."),
        ("It was fixed in 12.", "The size was fixed in 12."),
        ("Between 4 and 4 are needed.", "You need between 4 and 4."),
    ],
)
def test_a_number_in_the_form_of_the_passage_is_not(text: str, passage: str) -> None:
    assert doubts(text, passage) == []


@pytest.mark.parametrize(
    ("text", "question", "found"),
    [
        ("1930", "Combien de blessés y a-t-il eu le 15 juin 1930 ?", ["1930"]),
        ("2018", "How much is the other receivables?", ["2018"]),
        ("1930", "En quelle année, et combien de blessés ?", []),
        ("2500", "How many people came?", []),
        ("2600", "How many people came?", []),
        ("The network evolved into seven layers in the 1930s.", "How many layers are there?", []),
    ],
)
def test_a_year_is_no_answer_to_how_many(text: str, question: str, found: list[str]) -> None:
    passage = "Le 15 juin 1930, la panique fit 167 blessés. As of December 31, 2018: 7. 2500 people came. Guests: 2600."
    assert doubts(text, passage, question) == found


def test_a_number_said_twice_leaves_out_another_of_its_kind() -> None:
    rows = [numbers("The efficiency is 63% compared with 42% for a plant.")]
    assert [why.text for why in repeated(claims("It is 63% compared with 63%."), rows)] == ["63"]
    assert repeated(claims("It is 63% compared with 42%."), rows) == []
    assert repeated(claims("It is 63%, indeed 63%, compared with 42%."), rows) == []
