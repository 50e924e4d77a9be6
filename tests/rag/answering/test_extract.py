"""The quote that stands nearest to a question, or none where too little of it does."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from rag.answering.answer import Language
from rag.answering.extract import nearest_quote
from rag.documents import RankedPassage

MakeRanked = Callable[..., RankedPassage]
TEXT = "The office opens at eight. You can carry over 240 annual leave hours to the next year. Parking is free."


def test_the_sentence_that_holds_the_question_is_quoted_verbatim(ranked: MakeRanked) -> None:
    cite = nearest_quote("How many annual leave hours can I carry over?", [ranked(TEXT)], Language.ENGLISH)
    assert cite is not None
    assert cite.quote == "You can carry over 240 annual leave hours to the next year."
    assert TEXT[cite.start : cite.end] == cite.quote


def test_a_title_that_asks_the_same_is_passed_over_for_what_follows(ranked: MakeRanked) -> None:
    text = (
        "Comment suivre la fabrication du permis ?\nDepuis votre compte en ligne. Il est envoyé ensuite. Autre chose."
    )
    cite = nearest_quote("Comment suivre la fabrication de mon permis ?", [ranked(text)], Language.FRENCH)
    assert cite is not None
    assert cite.quote == "Depuis votre compte en ligne. Il est envoyé ensuite."


def test_a_question_in_the_document_is_no_answer(ranked: MakeRanked) -> None:
    text = "Démarchage par courriel : puis-je m'y opposer ?\nOui, à tout moment. Écrivez à l'annonceur."
    cite = nearest_quote("Le démarchage par courriel : qui peut s'y opposer ?", [ranked(text)], Language.FRENCH)
    assert cite is not None
    assert cite.quote == "Oui, à tout moment. Écrivez à l'annonceur."


def test_a_question_that_is_said_again_and_not_answered_gives_nothing(ranked: MakeRanked) -> None:
    assert nearest_quote("Who signs invoices?", [ranked("Who signs invoices?")], Language.ENGLISH) is None


def test_too_little_of_the_question_gives_nothing(ranked: MakeRanked) -> None:
    assert nearest_quote("Which minister founded the northern lighthouse?", [ranked(TEXT)], Language.ENGLISH) is None
    assert nearest_quote("Anything?", [], Language.ENGLISH) is None


def test_what_the_model_wrote_tells_where_to_quote_when_the_question_alone_does_not(ranked: MakeRanked) -> None:
    text = "The factory was an experiment. Soap was made there out of fat. Parking is free."
    question, draft = "Which purpose did the plant serve?", "The plant made soap out of fat."
    assert nearest_quote(question, [ranked(text, title="")], Language.ENGLISH) is None
    cite = nearest_quote(question, [ranked(text, title="")], Language.ENGLISH, draft)
    assert cite is not None
    assert cite.quote == "Soap was made there out of fat."


def test_a_draft_moves_no_quote_that_the_question_finds(ranked: MakeRanked) -> None:
    question = "How many annual leave hours can I carry over?"
    cite = nearest_quote(question, [ranked(TEXT)], Language.ENGLISH, "The office opens at eight.")
    assert cite is not None
    assert cite.quote == "You can carry over 240 annual leave hours to the next year."


def test_what_stands_above_a_passage_counts_for_it(ranked: MakeRanked) -> None:
    passage = ranked("It is granted for ten days.", title="Paternity leave")
    cite = nearest_quote("How long is paternity leave granted?", [passage], Language.ENGLISH)
    assert cite is not None


@given(st.text(alphabet="ab. \n?", max_size=400), st.text(alphabet="ab ", max_size=30))
def test_a_quote_is_always_verbatim(ranked: MakeRanked, text: str, question: str) -> None:
    cite = nearest_quote(question, [ranked(text)], Language.ENGLISH)
    assert cite is None or text[cite.start : cite.end] == cite.quote
