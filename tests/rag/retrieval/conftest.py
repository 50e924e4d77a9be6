"""Ranked passages to try stages on, without a store."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from rag.documents import Chunk, DocumentId, DocumentInfo, Passage, PassageId, RankedPassage
from security.identity import CollectionId

MakePassage = Callable[..., Passage]
MakeRanked = Callable[..., RankedPassage]


def make_passage(
    text: str, title: str = "Note", ordinal: int = 0, start: int = 0, headings: tuple[str, ...] = ()
) -> Passage:
    """A passage of a text: where it stands and under which headings, as far as it matters."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    path = f"{title}.md"
    info = DocumentInfo(DocumentId(title), CollectionId("c"), path, title, "text/markdown", None, 1, 1, None, now)
    return Passage(
        PassageId(f"{title}-{ordinal}"), info, Chunk(ordinal, text, None, headings, start, start + len(text))
    )


def make_ranked(text: str, score: float = 0.0, title: str = "Note", ordinal: int = 0) -> RankedPassage:
    """A ranked passage of a text."""
    return RankedPassage(make_passage(text, title, ordinal), score, 0.8, None)


@pytest.fixture
def passage() -> MakePassage:
    """What makes a passage."""
    return make_passage


@pytest.fixture
def ranked() -> MakeRanked:
    """What makes a ranked passage."""
    return make_ranked
