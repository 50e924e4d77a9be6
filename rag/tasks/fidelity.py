"""Whether a sentence may translate another, as far as can be told: its language, length, numbers, dates and names.

What its words mean is not looked at. Numbers and dates are compared as those of answers. Of names, the ones that are
translated ("ministère du Travail", "Labour Code") cannot be told from others for certain: see `fidelity`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from rag.answering.answer import Doubt, Language, Why
from rag.answering.claims import claims, without_files
from rag.answering.dates import dates, is_in
from rag.answering.names import Name, is_known, known, names
from rag.answering.numbers import Number, is_same, numbers
from rag.retrieval.words import fold, spoken

LONGER, SHORTER = 3.0, 0.3
"""A translation has between these shares of its original's characters, or it is none."""
ALIKE = 0.6
"""Words that share so much of their letters may be one word in two languages: Conseil, Council."""
_WORD = re.compile(r"[^\W\d_]+")
_LARGE = r"[^\W\d_a-zß-ÿ][^\W\d_]+"
_TITLED = re.compile(rf"\b(?:MM?|Mmes?|Mlles?|Mrs?|Ms|Dr|Pr|Me)\b\.? (?:[A-Z]\. ?)?({_LARGE}(?:[ -]{_LARGE})*)")
_PHRASE = re.compile(rf"\b{_LARGE}(?: (?:(?:of|for|and|the|on|in|to) ){{0,2}}{_LARGE})+")
_AFTERNOON = re.compile(r"\d ?p\.?m\b", re.IGNORECASE)
_NOON, _MIDNIGHT = 12, 24


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words of a document, folded: those that it writes small (`common`), and those large inside sentences alone."""

    common: frozenset[str] = frozenset()
    proper: frozenset[str] = frozenset()

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Vocabulary":
        """The words of a document's passages."""
        common = frozenset(fold(word) for text in texts for word in _WORD.findall(text) if word[0].islower())
        large = frozenset(name.folded for text in texts for name in names(text) if not name.is_first)
        return cls(common, large - common)


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What a translation says and its original does not (`added`), and the other way round (`lost`).

    `is_alike`: it has the language that was asked for, and about the length.
    """

    added: tuple[Why, ...]
    lost: tuple[Why, ...]
    is_alike: bool

    @property
    def is_whole(self) -> bool:
        """Whether nothing keeps it from being a translation."""
        return self.is_alike and not self.added and not self.lost


def fidelity(original: str, text: str, language: Language, vocabulary: Vocabulary | None = None) -> Fidelity:
    """How a text stands to the sentence that it is to say in that language; the vocabulary is the original's.

    A name that is missing is told where its document never writes it small and no word of the text resembles it. One
    that is new is told where a name is missing; or where nothing large is left in the original that it may translate
    and it stands by itself, for English writes Labour Code large where French writes small. Names in capitals and
    those after a title (M., Mrs) are always told.
    """
    vocabulary = vocabulary or Vocabulary()
    original, text = without_files(original), without_files(text)
    is_alike = SHORTER <= len(text) / (len(original) or 1) <= LONGER and spoken(text) in (language, None)
    untold, new = _missing(original, text, vocabulary.proper), _missing(text, original)
    lost = [
        name
        for name in untold
        if _is_certain(name, original) or not (name.folded in vocabulary.common or _has_alike(text, name))
    ]
    phrases = frozenset(fold(word) for found in _PHRASE.findall(text) for word in _WORD.findall(found))
    is_new = {name: bool(lost) or not (untold or name.folded in phrases) for name in new}
    added = [each for each in new if _is_certain(each, text) or (is_new[each] and not _has_alike(original, each))]
    return Fidelity((*_figures(text, original), *_whys(added)), (*_figures(original, text), *_whys(lost)), is_alike)


def _figures(text: str, other: str) -> tuple[Why, ...]:
    """Numbers and dates of a text that the other has not."""
    claimed, held, days = claims(text), numbers(other), dates(other)
    has_clock = bool(_AFTERNOON.search(text) or _AFTERNOON.search(other))
    lacking = [
        Why(Doubt.NUMBER, number.text)
        for number in claimed.numbers
        if not any(is_same(number, each) or (has_clock and _is_same_hour(number, each)) for each in held)
    ]
    lacking += [Why(Doubt.DATE, date.text) for date in claimed.dates if not any(is_in(date, each) for each in days)]
    return tuple(dict.fromkeys(lacking))


def _is_same_hour(number: Number, other: Number) -> bool:
    """Whether one is the other on a clock of twelve hours."""
    return abs(number.value - other.value) == _NOON and max(number.value, other.value) <= _MIDNIGHT


def _missing(text: str, other: str, proper: frozenset[str] = frozenset()) -> list[Name]:
    """Names of a text that the other has in no form; its first word is one where it is proper."""
    held = known(other, ())
    return [name for name in claims(text, proper).names if not is_known(name, held)]


def _is_certain(name: Name, text: str) -> bool:
    """Whether a name is translated by nobody: it has capitals inside, or a person's title stands before it."""
    titled = (word for found in _TITLED.findall(text) for word in _WORD.findall(found))
    return name.text[1:] != name.text[1:].lower() or name.text in titled


def _has_alike(text: str, name: Name) -> bool:
    words = (fold(word) for word in _WORD.findall(text))
    return any(SequenceMatcher(None, word, name.folded).ratio() >= ALIKE for word in words)


def _whys(found: Iterable[Name]) -> list[Why]:
    return list(dict.fromkeys(Why(Doubt.NAME, name.text) for name in found))
