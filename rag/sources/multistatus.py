"""What a WebDAV server answers to PROPFIND."""

from collections.abc import Iterable
from dataclasses import dataclass

from rag.errors import SourceUnavailable
from rag.sources.elements import Layout, Record, read_records, size_of

_COLLECTION = "resourcetype/collection"
_FIELDS = frozenset({"href", "getetag", "getcontentlength", "getlastmodified", _COLLECTION})
_BROKEN = "the server's listing is not what WebDAV says (RFC 4918); look at its address"
_LAYOUT = Layout(frozenset({"multistatus"}), {"response": _FIELDS}, _BROKEN, "DAV:")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder as the server tells of it; what it does not tell is empty."""

    href: str
    is_folder: bool
    etag: str
    size: int
    modified: str


def read_multistatus(parts: Iterable[bytes], entries_max: int) -> list[Entry]:
    """The entries of an answer. Raises SourceUnavailable for what is none, or goes over a bound."""
    return [_entry(record) for record in read_records(parts, _LAYOUT, entries_max)]


def _entry(record: Record) -> Entry:
    found = record.fields
    if "href" not in found:
        raise SourceUnavailable(_BROKEN)
    return Entry(
        found["href"],
        _COLLECTION in found,
        found.get("getetag", ""),
        size_of(found.get("getcontentlength", "")),
        found.get("getlastmodified", ""),
    )
