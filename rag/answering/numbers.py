"""Numbers of a text as they compare: digits and words, their scale and unit, whatever the grouping and the language."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from rag.answering.sentences import level
from rag.retrieval.words import is_stop

_BELOW_20_EN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_BELOW_20_FR = (
    "zero un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept dix-huit "
    "dix-neuf"
)
_TENS_EN = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty"}
_TENS_EN[90] = "ninety"
_TENS_FR = {20: "vingt", 30: "trente", 40: "quarante", 50: "cinquante", 60: "soixante", 80: "quatre-vingt"}
_EN, _FR = _BELOW_20_EN.split(), _BELOW_20_FR.split()


def _spelled() -> dict[str, int]:
    """The words for 2 to 99 in both languages; one is an article in French and a pronoun in English."""
    words = {word: value for names in (_EN, _FR) for value, word in enumerate(names) if value > 1}
    for tens, name in _TENS_EN.items():
        words |= {f"{name}-{_EN[unit]}": tens + unit for unit in range(1, 10)} | {name: tens}
    for tens, name in _TENS_FR.items():
        last = 20 if tens in (60, 80) else 10
        words |= {f"{name}{joint}{_FR[unit]}": tens + unit for unit in range(1, last) for joint in ("-", "-et-")}
        words |= {name: tens, f"{name}s": tens}
    return words


_WORDS = _spelled()
_UNSURE = frozenset({"neuf", "seize", "sept"})
"""New, to grab, September: a number only where a plural follows."""
_SCALES = {
    "thousand": 3,
    "thousands": 3,
    "mille": 3,
    "milliers": 3,
    "million": 6,
    "millions": 6,
    "milliard": 9,
    "milliards": 9,
    "billion": 9,
    "billions": 9,
    "bn": 9,
}
_UNITS = {
    unit: name
    for name, units in {
        "percent": "% percent pourcent",
        "eur": "€ euro euros eur",
        "usd": "$ dollar dollars usd",
        "gbp": "£ gbp",
        "day": "day days jour jours",
        "week": "week weeks semaine semaines",
        "month": "month months mois",
        "year": "year years an ans annee annees",
        "hour": "hour hours heure heures h",
        "minute": "minute minutes min mn",
        "second": "seconds secondes",
        "metre": "metre metres meter meters",
        "kilometre": "km kilometre kilometres kilometer kilometers",
        "mile": "mile miles",
        "gram": "gramme grammes gram grams",
        "kilogram": "kg kilo kilos kilogramme kilogrammes kilogram kilograms",
        "tonne": "tonne tonnes",
        "litre": "litre litres liter liters",
    }.items()
    for unit in units.split()
}


def _either(words: Iterable[str]) -> str:
    longest = sorted(words, key=len, reverse=True)
    return "|".join(re.escape(word).replace(r"\-", "[- ]") for word in longest)


_NUMBER = re.compile(
    r"(?P<before>[$€£]\s?)?"
    r"(?P<digits>(?<!\d)\d{1,3}(?:[., ]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)?"
    rf"|\b(?:{_either(_WORDS)})\b|\b(?:une?|one)(?= (?:million|milliard|billion)s?\b))"
    r"(?P<hundred>[ -](?:hundreds?|cents?)\b)?"
    rf"(?:[ -]?(?P<scale>{_either(_SCALES)})\b(?: (?:de|d'|of)\b)?)?"
    rf"(?:[ -]?(?P<unit>%|[$€£]|(?:pour|per) ?cent\b|(?:{_either(u for u in _UNITS if u.isalpha())})\b))?"
)
_IN_SCALE = re.compile(rf"\b(?:in|en) (?:[$€£]\s?)?({_either(_SCALES)})\b")
_LABEL = re.compile(r"\b([A-ZÀ-Þ][^\W\d_]{2,}) $")
_LABEL_MAX = 24
_BETWEEN = frozenset(
    {"fewer", "more", "less", "last", "first", "other", "dernier", "derniers", "derniere", "dernieres", "autres"}
)
_STEM, _NOUNS_MAX = 6, 2
_HELD_BACK = re.compile(r"\b(?:les|des|ces|the|these|those|both|tous|toutes)\s$")
_PIECE = re.compile(r"\d+(?:[.,]\d+)?")
_CLOCK = re.compile(r"(?<![\d:])\d{1,2}(?::\d{2}){1,2}(?![\d:])(?: ?[+-]\d{4}\b)?")
_ORDINAL = re.compile(r"(?:th|st|nd|rd|er|ere|e|eme|ieme)s?\b")
_GROUPING = re.compile(r"(?<=\d)[ ,.](?=\d{3}(?!\d))")


@dataclass(frozen=True, slots=True)
class Number:
    """A number at `start` to `end` of a text: as written, its value, without its scale (`bare`), its unit or "".

    One that is not `is_firm` may be no number, or one the text need not state ("the two of them"). `label` is the name
    before it ("Article 5"), `nouns` begin the words after it, of which the first is what is counted; "" and none where
    there are no such.
    """

    text: str
    start: int
    end: int
    bare: Decimal
    scale: int = 0
    unit: str = ""
    is_firm: bool = True
    label: str = ""
    nouns: tuple[str, ...] = ()
    is_ordinal: bool = False

    @property
    def value(self) -> Decimal:
        """The number with its scale."""
        return self.bare.scaleb(self.scale)

    @property
    def is_year(self) -> bool:
        """Whether it reads as a year: four digits and nothing to them."""
        return len(self.text) == len("2000") and self.text.isdigit() and not self.unit and self.text[0] in "12"

    @property
    def is_measure(self) -> bool:
        """Whether its unit is written wherever it is meant, as that of a sum of money in a table is not."""
        return bool(self.unit) and self.unit not in ("percent", "eur", "usd", "gbp")


def numbers(text: str) -> tuple[Number, ...]:
    """Every number of a text, in order."""
    levelled = level(text)
    found = tuple(_number(text, levelled, match) for match in _NUMBER.finditer(levelled))
    clocks = [match.span() for match in _CLOCK.finditer(levelled)] if ":" in levelled else []
    return tuple(map(partial(_timed, clocks), found)) if clocks else found


def pieces(found: Iterable[Number]) -> tuple[Number, ...]:
    """The numbers within those grouped by spaces: a row read from a picture has its columns beside each other."""
    grouped = (number for number in found if " " in number.text and number.text[0].isdigit())
    return tuple(
        Number(match.group(), number.start + match.start(), number.start + match.end(), _value(match.group()))
        for number in grouped
        for match in _PIECE.finditer(number.text)
    )


def in_scales(text: str) -> frozenset[int]:
    """The powers of ten that a table announces for all its numbers ("in thousands")."""
    return frozenset(_SCALES[match[1]] for match in _IN_SCALE.finditer(level(text)))


def is_same(claimed: Number, held: Number, scales: frozenset[int] = frozenset()) -> bool:
    """Whether a text that holds the one says the other; `scales` are those announced above the one held."""
    if claimed.unit and (held.is_year or (held.unit and claimed.unit != held.unit)):
        return False
    if claimed.unit == "percent" and not held.unit and held.nouns:
        return False
    if claimed.value == held.value:
        return True
    return claimed.bare == held.bare and held.scale == 0 and claimed.scale in scales


def names_unit(text: str, unit: str) -> bool:
    """Whether a text writes the unit anywhere: "240 annual leave hours" has it away from its number."""
    return any(_UNITS.get(word) == unit for word in re.findall(r"\w+", level(text)))


def _timed(clocks: Iterable[tuple[int, int]], number: Number) -> Number:
    """The number, with the time of day for its unit where it is part of one."""
    is_timed = any(start <= number.start < end for start, end in clocks)
    return replace(number, unit="clock", nouns=()) if is_timed else number


def _number(text: str, levelled: str, match: re.Match[str]) -> Number:
    written = match["digits"]
    bare, scale = _value(written), _SCALES.get(match["scale"] or "", 0)
    is_word = not written[0].isdigit()
    if match["hundred"] and is_word:
        scale += 2
    unit = (match["before"] or match["unit"] or "").replace(" ", "")
    unit = "percent" if unit in ("pourcent", "percent") else _UNITS.get(unit, "")
    end = match.end("scale") if match["scale"] else match.end("digits")
    is_firm = not is_word or _is_firm(levelled, match)
    label = _LABEL.search(text, max(0, match.start() - _LABEL_MAX), match.start())
    nouns = () if unit else tuple(_nouns(levelled, match.end()))
    named = level(label[1]) if label else ""
    is_ordinal = _ORDINAL.match(levelled, match.end()) is not None
    return Number(
        text[match.start("digits") : end], *match.span(), bare, scale, unit, is_firm, named, nouns, is_ordinal
    )


def noun(word: str) -> str:
    """The beginning of a word that is counted, levelled: endings differ with number and gender."""
    return level(word)[:_STEM]


def _nouns(levelled: str, start: int) -> list[str]:
    """The beginnings of the words that follow, up to a mark; endings differ with number and gender."""
    after = re.match(r"(?: [^\W\d]+){1,4}", levelled[start : start + 60])
    words = after.group().split() if after else []
    return [noun(word) for word in words if word not in _BETWEEN and not is_stop(word)][:_NOUNS_MAX]


def _is_firm(levelled: str, match: re.Match[str]) -> bool:
    if match["digits"] in _UNSURE:
        return re.match(r"\s\w+[sx]\b", levelled[match.end("digits") :]) is not None
    return match["digits"] not in ("deux", "two") or _HELD_BACK.search(levelled[: match.start()]) is None


def _value(written: str) -> Decimal:
    if not written[0].isdigit():
        return Decimal(_WORDS.get(written.replace(" ", "-"), 1))
    joined = written if written.startswith("0") else _GROUPING.sub("", written)
    return Decimal(joined.replace(" ", "").replace(",", ".")).normalize()
