"""What a WebDAV server answers to PROPFIND, read as it comes: no entity, no document type, everything bounded."""

from collections.abc import Iterable
from dataclasses import dataclass
from xml.parsers import expat

from rag.errors import SourceUnavailable

DEPTH_MAX = 20
"""Elements in elements; an answer has six."""

FIELD_CHARACTERS_MAX = 8192
_DAV = "DAV:"
_FIELDS = frozenset({"href", "getetag", "getcontentlength", "getlastmodified"})
_BROKEN = "the server's listing is not what WebDAV says (RFC 4918); look at its address"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder as the server tells of it; what it does not tell is empty."""

    href: str
    is_folder: bool
    etag: str
    size: int
    modified: str


class _Reading:
    """Follows the elements of one answer."""

    def __init__(self, entries_max: int) -> None:
        self.entries: list[Entry] = []
        self._entries_max = entries_max
        self._path: list[str] = []
        self._fields: dict[str, str] = {}
        self._is_folder = False

    def begin(self, name: str, _attributes: object) -> None:
        self._path.append(_local(name))
        if len(self._path) > DEPTH_MAX:
            raise SourceUnavailable(_BROKEN)
        if self._path[-1] == "response":
            self._fields, self._is_folder = {}, False
        if self._path[-2:] == ["resourcetype", "collection"]:
            self._is_folder = True

    def text(self, text: str) -> None:
        name = self._path[-1] if self._path else ""
        if name not in _FIELDS:
            return
        self._fields[name] = self._fields.get(name, "") + text
        if len(self._fields[name]) > FIELD_CHARACTERS_MAX:
            raise SourceUnavailable(_BROKEN)

    def end(self, _name: str) -> None:
        if self._path.pop() == "response":
            if "href" not in self._fields:
                raise SourceUnavailable(_BROKEN)
            if len(self.entries) >= self._entries_max:
                raise SourceUnavailable(f"the server lists over {self._entries_max} files; divide the source")
            self.entries.append(self._entry())

    def _entry(self) -> Entry:
        found = {name: text.strip() for name, text in self._fields.items()}
        size = found.get("getcontentlength", "")
        is_number = size.isascii() and size.isdecimal() and len(size) <= len(str(2**63))
        return Entry(
            found["href"],
            self._is_folder,
            found.get("getetag", ""),
            int(size) if is_number else 0,
            found.get("getlastmodified", ""),
        )


def read_multistatus(parts: Iterable[bytes], entries_max: int) -> list[Entry]:
    """The entries of an answer. Raises SourceUnavailable for what is none, or goes over a bound."""
    reading = _Reading(entries_max)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = reading.begin, reading.end
    parser.CharacterDataHandler = reading.text
    parser.StartDoctypeDeclHandler = _refuse  # with it go entities, declared inside or outside
    try:
        for part in parts:
            parser.Parse(part, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise SourceUnavailable(_BROKEN) from error
    return reading.entries


def _refuse(*_: object) -> None:
    raise SourceUnavailable("the server's listing declares a document type, as no WebDAV server does; it is not read")


def _local(name: str) -> str:
    """The name of a DAV: element; of others something that is no field."""
    space, _, local = name.rpartition(" ")
    return local if space == _DAV else f"{space} {local}"
