"""Words as the lexical index sees them, and the language of a text. French and English."""

import re
import unicodedata
from collections.abc import Iterator

import Stemmer

from rag.answering.answer import Language

_TOKEN = re.compile(r"[^\W_]+(?:[-./'’][^\W_]+)*")
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
_NAMES = {Language.FRENCH: "french", Language.ENGLISH: "english"}
_ACCENTED = re.compile("[àâçéèêëîïôùûœ]")


def fold(text: str) -> str:
    """Lower case, compatibility forms resolved, accents removed: questions are often typed without them."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def language_of(text: str) -> Language:
    """French or English, by the stop words that are one and not the other; accents and elisions break a tie."""
    lowered = text.casefold()
    words = _PIECE.findall(fold(text))
    only_french = _STOP[Language.FRENCH] - _STOP[Language.ENGLISH]
    only_english = _STOP[Language.ENGLISH] - _STOP[Language.FRENCH]
    french = sum(word in only_french for word in words) + len(_ACCENTED.findall(lowered)) * 0.5
    english = sum(word in only_english for word in words)
    return Language.FRENCH if french > english else Language.ENGLISH


def content_words(text: str, language: Language | None = None) -> list[str]:
    """Stems in order, stop words left out; compound and part numbers stand whole and in pieces."""
    spoken = language or language_of(text)
    stemmer = Stemmer.Stemmer(_NAMES[spoken])
    stop = _STOP[spoken]
    return [str(stem) for stem in stemmer.stemWords([word for word in _words(text) if word not in stop])]


def _words(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text)):
        word = fold(_ELISION.sub("", match.group()))
        pieces = _PIECE.findall(word)
        if len(pieces) > 1:
            yield "".join(pieces)
        yield from pieces
