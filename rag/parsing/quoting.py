"""A quote found among the letters of a page, whatever became of spaces, hyphens, ligatures and accents between them."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

TAIL_CHARACTERS_MAX = 6
"""Spaces and signs that a quote may begin or end with, and that folding drops: quotation marks, a unit, a full stop."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A character of a page: its place among all of them, and its middle in points."""

    place: int
    character: str
    x: float
    y: float


def folded(text: str) -> tuple[str, list[int]]:
    """The letters and digits of a text without case, accents and ligatures, and the place in the text of each."""
    kept, places = [], []
    for place, character in enumerate(text):
        for part in unicodedata.normalize("NFKD", character).casefold():
            if part.isalnum():
                kept.append(part)
                places.append(place)
    return "".join(kept), places


def find(quote: str, letters: Sequence[Letter], cost: Callable[[float, Letter], float]) -> Sequence[Letter]:
    """The letters from the quote's first to its last, where `cost` is least; none where it does not stand there.

    The cost is of how far in the letters the quote begins, 0 to 1, and of its first letter.
    """
    words, places = folded("".join(letter.character for letter in letters))
    sought, _ = folded(quote)
    begins = [(places[at], places[at + len(sought) - 1]) for at in _occurrences(sought, words)]
    if not begins:
        return ()
    first, last = min(begins, key=lambda found: cost(found[0] / len(letters), letters[found[0]]))
    return letters[_grown(first, quote, letters, -1) : _grown(last, quote, letters, 1) + 1]


def _occurrences(sought: str, words: str) -> Iterator[int]:
    place = words.find(sought) if sought else -1
    while place >= 0:
        yield place
        place = words.find(sought, place + 1)


def _grown(place: int, quote: str, letters: Sequence[Letter], step: int) -> int:
    """The place moved over the signs that the quote begins or ends with."""
    signs = _signs(quote if step < 0 else quote[::-1])
    for near in range(place + step, place + step * (TAIL_CHARACTERS_MAX + 1), step):
        if not 0 <= near < len(letters) or letters[near].character not in f"{signs} \xa0":
            break
        place = near if letters[near].character in signs else place
    return place


def _signs(text: str) -> str:
    """What stands before the first letter or digit, spaces aside."""
    end = next((place for place, character in enumerate(text) if character.isalnum()), len(text))
    return "".join(text[:end].split())
