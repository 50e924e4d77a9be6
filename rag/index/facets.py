"""Facets of an index's documents as columns: which documents a sieve lets through, in a few operations for all."""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rag.facets import DocumentType, Facets
from rag.retrieval.filters import Sieve

_TYPES = tuple(DocumentType)
_CODES: dict[str, int] = {each: code for code, each in enumerate(_TYPES)}
_UNDATED = -(2**31)


class FacetRow(NamedTuple):
    """A document's facets as they are written: its day or None, its type, which of the written folders it lies in."""

    day: int | None
    type: str
    place: int


class FacetColumns:
    """Facets by a document's number: 9 bytes a document, and its folder's digests once for all that lies in it."""

    def __init__(self, rows: Sequence[FacetRow] = (), folders: Sequence[Sequence[str]] = ()) -> None:
        self._days = array("i", (_UNDATED if row.day is None else row.day for row in rows))
        self._types = bytearray(_CODES.get(row.type, _CODES[DocumentType.OTHER]) for row in rows)
        self._places = array("i", (row.place for row in rows))
        self._folders = [tuple(digests) for digests in folders]
        self._numbers = {digests: number for number, digests in enumerate(self._folders)}

    def __len__(self) -> int:
        return len(self._types)

    def add(self, facets: Facets) -> None:
        """Take those of the next document."""
        self._days.append(0)
        self._types.append(0)
        self._places.append(0)
        self.change(len(self) - 1, facets)

    def change(self, number: int, facets: Facets) -> bool:
        """Put others in the place of a document's; gives whether they are others."""
        place = self._numbers.setdefault(facets.folders, len(self._folders))
        if place == len(self._folders):
            self._folders.append(facets.folders)
        day = _UNDATED if facets.day is None else facets.day
        fresh, old = (day, _CODES[facets.type], place), (self._days[number], self._types[number], self._places[number])
        self._days[number], self._types[number], self._places[number] = fresh
        return fresh != old

    def passing(self, sieve: Sieve) -> NDArray[np.bool_]:
        """By number, whether a document comes through. See `Sieve.passes`."""
        passing = np.ones(len(self), np.bool_)
        if sieve.types:
            wanted = np.zeros(len(_TYPES), np.bool_)
            wanted[[_CODES[each] for each in sieve.types]] = True
            passing &= wanted[np.frombuffer(bytes(self._types), np.uint8)]
        if sieve.folders:
            inside = np.array([not sieve.folders.isdisjoint(digests) for digests in self._folders], np.bool_)
            passing &= inside[np.array(self._places, np.int32)]
        if sieve.after is not None or sieve.before is not None:
            days = np.array(self._days, np.int32)
            first = _UNDATED + 1 if sieve.after is None else sieve.after
            passing &= days >= first
            passing &= (days <= sieve.before) & (days != _UNDATED) if sieve.before is not None else days != _UNDATED
        return passing

    def encoded(self) -> tuple[list[FacetRow], list[list[str]]]:
        """What makes the same again: a row for each document, and the digests of each folder."""
        days = (None if day == _UNDATED else day for day in self._days)
        types = (_TYPES[code].value for code in self._types)
        rows = [FacetRow(*parts) for parts in zip(days, types, self._places, strict=True)]
        return rows, [list(digests) for digests in self._folders]
