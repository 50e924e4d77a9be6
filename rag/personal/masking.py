"""Identifiers taken out of what people and the model get to read: the one place where that is done."""

from collections.abc import Sequence
from dataclasses import replace

from rag.documents import Chunk, DocumentInfo, Passage
from rag.personal.finding import find
from rag.personal.kinds import Span


def masked(text: str, spans: Sequence[Span] | None = None) -> str:
    """The text with a label in the place of each identifier; without spans they are looked for."""
    parts, last = [], 0
    for span in find(text) if spans is None else spans:
        start, end = max(span.start, last), min(span.end, len(text))
        if start < end:
            parts += [text[last:start], span.kind.label]
            last = end
    return "".join((*parts, text[last:]))


def masked_passage(passage: Passage) -> Passage:
    """A passage as it may be read where identifiers are masked: its text, its headings, and its document's names."""
    return replace(passage, document=masked_document(passage.document), chunk=_masked_chunk(passage.chunk))


def masked_document(info: DocumentInfo) -> DocumentInfo:
    """What is told of a document where identifiers are masked."""
    return replace(info, title=masked(info.title), path=masked(info.path))


def _masked_chunk(chunk: Chunk) -> Chunk:
    headings = tuple(masked(heading) for heading in chunk.headings)
    return replace(chunk, text=masked(chunk.text, chunk.identifiers), headings=headings)
