"""Words are found by their stems, best first, in one collection."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.index.lexical import LexicalIndex

FIRST, SECOND = "a" * 32, "b" * 32


@pytest.fixture
def words(memory_dir: Path) -> Iterator[LexicalIndex]:
    index = LexicalIndex(memory_dir / "words.db")
    yield index
    index.close()


def test_accents_and_endings_do_not_matter_and_rare_words_weigh_more(words: LexicalIndex) -> None:
    words.add(FIRST, [("one", "Les congés annuels des salariés"), ("two", "Les salariés et le règlement des salariés")])
    assert list(words.search(FIRST, "congé annuel du salarie", 5)) == ["one", "two"]
    assert all(score > 0 for score in words.search(FIRST, "conges", 5).values())


def test_nothing_is_found_for_no_words_in_another_collection_or_in_none(words: LexicalIndex) -> None:
    words.add(FIRST, [("one", "annual leave")])
    assert words.search(FIRST, "of the ?", 5) == {}
    assert words.search(SECOND, "annual", 5) == {}


@pytest.mark.parametrize("question", ['"leave" OR words:x', "leave*", "NEAR(leave)", "leave' --", "annual-leave"])
def test_a_question_is_never_an_expression(words: LexicalIndex, question: str) -> None:
    words.add(FIRST, [("one", "annual leave")])
    assert list(words.search(FIRST, question, 5)) == ["one"]


def test_removed_words_are_gone_and_a_dropped_collection_can_be_filled_again(words: LexicalIndex) -> None:
    words.add(FIRST, [("one", "annual leave"), ("two", "sick leave")])
    words.remove(FIRST, ["one", "absent"])
    assert list(words.search(FIRST, "leave", 5)) == ["two"]
    words.drop(FIRST)
    assert words.search(FIRST, "leave", 5) == {}
    words.add(FIRST, [("three", "leave")])
    assert list(words.search(FIRST, "leave", 5)) == ["three"]
