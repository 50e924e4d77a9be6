"""What a search may be narrowed by: a document's day, its type, the folders it lies in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache

from rag.documents import DocumentInfo
from rag.parsing.filetypes import IMAGES, MediaType
from rag.personal.masking import masked
from rag.retrieval.words import fold

FOLDERS_DEEP_MAX = 12
"""What lies deeper is told by its first folders: each way to name a folder is a digest, 78 at this depth."""
_FIRST_DAY = date(1970, 1, 1).toordinal()


class DocumentType(StrEnum):
    """Formats as people name them."""

    PDF = "pdf"
    TEXT = "text"
    SHEET = "sheet"
    SLIDES = "slides"
    WEB = "web"
    MAIL = "mail"
    BOOK = "book"
    PICTURE = "picture"
    OTHER = "other"


_TYPES = {
    MediaType.PDF: DocumentType.PDF,
    MediaType.DOCX: DocumentType.TEXT,
    MediaType.DOC: DocumentType.TEXT,
    MediaType.ODT: DocumentType.TEXT,
    MediaType.RTF: DocumentType.TEXT,
    MediaType.MARKDOWN: DocumentType.TEXT,
    MediaType.TEXT: DocumentType.TEXT,
    MediaType.XLSX: DocumentType.SHEET,
    MediaType.XLS: DocumentType.SHEET,
    MediaType.ODS: DocumentType.SHEET,
    MediaType.CSV: DocumentType.SHEET,
    MediaType.PPTX: DocumentType.SLIDES,
    MediaType.PPT: DocumentType.SLIDES,
    MediaType.ODP: DocumentType.SLIDES,
    MediaType.HTML: DocumentType.WEB,
    MediaType.EML: DocumentType.MAIL,
    MediaType.MSG: DocumentType.MAIL,
    MediaType.EPUB: DocumentType.BOOK,
    **dict.fromkeys(IMAGES, DocumentType.PICTURE),
}


@dataclass(frozen=True, slots=True)
class Facets:
    """What the index knows of a document. `day` counts from 1 January 1970, None where the document has no date.

    `folders` are keyed digests in hex, sorted: one for each way to name a folder that the document lies in.
    """

    title: str
    day: int | None = None
    type: DocumentType = DocumentType.OTHER
    folders: tuple[str, ...] = ()


Blind = Callable[[str], str]
"""A keyed digest in hex of a folder's name."""


def facets_of(info: DocumentInfo, blind: Blind) -> Facets:
    """The facets of a document, its path and title as they are stored."""
    day = day_of(info.modified_at) if info.modified_at else None
    return Facets(info.title, day, type_of(info.media_type), _folders(info.path.rpartition("/")[0], blind))


def type_of(media_type: str) -> DocumentType:
    """The type that people know a format by."""
    try:
        return _TYPES.get(MediaType(media_type), DocumentType.OTHER)
    except ValueError:
        return DocumentType.OTHER


def day_of(moment: date | datetime) -> int:
    """Days from 1 January 1970; of a moment with a time zone, in UTC."""
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.toordinal() - _FIRST_DAY


def folder_name(folder: str) -> str:
    """A folder as it is compared: parts joined by slashes, without accents, all in lower case; "" for none."""
    parts = (fold(part).strip() for part in folder.replace("\\", "/").split("/"))
    return "/".join(part for part in parts if part not in ("", "."))


@lru_cache(maxsize=4096)
def _names(folder: str) -> tuple[str, ...]:
    """Each way to name a folder or one above it: `a/b` is a, b and a/b. Also as readers see it who get it masked."""
    return tuple({name for each in {folder, masked(folder)} for name in _runs(folder_name(each))})


def _runs(folder: str) -> Iterator[str]:
    parts = [part for part in folder.split("/") if part][:FOLDERS_DEEP_MAX]
    for first in range(len(parts)):
        for end in range(first + 1, len(parts) + 1):
            yield "/".join(parts[first:end])


def _folders(folder: str, blind: Blind) -> tuple[str, ...]:
    return tuple(sorted(map(blind, _names(folder))))
