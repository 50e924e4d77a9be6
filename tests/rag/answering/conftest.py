"""Passages as a search would give them, from plain text."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from rag.documents import Chunk, DocumentId, DocumentInfo, Passage, PassageId, RankedPassage
from security.identity import CollectionId

MakeRanked = Callable[..., RankedPassage]
_LOADED = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def ranked() -> MakeRanked:
    """Makes a ranked passage: its text, and what else matters to the test."""

    def make(
        text: str,
        *,
        name: str = "leave",
        title: str = "Leave",
        headings: tuple[str, ...] = (),
        dense: float | None = 0.9,
        lexical: float | None = 5.0,
    ) -> RankedPassage:
        document, collection = DocumentId(name), CollectionId("c")
        info = DocumentInfo(document, collection, f"{name}.md", title, "text/markdown", None, 1, 1, None, _LOADED)
        chunk = Chunk(0, text, None, headings, 0, len(text))
        return RankedPassage(Passage(PassageId(f"{name}-0"), info, chunk), 1.0, dense, lexical)

    return make
