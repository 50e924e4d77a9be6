"""What is worked out from a table's row, and what is left alone because something is in doubt."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from rag.answering.answer import Language
from rag.answering.arithmetic import worked_out
from rag.answering.tabular import amount, rows
from rag.documents import RankedPassage

MakeRanked = Callable[..., RankedPassage]
TABLE = """Revenue by region
Total revenue; Year ended 2019: $3,037,000; Year ended 2018: $22,106,000
Licence revenue; Year ended 2019: 2,907; Year ended 2018: (3,086)
Deposits; Year ended 2019: 2,338; Year ended 2018: 1,975
Other; Year ended 2019: ―; Year ended 2018: 6,320
30 June: Net receivables; Current: 23,524; Past due: 4,055; Total: 27,579"""
FRENCH = "Chiffre d'affaires; 2023: 1 250,5; 2022: 1 000,0\nEffectif; 2023: 120; 2022: 100"


def written(question: str, passages: list[RankedPassage], language: Language = Language.ENGLISH) -> str:
    found = worked_out(question, passages, language)
    return found.text if found else ""


@pytest.mark.parametrize(
    ("question", "draft"),
    [
        (
            "What is the percentage change of total revenue from 2018 to 2019?",
            "Total revenue: $22,106,000 (Year ended 2018), $3,037,000 (Year ended 2019). "
            "The change is -19,069,000, that is -86.26%.",
        ),
        (
            "What was the change in licence revenue between 2019 and 2018?",
            "(3,086) (Year ended 2018), 2,907 (Year ended 2019). The change is 5,993, that is 194.20%.",
        ),
        ("What are the total deposits in 2018 and 2019?", "The total is 4,313."),
        ("What is the average amount of deposits for 2018 and 2019?", "The average is 2,156.5."),
        ("What is the difference between total net receivables and past due net receivables?", "difference is 23,524."),
        ("What percentage of net receivables is past due out of total?", "The first is 14.70% of the second."),
    ],
)
def test_what_the_question_and_one_row_make_plain_is_worked_out(ranked: MakeRanked, question: str, draft: str) -> None:
    assert written(question, [ranked(TABLE)]).endswith(draft)


def test_in_french_numbers_are_written_as_there(ranked: MakeRanked) -> None:
    draft = written(
        "Quelle est la variation du chiffre d'affaires entre 2022 et 2023 ?", [ranked(FRENCH)], Language.FRENCH
    )
    assert draft.endswith("L'écart est de 250,5, soit 25,05 %.")


@pytest.mark.parametrize(
    "question",
    [
        "What is the total revenue for 2019?",
        "What is the change in licence revenue between 2017 and 2019?",
        "What was the change in other between 2018 and 2019?",
        "What is the sum of deposits due on federal government contracts in towns for 2018 and 2019?",
        "What was the change in profit between 2018 and 2019?",
        "Who signs deposits in 2018 and 2019?",
    ],
)
def test_what_leaves_doubt_is_not(ranked: MakeRanked, question: str) -> None:
    assert written(question, [ranked(TABLE)]) == ""


def test_two_rows_of_one_label_that_say_different_things_are_a_doubt(ranked: MakeRanked) -> None:
    text = "Deposits; 2019: 5; 2018: 4\nDeposits; 2019: 7; 2018: 1"
    assert written("What is the change in deposits from 2018 to 2019?", [ranked(text)]) == ""


def test_of_two_columns_of_a_year_the_one_of_the_same_day_is_taken(ranked: MakeRanked) -> None:
    text = "Taxes; December 31, 2019: 36,821; December 31, 2018: 3,774; January 1, 2018: 832"
    assert written("What is the average taxes for 2018 and 2019?", [ranked(text)]).endswith("The average is 20,297.5.")


def test_a_row_of_another_document_is_not_read(ranked: MakeRanked) -> None:
    found = [ranked("Nothing here.", name="a"), ranked(TABLE, name="b")]
    assert written("What is the change in deposits from 2018 to 2019?", found) == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$ 1,997.8", "1997.8"),
        ("(17.0)", "-17.0"),
        ("-228", "-228"),
        ("1 250,5", "1250.5"),
        ("1.234.567,8", "1234567.8"),
        ("0,123", "0.123"),
        ("$130,000 (1)", "130000"),
        ("18%", "18"),
    ],
)
def test_amounts_are_read_as_both_languages_write_them(text: str, value: str) -> None:
    assert amount(text) == Decimal(value)


@pytest.mark.parametrize("text", ["—", "", "NM", "2018 - 2019", "(17", "about 5", "12/03"])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert amount(text) is None


def test_a_row_of_years_names_the_columns_under_a_wide_header() -> None:
    text = "(In millions); December 31,: 2019; 2018\nFood; December 31,: 1,997.8; 1,914.4"
    (row,) = rows(text)
    assert [(cell.header, cell.text) for cell in row.cells] == [
        ("December 31, 2019", "1,997.8"),
        ("December 31, 2018", "1,914.4"),
    ]
    assert text[row.start : row.end].startswith("Food")
