"""What the form of a number claims beside its value: a code is one whole, a range has two ends, a year stands alone."""

import re
from collections.abc import Iterator
from itertools import pairwise

from rag.answering.answer import Doubt, Why
from rag.answering.claims import Claims
from rag.answering.dates import dates
from rag.answering.numbers import Number, numbers
from rag.answering.sentences import level
from rag.retrieval.words import is_stop

_GROUPS = r"(?P<groups>\d+(?:-\d+)+)"
_CODES = (
    re.compile(rf"\b(?P<letters>[A-Z]{{1,3}})(?P<stop>\. ?)?{_GROUPS}"),
    re.compile(rf"(?:\b[Nn]°|\b[Nn]o\.?|\b[Nn]uméro) ?{_GROUPS}"),
    re.compile(r"(?<![\w-])(?P<groups>\d+(?:-\d+){2,})"),
)
_STOPPED = re.compile(r"\b([A-Z]{1,3})\. ?(?=\d)")
_HYPHENS = str.maketrans("\u2010\u2011\u2012\u2013", "----")
_BEFORE_YEAR = r"\b(?:in|en|since|depuis|until|jusqu'en)"
_YEARLY = re.compile(rf"(?:{_BEFORE_YEAR}|\A\W*by) $")
_GOES_ON = frozenset(("of", "de", "des", "du", "d", "to", "à", "or", "ou", "and", "et"))
"""Small words after a number that is no year: "in 3 of 4"."""
_JOINED = re.compile(
    r"(?:th|st|nd|rd|er|e|eme)?(?: (?!(?:and|et)\b)\w+)? ?(?P<joint>-|–|\b(?:to|a|au|and|et|or|ou)\b)"
    r" ?(?:the |le |la |l')?[$€£]?"
)
_RANGE = re.compile(r"\b(?:between|from|entre|de|du)\s?(?:the |le )?[$€£]?$")
_COUNTS = re.compile(r"\b(?:how (?:many|much)|combien|montants?|amounts?|sommes?|prix|price|values?|valeurs?)\b")
_DATES = re.compile(r"\b(?:when|years?|dates?|quand|annees?)\b")
_CELL = re.compile(r"[:|;] ?[$€£]? ?$")
_SHORT = 100


def misread(text: str, claimed: Claims, question: str, passage: str) -> list[Why]:
    """The numbers of the sentence that the passage has, and not in the form in which they are claimed."""
    if not any(number.text[0].isdigit() for number in claimed.numbers):
        return []
    said, held = level(text), level(passage)
    found = (
        *_codes(text.translate(_HYPHENS), passage.translate(_HYPHENS)),
        *((number.start, number.end) for number in claimed.numbers if _is_put_as_year(number, text, said, held)),
        *_pairs(said, held),
        *(_counts(claimed, level(question), held) if _is_bare(said) else ()),
    )
    return [Why(Doubt.NUMBER, text[start:end]) for start, end in found]


def _codes(said: str, held: str) -> Iterator[tuple[int, int]]:
    """Codes of which the passage has only parts: "L312-1-2" where it has "L312-1-1"."""
    joined = _STOPPED.sub(r"\1", held)
    for match in (match for pattern in _CODES for match in pattern.finditer(said)):
        code = f"{match.groupdict().get('letters') or ''}{match['groups']}"
        if not re.search(rf"(?<![\d-]){re.escape(code)}(?!-?\d)", joined):
            yield match.span()


def _is_put_as_year(number: Number, text: str, said: str, held: str) -> bool:
    """Whether it stands where a year does and is none, and the passage does not have it there."""
    if number.is_year or number.unit or not number.text[0].isdigit() or not _YEARLY.search(said[: number.start]):
        return False
    follows = re.match(r" ([^\W\d]+)", text[number.end :])
    if follows and (not is_stop(level(follows[1])) or follows[1] in _GOES_ON):
        return False
    return not re.search(rf"{_BEFORE_YEAR} {re.escape(level(number.text))}(?!\w)", held)


def _pairs(said: str, held: str) -> Iterator[tuple[int, int]]:
    """Two numbers that are joined: a range or pair of one number twice, or a range from a year to what is none."""
    for one, other in pairwise(numbers(said)):
        between = _JOINED.fullmatch(said[one.end : other.start])
        if not between or not (one.text[0].isdigit() and other.text[0].isdigit()):
            continue
        is_range = between["joint"] in "-–" or _RANGE.search(said[: one.start]) is not None
        is_odd = one.value == other.value or (
            is_range and one.is_year is not other.is_year and not _is_short(one, other)
        )
        if is_odd and not _stand_joined(one, other, held):
            yield one.start, other.end


def _is_short(one: Number, other: Number) -> bool:
    """Whether the other is the last digits of a year, as in "2012-13"."""
    return one.is_year and not other.unit and one.value % _SHORT < other.value < _SHORT


def _stand_joined(one: Number, other: Number, held: str) -> bool:
    pairs = ((a, b) for a, b in pairwise(numbers(held)) if (a.value, b.value) == (one.value, other.value))
    return any(_JOINED.fullmatch(held[a.end : b.start]) for a, b in pairs)


def _is_bare(said: str) -> bool:
    """Whether hardly a word stands beside the number."""
    return sum(not is_stop(word) for word in re.findall(r"[^\W\d]{2,}", said)) <= 1


def _counts(claimed: Claims, question: str, held: str) -> Iterator[tuple[int, int]]:
    """A year alone where the question asks how many, when the passage counts nothing by it."""
    if len(claimed.numbers) > 1 or not _COUNTS.search(question) or _DATES.search(question):
        return
    dated = [(date.start, date.end) for date in dates(held)]
    for number in (number for number in claimed.numbers if number.is_year and not number.nouns):
        same = [other for other in numbers(held) if other.value == number.value]
        outside = [other for other in same if not any(start <= other.start < end for start, end in dated)]
        if not any(other.nouns or other.unit or _CELL.search(held[: other.start]) for other in outside):
            yield number.start, number.end
