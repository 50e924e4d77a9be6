"""Sentences come out checked as they end; however the draft is cut, they are the same."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.alignment import Alignment
from rag.answering.answer import Language, Reason, Unsupported
from rag.answering.streaming import SentenceStream
from rag.documents import RankedPassage

LEAVE = "You can carry over a maximum of 240 annual leave hours. Ask your supervisor before travelling abroad."
GOOD, BAD = "You can carry over 240 annual leave hours.", "You can carry over 340 annual leave hours."
DRAFTS = (
    f"{GOOD} {BAD} Ask M. Dupont first.",
    f"1. {GOOD}\n2. {BAD}\n\n- Ask your supervisor [1]. Then travel [2, 3].",
    "See [the page. It is](http://evil.example/x. Y) <b. Bold>. He said « go. » Then more... And ![i](a. B) end",
    "« Dix jours. »\n \n(Article 5) <img src=x. Onerror\nThe rest.  \nLast. A",
)
Stream = Callable[..., SentenceStream]


@pytest.fixture(scope="module")
def stream(ranked: Callable[..., RankedPassage]) -> Stream:
    align = partial(Alignment, [ranked(LEAVE)], "How many hours can I carry over?", Language.ENGLISH)
    return lambda unsupported=Unsupported.MARK: SentenceStream(align, unsupported)


@given(draft=st.sampled_from(DRAFTS), cuts=st.lists(st.integers(0, 120), max_size=12))
def test_any_split_of_a_draft_gives_the_same_sentences(stream: Stream, draft: str, cuts: list[int]) -> None:
    assert _fed(stream(), _cut(draft, cuts)) == _fed(stream(), [draft])


@given(
    pieces=st.lists(st.sampled_from([*'Aa1 .!?\n[]()<>»«*"', "M.", "http://x.Y", "e.g.", "240 "]), max_size=40),
    cuts=st.lists(st.integers(0, 80), max_size=8),
)
def test_any_split_of_any_text_gives_the_same_sentences(stream: Stream, pieces: list[str], cuts: list[int]) -> None:
    text = "".join(pieces)
    assert _fed(stream(), _cut(text, cuts)) == _fed(stream(), [text]) == _fed(stream(), list(text))


def test_a_sentence_comes_out_when_the_next_begins_with_its_mark_and_what_follows(stream: Stream) -> None:
    running = stream()
    assert running.feed(GOOD) == []
    (checked,) = running.feed(" You can")
    assert (checked.sentence.text, checked.sentence.citations, checked.rest) == (GOOD, (1,), "You can")
    assert [cite.n for cite in checked.citations] == [1]
    (last,) = running.end()
    assert (last.sentence.text, last.rest) == ("You can", "")


def test_a_citation_is_given_with_the_sentence_that_first_uses_it(stream: Stream) -> None:
    running = stream()
    first, second = [*running.feed(f"{GOOD} {GOOD}"), *running.end()]
    assert len(first.citations) == 1
    assert second.citations == ()
    assert second.sentence.citations == (1,)


def test_what_is_withheld_is_counted_and_nowhere_else(stream: Stream) -> None:
    running = stream(Unsupported.WITHHOLD)
    shown = [*running.feed(f"{BAD} {GOOD} {BAD}"), *running.end()]
    assert [each.sentence.text for each in shown] == [GOOD]
    assert (running.text, running.withheld) == (GOOD, 2)
    assert "340" not in str(shown)


def test_a_draft_of_which_nothing_may_be_shown_is_a_refusal(stream: Stream) -> None:
    running = stream(Unsupported.WITHHOLD)
    assert running.feed(BAD) + running.end() == []
    assert running.refusal is Reason.NOTHING_SUPPORTED


def _fed(running: SentenceStream, pieces: Sequence[str]) -> object:
    shown = [each for piece in pieces for each in running.feed(piece)] + running.end()
    assert tuple(each.sentence for each in shown) == running.sentences
    return running.sentences, running.citations, running.refusal


def _cut(text: str, cuts: list[int]) -> list[str]:
    places = [0, *sorted({cut for cut in cuts if cut < len(text)}), len(text)]
    return [text[start:end] for start, end in pairwise(places)]
