"""What goes into the store and comes out of it towards the index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from rag.documents import Chunk, DocumentId, DocumentInfo, ParsedDocument, PassageId
from rag.facets import Facets


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document as it comes in: where it lay, its bytes, what was read, its chunks and their vectors (n, d).

    `place` is the path as the file system spells it, where that differs from `path` as it is shown. `version` is what
    changes with the file, where that is known.
    """

    source: str
    path: str
    media_type: str
    content: bytes
    parsed: ParsedDocument
    chunks: tuple[Chunk, ...]
    vectors: NDArray[np.float32]
    place: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A document of a source as it was loaded, with the version that its file had then."""

    info: DocumentInfo
    version: str


@dataclass(frozen=True, slots=True)
class KeptOut:
    """A file that did not come in: its path, how it ended and why. `content` is the digest of what was read, or "";
    `version` as for documents.

    `is_lasting`: the same bytes would end the same way, so that they need not be read again.
    """

    doc: str
    state: str
    reason: str
    at: datetime
    content: str = ""
    version: str = ""
    is_lasting: bool = False


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a collection holds, for a load from one source.

    `sources` tells documents by the digest of their source, then of their place: id and content digest. `elsewhere`
    tells documents of other sources by content digest. `kept_out` are files that did not come in, told like documents.
    """

    sources: dict[bytes, dict[bytes, tuple[DocumentId, bytes]]]
    elsewhere: dict[bytes, tuple[DocumentId, ...]]
    kept_out: dict[bytes, dict[bytes, KeptOut]]

    def of(self, source_key: bytes) -> Mapping[bytes, tuple[DocumentId, bytes]]:
        """The documents of a source by place digest; none for an unknown one."""
        return self.sources.get(source_key, {})


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Keyed digests that tell an unchanged or moved file without readable text."""

    place: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class MovedTo:
    """Where a document lies now: the loaded folder, the path as it is spelt and as it is shown, the file's version."""

    source: str
    place: str
    path: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What the index in memory needs of a passage: its vector (d,) float32, its document's facets, its words."""

    passage_id: PassageId
    document_id: DocumentId
    vector: NDArray[np.float32]
    facets: Facets
    text: str = ""


def words_of(title: str, headings: Sequence[str], text: str) -> str:
    """What the lexical index reads of a passage: title, last two headings, text."""
    return "\n".join((title, *headings[-2:], text))
