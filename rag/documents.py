"""The values a document passes through: pages of blocks, then chunks, then stored passages."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from rag.personal.kinds import Identifiers, Span
from security.identity import CollectionId

DocumentId = NewType("DocumentId", str)
PassageId = NewType("PassageId", str)
Box = tuple[float, float, float, float]
"""Left, bottom, right, top in PDF points; the origin is at the bottom left."""
Cells = tuple[int, int, int, int]
"""A range of a sheet: first row, first column, last row, last column, all from 1."""


class BlockKind(StrEnum):
    """What a block is to a reader."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE_ROW = "table_row"


@dataclass(frozen=True, slots=True)
class Block:
    """A run of text that a reader sees as one: a heading, a paragraph, a list item, a table row.

    `page` counts pages, slides or sheets from 1; None where the format has none. `level` is 1 to 6 for headings or 0.
    `boxes` are those of its lines, empty where unknown.
    `cells` is where a row of a sheet stands. `confidence` is how sure a scan was read, 0 to 1; None for written text.
    """

    kind: BlockKind
    text: str
    page: int | None = None
    level: int = 0
    boxes: tuple[Box, ...] = ()
    cells: Cells | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a file: its path below the container and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a parser gives: the title, the page count (None: no pages), the blocks in reading order, files inside it.

    `hidden` is what its reader would not see. It comes into no passage; it is looked through for what it is up to.
    `unread` are the pages, from 1, that are broken, or pictures of which nothing or little could be read.
    """

    title: str
    pages: int | None
    blocks: tuple[Block, ...]
    modified_at: datetime | None = None
    members: tuple[Member, ...] = ()
    hidden: tuple[str, ...] = ()
    unread: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage before it is stored. `text` is a slice of the document's own words, as shown and quoted.

    `headings` is the path of headings above it, outermost first. `start` and `end` are character offsets of
    `text` in the document's full text (blocks joined by newlines). `boxes` are the lines it stands on, in whole PDF
    points; `cells` the range of a sheet; `confidence` how sure a scan was read, 0 to 1; None for written text.
    `identifiers` count from the beginning of `text` and may reach over its ends; None where nobody looked for any.
    """

    ordinal: int
    text: str
    page: int | None
    headings: tuple[str, ...]
    start: int
    end: int
    boxes: tuple[Box, ...] = ()
    cells: Cells | None = None
    confidence: float | None = None
    identifiers: tuple[Span, ...] | None = None


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """What is known of a stored document. `path` is relative to the loaded folder, with forward slashes.

    `identifiers` is None where the document was loaded before anybody looked for them. `unread` are pages of which
    nothing or little could be read.
    """

    id: DocumentId
    collection_id: CollectionId
    path: str
    title: str
    media_type: str
    pages: int | None
    passages: int
    size_bytes: int
    modified_at: datetime | None
    loaded_at: datetime
    identifiers: Identifiers | None = None
    unread: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A stored chunk, unsealed for somebody who holds a grant."""

    id: PassageId
    document: DocumentInfo
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class RankedPassage:
    """A passage with its fused score (higher is better) and the signals that led to it.

    `dense` is the cosine similarity to the question (-1 to 1), `lexical` the BM25 score (0 and up, higher is
    better); None where that retriever did not return the passage.
    """

    passage: Passage
    score: float
    dense: float | None = None
    lexical: float | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search gives: passages, best first, unsealed."""

    passages: tuple[RankedPassage, ...] = field(default=())

    @property
    def ranked_documents(self) -> tuple[DocumentInfo, ...]:
        """Documents by their best passage, best first, each once."""
        first_seen: dict[DocumentId, DocumentInfo] = {}
        for item in self.passages:
            first_seen.setdefault(item.passage.document.id, item.passage.document)
        return tuple(first_seen.values())
