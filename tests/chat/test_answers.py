"""What the page shows of an answer's sentences: marks that open sources, and why one has none."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from chat.markdown import escape
from chat.texts import texts
from chat.ui.answers import AGAIN, QUOTE_CHARACTERS_MAX, show, written
from rag.answering.answer import Answer, Citation, Doubt, Language, Reason, Sentence, Timings, Why
from rag.answering.extract import quote_of_each
from rag.answering.refusal import UNWRITTEN
from rag.documents import RankedPassage
from tests.rag.answering.conftest import ranked

__all__ = ["ranked"]

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


@pytest.mark.parametrize("language", list(Language))
def test_a_source_in_another_language_than_the_answer_says_so(
    ranked: Callable[..., RankedPassage], language: Language
) -> None:
    texts_of = {
        Language.FRENCH: "Les salariés sont au bureau.",
        Language.ENGLISH: "The employees are in the office.",
    }
    words = texts(language)
    for spoken, text in texts_of.items():
        cite = Citation(1, ranked(text).passage, text, 0, len(text))
        said = (Sentence("Ten days.", (1,), supported=True),)
        answer = Answer("Ten days.", None, language, said, (cite,), (), (), Timings(1.0, None, 1.0, 0, 0))
        is_other = spoken is not language
        assert (words["in_language"][spoken.value] in show(answer, words)) == is_other
        assert (escape(text) in show(answer, words)) == is_other
        assert show(replace(answer, is_quoted=True), words).count(escape(text)) == 0  # the answer is the quote


MakeUnwritten = Callable[..., Answer]
OF_THE_MODEL = [reason for reason in Reason if reason.is_of_the_model]


@pytest.fixture
def unwritten(ranked: Callable[..., RankedPassage]) -> MakeUnwritten:
    """Makes an answer that the model did not write, over two passages: one long, one that spells a link."""

    def make(reason: Reason, language: Language, said: tuple[Sentence, ...] = ()) -> Answer:
        hostile = "Leave is asked for on [this page](http://evil.example) of the portal."
        passages = (ranked("Leave lasts " + "very " * 60 + "long.", name="long"), ranked(hostile, name="hostile"))
        quotes = quote_of_each("leave", passages, language)
        text, timings = UNWRITTEN[reason][language], Timings(1.0, None, 1.0, 0, 0)
        return Answer(text, reason, language, said, (), passages, (), timings, quotes=quotes)

    return make


@pytest.mark.parametrize("reason", OF_THE_MODEL)
@pytest.mark.parametrize("language", list(Language))
def test_what_the_model_did_not_write_is_told_in_one_language_with_passages_that_open(
    unwritten: MakeUnwritten, reason: Reason, language: Language
) -> None:
    other = next(each for each in Language if each is not language)
    shown = show(unwritten(reason, language), texts(other))
    assert shown.startswith(escape(UNWRITTEN[reason][language]))
    assert shown.count("](/sources/c/") == 2
    assert "/passages/long-0?quote=0-" in shown
    assert "](http" not in shown
    assert not any(texts(other)[name] in shown for name in ("nearest", "again", "sources"))
    assert (texts(language)["again"] in shown, f"]({AGAIN})" in shown) == (
        reason in ("model_failed", "model_busy"),
    ) * 2
    assert "…" in shown
    assert "very " * (QUOTE_CHARACTERS_MAX // len("very ")) not in shown


@pytest.mark.parametrize("language", list(Language))
def test_an_answer_that_was_cut_says_so_below_what_was_checked(unwritten: MakeUnwritten, language: Language) -> None:
    said = (Sentence("Ten days.", (), supported=True),)
    shown = show(unwritten(Reason.MODEL_FAILED, language, said), texts(language))
    assert shown.index("Ten days") < shown.index(texts(language)["cut"]) < shown.index("](/sources/c/")
    assert escape(UNWRITTEN[Reason.MODEL_FAILED][language]) not in shown


def test_who_stopped_it_is_told_no_more_than_that(unwritten: MakeUnwritten) -> None:
    answer = unwritten(Reason.MODEL_FAILED, Language.ENGLISH)
    assert show(answer, texts(Language.ENGLISH), is_stopped=True) == texts(Language.ENGLISH)["stopped"]
