"""A sentence is supported by a passage that says it, and by nothing else."""

from datetime import UTC, datetime

import pytest

from rag.answering.alignment import Alignment
from rag.answering.answerer import plain
from rag.documents import Chunk, DocumentId, DocumentInfo, Passage, PassageId, RankedPassage
from security.identity import CollectionId

TEXT = (
    "Full-time employees earn four hours of sick leave per pay period. You can carry over a maximum of 240 annual "
    "leave hours from one leave year to the next. Ask your supervisor before travelling abroad."
)


@pytest.fixture
def alignment() -> Alignment:
    return Alignment([_ranked(TEXT)], "How many hours can I carry over?")


def test_a_sentence_the_passage_says_is_cited_with_a_verbatim_quote(alignment: Alignment) -> None:
    sentence, citation = alignment.check("You can carry over at most 240 annual leave hours.")
    assert sentence.supported
    assert citation is not None
    assert TEXT[citation.start : citation.end] == citation.quote
    assert "240" in citation.quote


def test_a_changed_number_is_never_supported(alignment: Alignment) -> None:
    sentence, citation = alignment.check("You can carry over a maximum of 340 annual leave hours.")
    assert not sentence.supported
    assert citation is None


def test_a_sentence_from_elsewhere_is_not_supported(alignment: Alignment) -> None:
    sentence, _ = alignment.check("The river freezes in winter near the northern castle.")
    assert not sentence.supported


def test_marks_links_and_images_do_not_survive() -> None:
    text = plain(
        "See ![x](http://evil.example/a.png) and [here](http://evil.example) [1] <img src=x> https://evil.example"
    )
    assert "http" not in text
    assert "<" not in text
    assert "[" not in text


def _ranked(text: str) -> RankedPassage:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    info = DocumentInfo(DocumentId("d"), CollectionId("c"), "leave.md", "Leave", "text/markdown", None, 1, 1, None, now)
    return RankedPassage(Passage(PassageId("p"), info, Chunk(0, text, None, (), 0, len(text))), 1.0, 0.9, 5.0)
