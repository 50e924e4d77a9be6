"""What is found: kinds of identifiers, and where one stands in a text."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What identifies a person or a company. Of two findings of one length in one place the earlier kind is taken."""

    IBAN = "iban"
    NIR = "nir"
    VAT = "vat"
    SIRET = "siret"
    CARD = "card"
    PHONE = "phone"
    SIREN = "siren"
    EMAIL = "email"

    @property
    def label(self) -> str:
        """What stands in the place of one that is masked, in every language."""
        return f"[{self.value.upper()}]"


RANKS = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """An identifier at `start` to `end` of a text, in characters. It may reach over the ends of a part of that text."""

    start: int
    end: int
    kind: Kind

    @property
    def length(self) -> int:
        """Characters."""
        return self.end - self.start

    def moved(self, characters: int) -> "Span":
        """The same, counted from another place."""
        return Span(self.start + characters, self.end + characters, self.kind)


@dataclass(frozen=True, slots=True)
class Identifiers:
    """How many identifiers of each kind a document holds (none of a kind: absent), and in how many of its passages."""

    counts: tuple[tuple[Kind, int], ...] = ()
    passages: int = 0

    @property
    def by_kind(self) -> dict[str, int]:
        """Numbers by the kind's name."""
        return {kind.value: number for kind, number in self.counts}


def counted(spans: Iterable[Span]) -> tuple[tuple[Kind, int], ...]:
    """How many of each kind, in the order of the kinds."""
    numbers = Counter(span.kind for span in spans)
    return tuple((kind, numbers[kind]) for kind in Kind if kind in numbers)
