"""A sentence is supported by a passage that says it, and by nothing else."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.alignment import QUOTE_WORDS_MAX, Alignment, numbers
from rag.answering.answer import Language
from rag.documents import RankedPassage

LEAVE = (
    "Full-time employees earn four hours of sick leave per pay period. You can carry over a maximum of 240 annual "
    "leave hours from one leave year to the next. Ask your supervisor before travelling abroad."
)
TRAVEL = "Travel costs are paid back within 30 days. Keep every receipt above 75 dollars."
TABLE = "Item | 2019 | 2018\nServicing fees | 3,901 | 2,321\nSales of loans | 91,946 | 139,026"
APPELS = (
    "Votre employeur peut écouter vos appels de manière ponctuelle. Les enregistrements sont conservés six mois au "
    "plus. Les salariés doivent être informés avant toute écoute."
)


@pytest.fixture
def align(ranked: Callable[..., RankedPassage]) -> Callable[..., Alignment]:
    def make(*texts: str, question: str = "How many hours can I carry over?") -> Alignment:
        passages = [ranked(text, name=f"d{place}", title="") for place, text in enumerate(texts)]
        return Alignment(passages, question, Language.ENGLISH)

    return make


def test_a_sentence_the_passage_says_is_cited_with_a_verbatim_quote(align: Callable[..., Alignment]) -> None:
    (citation,) = align(LEAVE).check("You can carry over at most 240 annual leave hours.").citations
    assert LEAVE[citation.start : citation.end] == citation.quote
    assert citation.quote.startswith("You can carry over a maximum of 240")


def test_a_changed_number_is_never_supported(align: Callable[..., Alignment]) -> None:
    assert not align(LEAVE).check("You can carry over a maximum of 340 annual leave hours.").citations


@given(number=st.integers(0, 10**7))
def test_no_number_that_the_passage_lacks_is_ever_supported(ranked: Callable[..., RankedPassage], number: int) -> None:
    aligned = Alignment([ranked(LEAVE)], "How many hours can I carry over?", Language.ENGLISH)
    support = aligned.check(f"You can carry over a maximum of {number} annual leave hours.")
    assert bool(support.citations) == (number == 240)


def test_a_sentence_from_elsewhere_is_not_supported(align: Callable[..., Alignment]) -> None:
    assert not align(LEAVE).check("The river freezes in winter near the northern castle.").citations


def test_only_the_passage_that_says_it_is_cited(align: Callable[..., Alignment]) -> None:
    (citation,) = align(LEAVE, TRAVEL).check("Travel costs are paid back within 30 days.").citations
    assert citation.n == 2


def test_two_passages_that_both_say_it_are_both_cited_best_first(align: Callable[..., Alignment]) -> None:
    twice = align(TRAVEL, LEAVE, "Also: travel costs are paid back within 30 days.")
    found = twice.check("Travel costs are paid back within 30 days.").citations
    assert {citation.n for citation in found} == {1, 3}


def test_a_table_row_is_quoted_with_its_header_when_the_sentence_names_the_column(
    align: Callable[..., Alignment],
) -> None:
    aligned = align(TABLE, question="What were the servicing fees in 2018?")
    (citation,) = aligned.check("Servicing fees in 2018 were 2,321.").citations
    assert citation.quote == "Item | 2019 | 2018\nServicing fees | 3,901 | 2,321"


def test_a_quote_grows_only_within_its_bound(align: Callable[..., Alignment]) -> None:
    long = " ".join(f"Rule{place} says that clause{place} binds party{place} always." for place in range(60))
    sentence = " ".join(f"rule{place} clause{place} party{place}" for place in range(60))
    support = align(long).check(sentence)
    assert all(len(citation.quote.split()) <= QUOTE_WORDS_MAX for citation in support.citations)


def test_french_is_compared_in_french(align: Callable[..., Alignment]) -> None:
    aligned = align(APPELS, question="Mon employeur peut-il écouter mes appels ?")
    (citation,) = aligned.check("L'employeur conserve l'enregistrement six mois au plus.").citations
    assert "six mois" in citation.quote


def test_a_passage_without_text_supports_nothing(align: Callable[..., Alignment]) -> None:
    assert not align("").check("Anything at all.").citations
    assert not align().check("Anything at all.").citations


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 234 567,50 €", {"1234567.5"}),
        ("1,234.50 or 1.234,5", {"1234.5"}),
        ("in 2019 234 units", {"2019", "234"}),
        ("68,9 % des codes", {"68.9"}),
        ("article L.312-1-3", {"312", "1", "3"}),
        ("no number", set()),
    ],
)
def test_numbers_compare_whatever_their_grouping(text: str, expected: set[str]) -> None:
    assert numbers(text) == expected
