"""XML as a server sends it, read as it comes into records of named fields: no entity or document type, all bounded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from rag.errors import SourceUnavailable

DEPTH_MAX = 20
"""Elements in elements; the answers that are read have six."""

FIELD_CHARACTERS_MAX = 8192
_SIZE_DIGITS_MAX = len(str(2**63))


@dataclass(frozen=True, slots=True)
class Layout:
    """What is read of an answer: its root, the elements that are records, and in each those that are its fields.

    Names count in the namespace of the root; `space` says which that must be, where it matters. A field is a name, or
    `outer/inner`. `broken` is the sentence for what is no such answer.
    """

    roots: frozenset[str]
    records: Mapping[str, frozenset[str]]
    broken: str
    space: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """An element with its fields; what the server does not tell is not among them."""

    name: str
    fields: dict[str, str] = field(default_factory=dict)


def read_records(parts: Iterable[bytes], layout: Layout, records_max: int) -> list[Record]:
    """The records of an answer, in the order of their ends. Raises SourceUnavailable for what is none, or too much."""
    reading = _Reading(layout, records_max)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = reading.begin, reading.end
    parser.CharacterDataHandler = reading.text
    parser.StartDoctypeDeclHandler = _refuse  # with it go entities, declared inside or outside
    try:
        for part in parts:
            parser.Parse(part, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise SourceUnavailable(layout.broken) from error
    return reading.found


def size_of(text: str) -> int:
    """A number of bytes; 0 for what is none."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _SIZE_DIGITS_MAX
    return int(text) if is_number else 0


class _Reading:
    """Follows the elements of one answer; of each that is open it keeps its name and the field that it fills."""

    def __init__(self, layout: Layout, records_max: int) -> None:
        self.found: list[Record] = []
        self._layout, self._records_max = layout, records_max
        self._space = ""
        self._path: list[tuple[str, str]] = []
        self._open: list[Record] = []

    def begin(self, name: str, _attributes: object) -> None:
        space, _, local = name.rpartition(" ")
        if not self._path:
            self._check_root(space, local)
        local = local if space == self._space else ""
        if len(self._path) >= DEPTH_MAX:
            raise SourceUnavailable(self._layout.broken)
        self._path.append((local, self._field(local)))
        if local in self._layout.records:
            self._open.append(Record(local))

    def text(self, text: str) -> None:
        name = self._path[-1][1]
        if not name:
            return
        fields = self._open[-1].fields
        fields[name] += text
        if len(fields[name]) > FIELD_CHARACTERS_MAX:
            raise SourceUnavailable(self._layout.broken)

    def end(self, _name: str) -> None:
        local, _ = self._path.pop()
        if local not in self._layout.records:
            return
        if len(self.found) >= self._records_max:
            raise SourceUnavailable(f"the server lists over {self._records_max} files; divide the source")
        record = self._open.pop()
        self.found.append(Record(record.name, {name: text.strip() for name, text in record.fields.items()}))

    def _check_root(self, space: str, local: str) -> None:
        if local not in self._layout.roots or self._layout.space not in (None, space):
            raise SourceUnavailable(self._layout.broken)
        self._space = space

    def _field(self, local: str) -> str:
        """The field of the record at hand that an element fills, which is there from now on; empty where it is none."""
        if not self._open or not local:
            return ""
        wanted, outer = self._layout.records[self._open[-1].name], self._path[-1][0]
        name = next((name for name in (local, f"{outer}/{local}") if name in wanted), "")
        if name:
            self._open[-1].fields.setdefault(name, "")
        return name


def _refuse(*_: object) -> None:
    raise SourceUnavailable("the server's listing declares a document type, as none has to; it is not read")
