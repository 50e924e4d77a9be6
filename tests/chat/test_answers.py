"""What the page shows of an answer's sentences: marks that open sources, and why one has none."""

import pytest

from chat.texts import texts
from chat.ui.answers import written
from rag.answering.answer import Doubt, Language, Sentence, Why

WORDS = texts(Language.FRENCH)


@pytest.mark.parametrize(
    ("why", "shown"),
    [
        ((Why(Doubt.WORDS),), "(non vérifié dans les documents)"),
        ((Why(Doubt.NUMBER, "340"),), "(non vérifié dans les documents : le nombre 340 n'y figure pas)"),
        ((Why(Doubt.COMPUTED, "12", ("7", "5")),), "(12 est calculé à partir de 7, 5)"),
        ((Why(Doubt.NAME, "[x](http://evil.example)"),), None),
    ],
)
def test_a_sentence_without_support_says_why(why: tuple[Why, ...], shown: str | None) -> None:
    text = written([Sentence("Dix", (), supported=False, why=why)], (), WORDS)
    assert "](" not in text
    assert shown is None or text == f"Dix {shown}"


@pytest.mark.parametrize("doubt", [doubt for doubt in Doubt if doubt is not Doubt.WORDS])
@pytest.mark.parametrize("language", list(Language))
def test_every_doubt_has_its_words(doubt: Doubt, language: Language) -> None:
    sentence = Sentence("Ten", (), supported=False, why=(Why(doubt, "eleven", ("twelve",)),))
    assert "eleven" in written([sentence], (), texts(language))
