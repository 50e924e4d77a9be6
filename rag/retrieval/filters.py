"""What a search is narrowed to: days, types, folders. Empty, it narrows nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from rag.errors import FilterWrong
from rag.facets import Blind, DocumentType, Facets, day_of, folder_name

FOLDERS_MAX = 20
FOLDER_CHARACTERS_MAX = 400


@dataclass(frozen=True, slots=True)
class Sieve:
    """A filter as an index of one collection reads it: days from 1970, folders as that collection's digests."""

    after: int | None = None
    before: int | None = None
    types: frozenset[DocumentType] = frozenset()
    folders: frozenset[str] = frozenset()

    def passes(self, facets: Facets) -> bool:
        """Whether a document comes through. One without a date comes through no bound of days."""
        if self.types and facets.type not in self.types:
            return False
        if self.folders and self.folders.isdisjoint(facets.folders):
            return False
        if self.after is None and self.before is None:
            return True
        return (
            facets.day is not None
            and (self.after is None or facets.day >= self.after)
            and (self.before is None or facets.day <= self.before)
        )


@dataclass(frozen=True, slots=True)
class Filter:
    """Documents of these days (both included), of any of these types, in or below any of these folders."""

    after: date | None = None
    before: date | None = None
    types: frozenset[DocumentType] = frozenset()
    folders: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is narrowed."""
        return self.after is not None or self.before is not None or bool(self.types or self.folders)

    def sieve(self, blind: Blind) -> Sieve:
        """What an index reads."""
        bounds = [None if bound is None else day_of(bound) for bound in (self.after, self.before)]
        return Sieve(bounds[0], bounds[1], self.types, frozenset(map(blind, self.folders)))

    def told(self) -> dict[str, Any]:
        """As plain values, for JSON: what `read_filter` reads."""
        return {
            "after": self.after.isoformat() if self.after else None,
            "before": self.before.isoformat() if self.before else None,
            "types": sorted(each.value for each in self.types),
            "folders": list(self.folders),
        }


def read_filter(told: Mapping[str, Any] | None) -> Filter:
    """A filter out of plain values, where each may be missing, None or empty. Raises FilterWrong."""
    told = told or {}
    if unknown := set(told) - {"after", "before", "types", "folders"}:
        raise FilterWrong(f"a filter has no {sorted(unknown)[0]!r}; give after, before, types, folders")
    after, before = (_day(name, told.get(name)) for name in ("after", "before"))
    if after and before and after > before:
        raise FilterWrong(f"no day is on or after {after} and on or before {before}; exchange them")
    folders = tuple(dict.fromkeys(_folder(each) for each in told.get("folders") or ()))
    if len(folders) > FOLDERS_MAX:
        raise FilterWrong(f"{len(folders)} folders, expected at most {FOLDERS_MAX}; name one above them")
    return Filter(after, before, frozenset(map(_type, told.get("types") or ())), folders)


def _day(name: str, written: object) -> date | None:
    if written in (None, ""):
        return None
    try:
        return date.fromisoformat(str(written))
    except ValueError as error:
        raise FilterWrong(f"{name} is {written!r}, expected a day as 2024-12-31") from error


def _type(written: object) -> DocumentType:
    try:
        return DocumentType(str(written).lower())
    except ValueError as error:
        raise FilterWrong(f"type {written!r}, expected one of {', '.join(DocumentType)}") from error


def _folder(written: object) -> str:
    folder = str(written).strip().strip("/")
    if not folder_name(folder) or len(folder) > FOLDER_CHARACTERS_MAX:
        raise FilterWrong(f"a folder is named by 1 to {FOLDER_CHARACTERS_MAX} characters, as contracts/2024")
    return folder
