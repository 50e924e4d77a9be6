"""A number that stands nowhere is explained where the question asks for it and one passage holds what it comes from."""

import pytest

from rag.answering.computing import asked, operands
from rag.answering.numbers import numbers

ROWS = ["Item | 2019 | 2018", "Servicing fees | 3,901 | 2,321", "Sales of loans | 91,946 | 139,026"]


@pytest.mark.parametrize(
    ("question", "result", "expected"),
    [
        ("What was the change in servicing fees?", "1,580", ["3,901", "2,321"]),
        ("What was the percentage change in sales?", "33.86 %", ["91,946", "139,026"]),
        ("Quelle est la baisse des ventes en pourcentage ?", "33,9", ["91,946", "139,026"]),
        ("What is the total of 2019?", "95,847", ["3,901", "91,946"]),
        ("Quelle est la moyenne des ventes ?", "115,486", ["91,946", "139,026"]),
        ("What is the ratio of sales?", "1.51", ["139,026", "91,946"]),
        ("What was the change in servicing fees?", "1,581", []),
        ("What were the servicing fees?", "1,580", []),
        ("What was the change of the year?", "1", []),
    ],
)
def test_only_what_is_asked_for_and_comes_out_is_computed(question: str, result: str, expected: list[str]) -> None:
    rows = [numbers(row) for row in ROWS]
    assert [number.text for number in operands(numbers(result)[0], rows, asked(question))] == expected


def test_no_rows_give_nothing() -> None:
    assert operands(numbers("5")[0], [], asked("What is the total?")) == ()
