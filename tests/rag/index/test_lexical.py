"""Words are found by their stems, best first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.index.lexical import WordIndex


@pytest.fixture
def words(memory_dir: Path) -> Iterator[WordIndex]:
    index = WordIndex(memory_dir / "words")
    yield index
    index.close()


def test_accents_and_endings_do_not_matter_and_rare_words_weigh_more(words: WordIndex) -> None:
    words.add([(1, "Les congés annuels des salariés"), (2, "Les salariés et le règlement des salariés")])
    assert list(words.search("congé annuel du salarie", 5)) == [1, 2]
    assert all(score > 0 for score in words.search("conges", 5).values())


def test_nothing_is_found_for_no_words_and_for_none_wanted(words: WordIndex) -> None:
    words.add([(1, "annual leave")])
    assert words.search("of the ?", 5) == {}
    assert words.search("annual", 0) == {}
    assert words.search("unheard", 5) == {}


@pytest.mark.parametrize("question", ['"leave" OR words:x', "leave*", "NEAR(leave)", "leave' --", "annual-leave"])
def test_a_question_is_never_an_expression(words: WordIndex, question: str) -> None:
    words.add([(1, "annual leave")])
    assert list(words.search(question, 5)) == [1]


def test_what_comes_and_goes_is_seen_by_the_next_search(words: WordIndex) -> None:
    words.add([(1, "annual leave"), (2, "sick leave")])
    words.remove([1, 9])
    assert list(words.search("leave", 5)) == [2]
    words.add([(3, "leave")])
    words.rest()
    words.remove([2])
    assert list(words.search("leave", 5)) == [3]


def test_an_index_that_rests_is_the_same_where_its_files_are_opened(words: WordIndex, memory_dir: Path) -> None:
    words.add((number, f"leave number {number} of the year") for number in range(2500))
    words.rest()
    other = memory_dir / "other"
    other.mkdir()
    for path in words.files():
        (other / path.name).write_bytes(path.read_bytes())
    again = WordIndex(other)
    assert again.search("leave 1234", 5) == words.search("leave 1234", 5)
    again.add([(2500, "leave and more leave")])
    assert 2500 in again.search("more", 5)
    again.close()


def test_searching_goes_on_while_others_add(words: WordIndex) -> None:
    words.add([(0, "leave")])
    for number in range(1, 30):
        words.add([(number, "leave")])
        assert len(words.search("leave", 100)) == number + 1
