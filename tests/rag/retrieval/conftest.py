"""Ranked passages to try stages on, without a store."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from rag.documents import Chunk, DocumentId, DocumentInfo, Passage, PassageId, RankedPassage
from security.identity import CollectionId

MakePassage = Callable[..., Passage]
MakeRanked = Callable[..., RankedPassage]


@pytest.fixture
def passage() -> MakePassage:
    """A passage of a text: where it stands and under which headings, as far as it matters."""

    def make(
        text: str, title: str = "Note", ordinal: int = 0, start: int = 0, headings: tuple[str, ...] = ()
    ) -> Passage:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        path = f"{title}.md"
        info = DocumentInfo(DocumentId(title), CollectionId("c"), path, title, "text/markdown", None, 1, 1, None, now)
        return Passage(
            PassageId(f"{title}-{ordinal}"), info, Chunk(ordinal, text, None, headings, start, start + len(text))
        )

    return make


@pytest.fixture
def ranked(passage: MakePassage) -> MakeRanked:
    """A ranked passage of a text."""

    def make(text: str, score: float = 0.0, title: str = "Note", ordinal: int = 0) -> RankedPassage:
        return RankedPassage(passage(text, title, ordinal), score, 0.8, None)

    return make
