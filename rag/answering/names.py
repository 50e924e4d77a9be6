"""Proper names and acronyms of a sentence, and whether a passage, its title or its headings hold them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rag.answering.sentences import ends_abbreviated, level
from rag.retrieval.words import content_words, is_stop

_WORD = re.compile(r"[^\W\d_][^\W_]*(?:\.[^\W\d_](?=\.))*")
_ELIDED = re.compile(r"\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)$", re.I)
_OPENS = re.compile(r"(?:\A|[.!?…:;]|[\n«“\"(\[]|[-–—•]\s)\s*$")
"""What a capital letter may follow without making a name."""
_GLUED = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])")
_NOT_NAMES = (
    "m mr mrs ms mme mlle dr pr st ste monsieur madame mademoiselle messieurs mesdames maitre sir "
    "january february march april may june july august september october november december "
    "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre "
    "monday tuesday wednesday thursday friday saturday sunday "
    "lundi mardi mercredi jeudi vendredi samedi dimanche "
    "article section chapter chapitre annexe annex appendix page table figure note part partie titre title"
)
"""Titles, parts of documents, days and months: the last are compared as dates."""
_NO_NAMES = frozenset(_NOT_NAMES.split())
_EXONYMS = (
    ("france", "french", "francais", "francaise"),
    ("england", "english", "angleterre", "anglais", "anglaise"),
    ("kingdom", "britain", "british", "royaume", "bretagne", "britannique", "uk"),
    ("germany", "german", "allemagne", "allemand", "allemande"),
    ("spain", "spanish", "espagne", "espagnol", "espagnole"),
    ("italy", "italian", "italie", "italien", "italienne"),
    ("belgium", "belgian", "belgique", "belge"),
    ("switzerland", "swiss", "suisse"),
    ("netherlands", "dutch", "pays-bas", "neerlandais"),
    ("europe", "european", "europeen", "europeenne"),
    ("union", "eu", "ue"),
    ("america", "american", "amerique", "americain", "americaine", "us", "usa", "etats", "states"),
    ("china", "chinese", "chine", "chinois", "chinoise"),
    ("japan", "japanese", "japon", "japonais", "japonaise"),
    ("russia", "russian", "russie", "russe"),
    ("london", "londres"),
    ("brussels", "bruxelles"),
    ("geneva", "geneve"),
    ("gdpr", "rgpd"),
    ("vat", "tva"),
    ("nato", "otan"),
    ("un", "onu"),
)
_ALSO = {name: frozenset(names) for names in _EXONYMS for name in names}
_ACRONYM_LETTERS_MIN = 3
_LOOKED_AT = 16
"""Letters before a word that tell whether a sentence begins with it."""


@dataclass(frozen=True, slots=True)
class Name:
    """One word of a name as written. `is_first` has its capital from where it stands, perhaps not from what it is."""

    text: str
    is_first: bool = False

    @property
    def folded(self) -> str:
        """The word as it compares."""
        return level(self.text)

    @property
    def is_acronym(self) -> bool:
        """Whether it is written in capitals alone."""
        return len(self.text) > 1 and self.text.upper() == self.text


@dataclass(frozen=True, slots=True)
class Known:
    """What a passage with its title and headings is able to name: its words, their stems, the initials of its names."""

    words: frozenset[str]
    stems: frozenset[str]
    initials: tuple[str, ...]
    names: frozenset[str]


def names(text: str) -> tuple[Name, ...]:
    """The capitalised words of a text that may be names, in order; titles, days and stop words are none."""
    found = []
    for match in _WORD.finditer(text):
        word = match.group()
        if word[0].isupper() and len(word) > 1 and not _is_common(word):
            found.append(Name(word, _opens(text, match.start())))
    return tuple(found)


def known(text: str, above: Iterable[str]) -> Known:
    """What can be named from a passage's text and what stands above it."""
    lines = (text, *above)
    words = frozenset(level(part) for line in lines for word in _WORD.findall(line) for part in _parts(word))
    stems = frozenset(stem for line in lines for stem in content_words(line))
    written = frozenset(name.folded for line in lines for name in names(line) if not name.is_first)
    return Known(words, stems, tuple(initials for line in lines for initials in _initials(line)), written)


def is_known(name: Name, held: Known) -> bool:
    """Whether the passage names it: the word, its stem, its form in the other language, or what it abbreviates."""
    word = name.folded
    if word in held.words or not held.stems.isdisjoint(content_words(name.text)):
        return True
    if not _ALSO.get(word, frozenset()).isdisjoint(held.words):
        return True
    is_long = len(word) >= _ACRONYM_LETTERS_MIN
    return is_long and name.is_acronym and any(initials.startswith(word) for initials in held.initials)


def _parts(word: str) -> tuple[str, ...]:
    """The word, and its parts where a text has lost the space between two."""
    return (word, *_GLUED.split(word)) if _GLUED.search(word) else (word,)


def _is_common(word: str) -> bool:
    levelled = level(word)
    return levelled in _NO_NAMES or is_stop(levelled)


def _opens(text: str, place: int) -> bool:
    """Whether a word there has its capital from its place; an elided article before it changes nothing."""
    before = _ELIDED.sub("", text[max(0, place - _LOOKED_AT) : place].rstrip("'’"))
    if place > _LOOKED_AT and not before.strip():
        return True
    return _OPENS.search(before) is not None and not ends_abbreviated(before.rstrip())


def _initials(text: str) -> list[str]:
    """From each capitalised word, the first letters of it and of what follows, small words left out."""
    words = [word for word in _WORD.findall(text) if not is_stop(level(word))]
    firsts = "".join(level(word[0]) for word in words)
    return [firsts[place : place + 8] for place, word in enumerate(words) if word[0].isupper()]
