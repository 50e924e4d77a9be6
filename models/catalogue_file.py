"""Catalogue files in TOML: the one that ships with the house, and the one of a models folder (models/own.py).

Every field stands in every entry. A field that is missing, unknown or of the wrong kind raises CatalogueWrong with
the file, the entry and the field: weights are never chosen by half-read rules.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from models.catalogue import Catalogue, DebianPackage, Hub, LocalFile, ModelEntry, Source, Task, WheelPart, Wheels
from models.chat_format import FORMATS
from models.errors import CatalogueWrong

CATALOGUE = Path(__file__).parent / "catalogue.toml"
CONVERSIONS = ("", "e5")

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.(?:gguf|traineddata)")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,80}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HTTPS = re.compile(r"https://\S+")
_Kind = TypeVar("_Kind", str, int, bool, list[Any])


def load_catalogue(path: Path = CATALOGUE) -> Catalogue:
    """Read a catalogue file; raises CatalogueWrong naming the file, the entry and the field."""
    return Catalogue(read_entries(read_toml(path), path))


def read_toml(path: Path) -> dict[str, Any]:
    """A catalogue file as it stands; raises CatalogueWrong where it is not TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueWrong(f"{path}: {error}; correct the file") from error


def read_entries(tree: dict[str, Any], path: Path) -> tuple[ModelEntry, ...]:
    """The `[[model]]` tables of a catalogue file."""
    rows = tree.get("model", [])
    if not isinstance(rows, list):
        raise CatalogueWrong(f"{path}: model: expected [[model]] tables; correct the file")
    entries = tuple(_entry(_Row(row, f"{path}: entry {_label(row, place)}")) for place, row in enumerate(rows, 1))
    for field in ("name", "file"):
        values = [getattr(entry, field) for entry in entries]
        for value in values:
            if values.count(value) > 1:
                raise CatalogueWrong(f"{path}: entry {value}: field {field} stands in two entries; remove one")
    return entries


def is_name(text: str) -> bool:
    """Whether an entry may have this name."""
    return _NAME.fullmatch(text) is not None


def written_entry(entry: ModelEntry) -> str:
    """An entry with a local file as its only source, as TOML."""
    fields: dict[str, object] = {
        "name": entry.name,
        "task": entry.task.value,
        "file": entry.file,
        "bytes": entry.bytes,
        "sha256": entry.sha256 or "",
        "licence": entry.licence,
        "languages": list(entry.languages),
        "context_tokens": entry.context_tokens,
        "chat_format": entry.chat_format,
        "query_prefix": entry.query_prefix,
        "passage_prefix": entry.passage_prefix,
        "default": False,
        "tests": False,
    }
    lines = "".join(f"{field} = {toml_value(value)}\n" for field, value in fields.items())
    return f'[[model]]\n{lines}\n[[model.source]]\nkind = "file"\n'


def toml_value(value: object) -> str:
    """A text, number, truth or list of texts as TOML: the same spelling as JSON, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _label(row: Any, place: int) -> str:
    return str(row.get("name") or place) if isinstance(row, dict) else str(place)


class _Row:
    """A table whose fields are taken one by one, each checked; what is left over at the end is unknown."""

    def __init__(self, row: Any, where: str) -> None:
        if not isinstance(row, dict):
            raise CatalogueWrong(f"{where}: {row!r}, expected a table; correct the file")
        self._row, self._where = dict(row), where

    def take(self, field: str, kind: type[_Kind]) -> _Kind:
        if field not in self._row:
            raise CatalogueWrong(f"{self._where}: field {field} is missing; add it")
        value = self._row.pop(field)
        if type(value) is not kind:
            raise self.wrong(field, value, f"of type {kind.__name__}")
        return value

    def text(self, field: str, pattern: re.Pattern[str], expected: str) -> str:
        value = self.take(field, str)
        if not pattern.fullmatch(value):
            raise self.wrong(field, value, expected)
        return value

    def choice(self, field: str, choices: Iterable[str]) -> str:
        value, known = self.take(field, str), tuple(choices)
        if value not in known:
            raise self.wrong(field, value, f"one of {', '.join(known)}")
        return value

    def natural(self, field: str, least: int) -> int:
        value = self.take(field, int)
        if value < least:
            raise self.wrong(field, value, f"{least} or more")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        values = self.take(field, list)
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(field, values, "a list of texts")
        return tuple(values)

    def rows(self, field: str) -> tuple["_Row", ...]:
        values = enumerate(self.take(field, list), 1)
        return tuple(_Row(value, f"{self._where}: {field} {place}") for place, value in values)

    def has(self, field: str) -> bool:
        return field in self._row

    def wrong(self, field: str, value: object, expected: str) -> CatalogueWrong:
        return CatalogueWrong(f"{self._where}: field {field}: {value!r}, expected {expected}; correct the file")

    def end(self) -> None:
        for field in self._row:
            raise CatalogueWrong(f"{self._where}: field {field} is not known; remove it")


def _entry(row: _Row) -> ModelEntry:
    task = Task(row.choice("task", Task))
    size, sha256 = row.natural("bytes", 0), row.take("sha256", str)
    if sha256 and not _SHA256.fullmatch(sha256):
        raise row.wrong("sha256", sha256, "64 hexadecimal digits, or nothing")
    if bool(size) != bool(sha256):
        raise row.wrong("bytes", size, "a size together with sha256, or 0 without")
    formats = FORMATS if task is Task.GENERATE else ("",)
    entry = ModelEntry(
        row.text("name", _NAME, "lower-case letters, digits, dots, dashes"),
        task,
        row.text("file", _FILE, "a plain file name that ends in .gguf or .traineddata"),
        size,
        sha256 or None,
        row.take("licence", str),
        row.texts("languages"),
        row.natural("context_tokens", 1),
        row.choice("chat_format", formats),
        row.take("query_prefix", str),
        row.take("passage_prefix", str),
        row.take("default", bool),
        row.take("tests", bool),
        tuple(_source(source) for source in row.rows("source")),
    )
    row.end()
    return entry


def _source(row: _Row) -> Source:
    kind = row.choice("kind", ("file", "hub", "wheels", "debian"))
    source: Source = LocalFile()
    if kind == "hub":
        source = Hub(row.text("url", _HTTPS, "an https address"))
    elif kind == "wheels":
        convert = row.choice("convert", CONVERSIONS) if row.has("convert") else ""
        source = Wheels(tuple(_part(part) for part in row.rows("parts")), convert)
    elif kind == "debian":
        source = DebianPackage(row.text("package", _PACKAGE, "a package name"))
    row.end()
    return source


def _part(row: _Row) -> WheelPart:
    part = WheelPart(
        row.take("package", str),
        row.take("version", str),
        row.text("sha256", _SHA256, "64 hexadecimal digits"),
        row.take("member", str),
    )
    row.end()
    return part
