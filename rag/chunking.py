"""Documents to chunks: never across headings or pages, ending at paragraphs or sentences, with exact offsets."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rag.documents import Block, BlockKind, Box, Cells, Chunk, ParsedDocument

_SENTENCE_END = re.compile(r"(?<=[.!?;:…])\s+|\s+(?=[•▪])")
_WORD_END = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """Tokens a chunk aims at and never exceeds. 128 to 200 with the title in front answered best per token read."""

    target: int = 160
    most: int = 200


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of a block that begins at `place`."""

    start: int
    end: int
    page: int | None
    tokens: int
    block: Block
    place: int


def full_text(document: ParsedDocument) -> str:
    """The text that offsets count in: the blocks joined by newlines."""
    return "\n".join(block.text for block in document.blocks)


def chunk_document(
    document: ParsedDocument, count_tokens: Callable[[str], int], limits: ChunkLimits | None = None
) -> tuple[Chunk, ...]:
    """Chunks in reading order; none for a document without text."""
    bounds = limits or ChunkLimits()
    text = full_text(document)
    chunks: list[Chunk] = []
    for headings, pieces in _sections(document.blocks, text, count_tokens, bounds):
        for group in _groups(pieces, bounds):
            start, end = group[0].start, group[-1].end
            blocks = tuple({id(piece.block): piece.block for piece in group}.values())
            boxes, cells, confidence = _boxes(group), _cells(blocks), _confidence(blocks)
            chunk = Chunk(len(chunks), text[start:end], group[0].page, headings, start, end, boxes, cells, confidence)
            chunks.append(chunk)
    return tuple(chunks)


def _boxes(pieces: Sequence[_Piece]) -> tuple[Box, ...]:
    """The boxes of the lines that pieces stand on, in whole points. A piece of a block takes its share of the lines."""
    found: dict[Box, None] = {}
    for piece in pieces:
        lines = piece.block.boxes
        length = max(len(piece.block.text), 1)
        first = (piece.start - piece.place) * len(lines) // length
        last = -(-(piece.end - piece.place) * len(lines) // length)
        found |= {_whole(box): None for box in lines[first:last]}
    return tuple(found)


def _whole(box: Box) -> Box:
    left, bottom, right, top = box
    return (math.floor(left), math.floor(bottom), math.ceil(right), math.ceil(top))


def _cells(blocks: Sequence[Block]) -> Cells | None:
    """The range around those of the blocks."""
    ranges = [block.cells for block in blocks if block.cells]
    if not ranges:
        return None
    tops, lefts, bottoms, rights = zip(*ranges, strict=True)
    return (min(tops), min(lefts), max(bottoms), max(rights))


def _confidence(blocks: Sequence[Block]) -> float | None:
    """How sure the blocks were read, each by its length."""
    read = [(block.confidence, len(block.text)) for block in blocks if block.confidence is not None]
    length = sum(size for _, size in read)
    return round(sum(sure * size for sure, size in read) / length, 3) if length else None


def embedding_text(title: str, chunk: Chunk) -> str:
    """What is embedded: title and last two headings in front of the text (page hits .61 to .79 on long reports)."""
    above = [part for part in (title, *chunk.headings[-2:]) if part]
    return "\n".join((" > ".join(dict.fromkeys(above)), chunk.text))


def _sections(
    blocks: Sequence[Block], text: str, count: Callable[[str], int], limits: ChunkLimits
) -> Iterator[tuple[tuple[str, ...], list[_Piece]]]:
    """Pieces between headings. A heading with nothing under it stands as a piece of its own."""
    path: list[tuple[int, str]] = []
    pieces: list[_Piece] = []
    only_headings = True
    place = 0
    for block in blocks:
        if block.kind is BlockKind.HEADING and not only_headings:
            yield tuple(title for _, title in path), pieces
            pieces, only_headings = [], True
        if block.kind is BlockKind.HEADING:
            path = [item for item in path if item[0] < block.level] + [(block.level, block.text)]
        else:
            only_headings = False
        pieces += _pieces(block, place, text, count, limits)
        place += len(block.text) + 1
    if pieces:
        yield tuple(title for _, title in path), pieces


def _pieces(block: Block, place: int, text: str, count: Callable[[str], int], limits: ChunkLimits) -> Iterator[_Piece]:
    """A block whole when it fits, else cut at sentences, else at words."""
    end = place + len(block.text)
    tokens = count(block.text)
    if not block.text.strip():
        return
    if tokens <= limits.most:
        yield _Piece(place, end, block.page, tokens, block, place)
        return
    for start, stop in _cut(text, place, end, count, limits.target):
        yield _Piece(start, stop, block.page, count(text[start:stop]), block, place)


def _cut(text: str, start: int, end: int, count: Callable[[str], int], target: int) -> Iterator[tuple[int, int]]:
    """Slices of about `target` tokens at most, ending at sentences where there are any, else at words."""
    marks = [match.end() + start for match in _SENTENCE_END.finditer(text[start:end])]
    for first, last in zip([start, *marks], [*marks, end], strict=True):
        if count(text[first:last]) <= target:
            if first < last:
                yield first, last
        else:
            yield from _cut_words(text, first, last, count, target)


def _cut_words(text: str, start: int, end: int, count: Callable[[str], int], target: int) -> Iterator[tuple[int, int]]:
    """Halve at the word nearest the middle until it fits; a word longer than the limit is cut inside."""
    if count(text[start:end]) <= target or end - start < 2:  # noqa: PLR2004
        yield start, end
        return
    middle = (start + end) // 2
    gaps = [match.end() + start for match in _WORD_END.finditer(text[start:end]) if match.end() + start < end]
    cut = min(gaps, key=lambda gap: abs(gap - middle), default=middle)
    yield from _cut_words(text, start, cut, count, target)
    yield from _cut_words(text, cut, end, count, target)


def _groups(pieces: list[_Piece], limits: ChunkLimits) -> Iterator[list[_Piece]]:
    """Pieces packed up to the limits, never over a page break."""
    group: list[_Piece] = []
    tokens = 0
    for piece in pieces:
        is_full = tokens + piece.tokens > (limits.most if tokens < limits.target // 2 else limits.target)
        if group and (is_full or piece.page != group[-1].page):
            yield group
            group, tokens = [], 0
        group.append(piece)
        tokens += piece.tokens
    if group:
        yield group
