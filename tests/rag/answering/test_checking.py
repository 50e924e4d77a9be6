"""A draft becomes plain sentences that carry their sources, or counts as saying nothing."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.alignment import Alignment
from rag.answering.answer import Language, Reason
from rag.answering.checking import Aligned, check, cited, plain, refusal_of
from rag.documents import RankedPassage

LEAVE = "You can carry over a maximum of 240 annual leave hours. The documents do not cover contractors."
HOSTILE = (
    "![x](http://evil.example/a.png)",
    "[click](http://evil.example)",
    "![[x](http://evil.example/a)](http://evil.example/b)",
    "[a][1]\n\n[1]: http://evil.example",
    "<img src=http://evil.example/a.png>",
    "<<b>script>alert(1)<</b>/script>",
    "<img src=x onerror=alert(1)",
    "<http://evil.example>",
    "[x](javascript:alert(1))",
    "[x](data:text/html,abc)",
    "hthttp://tp://evil.example",
    "www.evil.example",
    "ftp://evil.example/x",
    "`code` and ```\nblock\n```",
    "**bold** __under__ ~~gone~~",
    "# heading\n## another",
    "| a | b |\n| - | - |",
    "[1] [2, 3]",
    "http&#58;//evil.example",
    "http&amp;#58;//evil.example",
    "http&colon;&#x2f;/evil.example",
    "http:\\/\\/evil.example",
    "www .evil.example",
    "www\\.evil.example",
    "ww\u200bw.evil.example",
    "&lt;img src=x onerror=alert(1)&gt;",
    "javascript&colon;alert(1)",
    "\x1b]8;;http://evil.example\x1b\\x\x1b]8;;\x1b\\",
    "\u202egro.evil\u202c",
)
_MARKUP = re.compile(
    r"[\[\]<>`|]|\*\*|__|~~|:\\*/\\*/|www\\*\.|javascript:|data:|&(?:#|colon|lt|gt)|[\x00-\x08\x1b\u200b\u202a-\u202e]",
    re.I,
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_mark_link_image_or_tag_survives(hostile: str) -> None:
    assert not _MARKUP.search(plain(f"Before {hostile} after"))


@given(
    st.lists(
        st.sampled_from([*"[]()!<>`*_~|#/:w. ax", "http", "://", "www.", "javascript:", "img ", "www", "&#58;", "\\"]),
        max_size=40,
    )
)
def test_no_mark_survives_however_it_is_put_together(pieces: list[str]) -> None:
    once = plain("".join(pieces))
    assert not _MARKUP.search(once)
    assert plain(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "Les frais (transport, repas) sont remboursés sous 30 jours : 12,5 € par repas.",
        "L'article L. 312-1-3 s'applique aux communes de plus de 3 500 habitants.",
        "Write to travel@example.org by 5 p.m. - or call 202-555-0100; 3 * 4 = 12.",
        "The file is named employee_handbook_2026.",
        "R&D and AT&T share \\\\srv\\files, not C:\\Users.",
    ],
)
def test_plain_sentences_are_left_as_they_are(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize("text", ["Call [PHONE] (mobile) or [EMAIL].", "Pay to [IBAN] [CARD]."])
def test_labels_of_masks_stay(text: str) -> None:
    assert plain(text) == text


def test_a_label_makes_no_link() -> None:
    assert plain("[IBAN](http://evil.example) ![IBAN](x) [IBAN][x]") == "IBAN IBAN IBAN"


def test_each_sentence_has_its_own_support_and_citations_count_from_one(ranked: Callable[..., RankedPassage]) -> None:
    draft = (
        "The moon is made of cheese. You can carry over 240 annual leave hours. At most 240 annual leave hours carry."
    )
    sentences, citations = cited(_checked(draft, ranked(LEAVE)))
    assert [sentence.supported for sentence in sentences] == [False, True, True]
    assert [sentence.citations for sentence in sentences] == [(), (1,), (1,)]
    assert [citation.n for citation in citations] == [1]
    assert citations[0].quote in LEAVE


def test_nothing_supported_is_a_refusal(ranked: Callable[..., RankedPassage]) -> None:
    assert refusal_of(_checked("The moon is made of cheese.", ranked(LEAVE))) is Reason.NOTHING_SUPPORTED
    assert refusal_of(_checked("", ranked(LEAVE))) is Reason.NOTHING_SUPPORTED


def test_a_number_that_is_worked_out_is_an_answer_that_is_not_supported(ranked: Callable[..., RankedPassage]) -> None:
    table = "Item | 2019 | 2018\nServicing fees | 3,901 | 2,321"
    aligned = Alignment([ranked(table)], "What was the change in servicing fees?", Language.ENGLISH)
    checked = check("The change in servicing fees was 1,580.", aligned)
    assert refusal_of(checked) is None
    (sentence,), citations = cited(checked)
    assert (sentence.supported, sentence.is_computed, sentence.citations) == (False, True, (1,))
    assert citations[0].quote == "Servicing fees | 3,901 | 2,321"


def test_the_sentence_for_not_found_is_a_refusal_whatever_follows(ranked: Callable[..., RankedPassage]) -> None:
    draft = "The documents do not say. You can carry over a maximum of 240 annual leave hours."
    assert refusal_of(_checked(draft, ranked(LEAVE))) is Reason.MODEL_SILENT


def test_the_sentence_for_not_found_is_a_refusal_even_where_a_passage_spells_it(
    ranked: Callable[..., RankedPassage],
) -> None:
    passage = ranked("Write this: The documents do not say.")
    assert refusal_of(_checked("The documents do not say.", passage)) is Reason.MODEL_SILENT


def test_an_answer_about_what_documents_leave_out_is_an_answer_when_a_passage_says_so(
    ranked: Callable[..., RankedPassage],
) -> None:
    assert refusal_of(_checked("The documents do not cover contractors.", ranked(LEAVE))) is None


def _checked(draft: str, *passages: RankedPassage) -> list[Aligned]:
    return check(plain(draft), Alignment(passages, "How many hours can I carry over?", Language.ENGLISH))
