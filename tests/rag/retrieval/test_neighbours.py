"""A sentence that was cut is read whole; nothing else comes along."""

import pytest

from rag.retrieval.neighbours import complete
from tests.rag.retrieval.conftest import MakePassage

LEFT, RIGHT = "One sentence ends. The committee decides within thirty", "days of the request. Another sentence follows."


def words(text: str) -> int:
    return len(text.split())


def test_a_sentence_cut_by_a_page_is_completed_on_either_side(passage: MakePassage) -> None:
    first = passage(LEFT, ordinal=0, start=0)
    second = passage(RIGHT, ordinal=1, start=len(LEFT) + 1)
    assert complete(first, [first, second], words).text == f"{LEFT} days of the request."
    assert complete(second, [first, second], words).text == f"The committee decides within thirty {RIGHT}"


def test_a_sentence_cut_inside_a_block_is_completed_whatever_it_goes_on_with(passage: MakePassage) -> None:
    first = passage("It is signed by the", ordinal=0, start=0)
    second = passage("Director in person. Then it is sent.", ordinal=1, start=first.chunk.end)
    assert complete(first, [second], words).after == "Director in person."


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("A whole sentence.", "another one begins small."),
        ("Owner: Supervisor", "Owner: Committee"),
        ("Requirements", "The form is signed."),
    ],
)
def test_sentences_rows_and_headings_that_end_are_left_as_they_are(passage: MakePassage, left: str, right: str) -> None:
    first = passage(left, ordinal=0, start=0)
    second = passage(right, ordinal=1, start=len(left) + 1)
    assert complete(first, [first, second], words).text == left
    assert complete(second, [first, second], words).text == right


def test_nothing_comes_from_another_section_document_or_place(passage: MakePassage) -> None:
    first = passage(LEFT, ordinal=0, start=0)
    for other in (
        passage(RIGHT, ordinal=1, start=len(LEFT) + 1, headings=("Other",)),
        passage(RIGHT, title="Elsewhere", ordinal=1, start=len(LEFT) + 1),
        passage(RIGHT, ordinal=2, start=len(LEFT) + 1),
    ):
        assert complete(first, [first, other], words).text == LEFT


def test_the_budget_holds_for_both_sides_together(passage: MakePassage) -> None:
    before = passage("the long beginning of a sentence", ordinal=0)
    middle = passage("goes on and on and", ordinal=1, start=before.chunk.end)
    after = passage("ends here at last.", ordinal=2, start=middle.chunk.end)
    around = (before, middle, after)
    assert words(complete(middle, around, words, budget=10).text) == 15
    assert complete(middle, around, words, budget=6).after == ""
    assert complete(middle, around, words, budget=4).text == "goes on and on and ends here at last."
