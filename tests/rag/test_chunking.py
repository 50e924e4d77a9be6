"""Chunks keep limits and exact offsets, whatever the text."""

from hypothesis import given
from hypothesis import strategies as st

from rag.chunking import ChunkLimits, chunk_document, full_text
from rag.documents import Block, BlockKind, ParsedDocument

LIMITS = ChunkLimits(target=16, most=20)
_texts = st.lists(st.text(alphabet="abc de.\n!é", min_size=1, max_size=120), min_size=1, max_size=6)
_kinds = st.sampled_from([BlockKind.HEADING, BlockKind.PARAGRAPH])


def _count(text: str) -> int:
    return len(text.split())


@st.composite
def documents(draw: st.DrawFn) -> ParsedDocument:
    blocks = []
    for page, text in enumerate(draw(_texts), 1):
        kind = draw(_kinds)
        blocks.append(Block(kind, text, page // 2 + 1, level=1 if kind is BlockKind.HEADING else 0))
    return ParsedDocument("title", len(blocks), tuple(blocks))


@given(documents())
def test_offsets_are_exact_and_every_word_is_kept(document: ParsedDocument) -> None:
    text = full_text(document)
    chunks = chunk_document(document, _count, LIMITS)
    assert all(text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert "".join("".join(chunk.text for chunk in chunks).split()) == "".join(text.split())


@given(documents())
def test_no_chunk_exceeds_the_limit(document: ParsedDocument) -> None:
    assert all(_count(chunk.text) <= LIMITS.most for chunk in chunk_document(document, _count, LIMITS))
