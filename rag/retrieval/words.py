"""Words as the lexical index sees them, and the language of a text. French and English."""

import re
import threading
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, repeat

import Stemmer

from rag.answering.answer import Language

_TOKEN = re.compile(r"[^\W_]+(?:[-./'’][^\W_]+)*")
_HYPHEN = "\u2010"
"""What NFKC makes of the hyphen that does not break, as in article L.312‑1‑3."""
_PIECE = re.compile(r"[^\W_]+")
_ELISION = re.compile(r"^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)['’](?=\w)", re.I)
_FRENCH = (
    "au aux avec ce ces cet cette comme dans de des du elle elles en est et eu il ils je la le les leur leurs lui "
    "ma mais me mes moi mon ne nos notre nous on ont ou par pas pour qu que quel quelle quelles quels qui sa sans "
    "se sera ses son sont sous sur ta te tes toi ton tu un une vos votre vous y a ai as avez avons etre ete fait "
    "faire peut comment quand pourquoi combien quoi dont si plus tout tous toute toutes aussi d l c j m n s t "
)
_ENGLISH = (
    "a an and are as at be been but by can could did do does for from had has have he her his how i if in into is "
    "it its me my no not of on or our she should so that the their them then there these they this those to us "
    "was we were what when where which who whom whose why will with would you your about than such some any also "
    "may "
)
_STOP = {Language.FRENCH: frozenset(_FRENCH.split()), Language.ENGLISH: frozenset(_ENGLISH.split())}
_ONLY_FRENCH = _STOP[Language.FRENCH] - _STOP[Language.ENGLISH]
_ONLY_ENGLISH = _STOP[Language.ENGLISH] - _STOP[Language.FRENCH]
_NAMES = {Language.FRENCH: "french", Language.ENGLISH: "english"}
_ACCENTED = re.compile("[àâçéèêëîïôùûœ]")
_stemmers = threading.local()
_MAYBE_MARK = re.compile("[^\\x00-\\u02ff]")
"""No character before these combines with another."""


def fold(text: str) -> str:
    """Lower case, compatibility forms resolved, accents removed: questions are often typed without them."""
    if text.isascii():
        return text.casefold()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return _MAYBE_MARK.sub(_unless_mark, decomposed)


def spoken(text: str) -> Language | None:
    """French or English by the stop words that are one and not the other, and accents; None when nothing tells."""
    return spoken_in(_PIECE.findall(fold(text)), text)


def spoken_in(words: Sequence[str], text: str) -> Language | None:
    """As `spoken`, of a text whose folded words are known."""
    french = sum(map(_ONLY_FRENCH.__contains__, words)) + len(_ACCENTED.findall(text.casefold())) * 0.5
    english = sum(map(_ONLY_ENGLISH.__contains__, words))
    if french == english:
        return None
    return Language.FRENCH if french > english else Language.ENGLISH


def language_of(text: str) -> Language:
    """The language spoken, English when nothing tells."""
    return spoken(text) or Language.ENGLISH


def content_words(text: str, language: Language | None = None) -> list[str]:
    """Stems in order, stop words left out; compound and part numbers stand whole and in pieces."""
    tokens = _TOKEN.findall(unicodedata.normalize("NFKC", text).replace(_HYPHEN, "-"))
    return list(chain.from_iterable(map(_stems, tokens, repeat(language or language_of(text)))))


def is_stop(word: str) -> bool:
    """Whether a folded word says nothing by itself, in either language."""
    return any(word in stop for stop in _STOP.values())


def readings(text: str, language: Language) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Stems in order, stop words left out, in two readings: each compound whole, and each in its pieces."""
    stemmer, stop = _stemmer(language), _STOP[language]
    tokens = [_parts(match.group()) for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text))]
    read = ([word for parts in tokens for word in parts[:1]], [word for parts in tokens for word in parts[1:] or parts])
    whole, pieces = ([str(stem) for stem in stemmer.stemWords([w for w in words if w not in stop])] for words in read)
    return tuple(whole), tuple(pieces)


def query_words(text: str) -> list[str]:
    """The stems to look a question up by, each once; of both languages when a few words do not tell which it is."""
    language = spoken(text)
    languages = list(Language) if language is None else [language]
    return list(dict.fromkeys(word for each in languages for word in content_words(text, each)))


def _unless_mark(found: re.Match[str]) -> str:
    return "" if unicodedata.combining(found[0]) else found[0]


@lru_cache(maxsize=2**14)
def _parts(token: str) -> tuple[str, ...]:
    """A token folded, whole and in pieces. Most were seen before, which saves half the time of stemming a corpus."""
    pieces = _PIECE.findall(fold(_ELISION.sub("", token)))
    return ("".join(pieces), *pieces) if len(pieces) > 1 else tuple(pieces)


@lru_cache(maxsize=2**15)
def _stems(token: str, language: Language) -> tuple[str, ...]:
    """What a token comes to, without stop words. Most were seen before, and stemming costs more than all else."""
    stop = _STOP[language]
    words = [word for word in _parts(token) if word not in stop]
    return tuple(map(str, _stemmer(language).stemWords(words))) if words else ()


def _stemmer(language: Language) -> Stemmer.Stemmer:
    """This thread's: one may not be shared."""
    held: dict[str, Stemmer.Stemmer] = vars(_stemmers)
    if language not in held:
        held[language] = Stemmer.Stemmer(_NAMES[language], 0)
    return held[language]
