"""Words as answers are compared by: lower case, without punctuation and articles, a number one word (SQuAD, 2016)."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from rag.answering.answer import Language

_ARTICLES = {
    Language.ENGLISH: frozenset(["a", "an", "the"]),
    Language.FRENCH: frozenset(["le", "la", "les", "l", "un", "une", "des", "du", "de", "d", "au", "aux"]),
}
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069]")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:[,\s]\d{3})+(?!\d)")
_DECIMAL = re.compile(r"\d+\.\d+")
_POINT = "\x01"


def wording(text: str, language: Language) -> list[str]:
    """The words of a text in order. `1,234.50` and `1 234,5` are one word, the same one."""
    plain = unicodedata.normalize("NFKC", text).lower()
    plain = _GROUPED.sub(lambda found: re.sub(r"\D", "", found.group()), _UNSEEN.sub("", plain))
    plain = re.sub(r"(?<=\d)[,.](?=\d)", _POINT, plain)
    spaced = "".join(letter if letter.isalnum() or letter == _POINT else " " for letter in plain)
    words = map(_number, spaced.replace(_POINT, ".").split())
    return [word for word in words if word not in _ARTICLES[language]]


def stands_in(words: Sequence[str], text: Sequence[str]) -> bool:
    """Whether the words stand next to each other in the text; none stand nowhere."""
    count = len(words)
    return count > 0 and any(text[at : at + count] == words for at in range(len(text) - count + 1))


def shared(one: Sequence[str], other: Sequence[str]) -> float:
    """The share of the shorter one's words that the other has too, 0 to 1."""
    same = sum((Counter(one) & Counter(other)).values())
    return same / min(len(one), len(other)) if one and other else 0.0


def _number(word: str) -> str:
    """25.50 as 25.5; any other word as it is."""
    return word.rstrip("0").rstrip(".") if _DECIMAL.fullmatch(word) else word
