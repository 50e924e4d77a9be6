"""Phone numbers: French as people write them, others with their country in front, or after a word that says so.

The only door to phonenumbers.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from phonenumbers import NumberParseException, is_valid_number, parse

from rag.personal.kinds import Kind, Span
from rag.personal.numbers import END, START

REGIONS = ("FR", "RE", "GP", "MQ", "GF")
"""Where a number without a country is looked for: France, and its regions overseas that number by themselves."""
_CHECKS_KEPT = 4096
_FRENCH = re.compile(
    rf"{START}(?=("
    r"(?:\+|00)33[ .\-]{0,2}(?:\(0\)[ .\-]{0,2})?[1-9](?:[ .\-]{0,2}[0-9]{2}){4}"
    r"|0[1-9][0-9]{8}"
    r"|0[1-9]([ .\-/]{1,2})[0-9]{2}(?:\2[0-9]{2}){3}"
    r"|0[1-9][0-9]{2}[ .\-](?:[0-9]{3}[ .\-][0-9]{3}|[0-9]{2}[ .\-][0-9]{2}[ .\-][0-9]{2})"
    r"|0 [1-9][0-9]{2} [0-9]{3} [0-9]{3}"
    rf"){END})"
)
_ABROAD = re.compile(r"(?<![\w+])(?=(\+[1-9](?:[ .\-()/]{0,3}[0-9]){6,14}))")
_WORDS = (
    r"(?:tele)?phones?|tel|cell|mobile|fax|whatsapp|call|dial|ring|t[ée]l[ée]phones?|t[ée]l[ée]phonique|t[ée]l|portable|"
    r"appele[rz]|joignable|joindre"
)
_GROUPS = (
    r"(?:\+[0-9]{1,3}[ .\-]?)?(?:\([0-9]{1,5}\) ?|[0-9]{2,5}[ .\-/])?"
    r"[0-9]{2,9}(?:[ .\-][0-9]{2,8}){0,4}(?:x[0-9]{2,5})?"
)
"""Digits in groups, with an extension or without."""
_SAID = re.compile(rf"(?<!\w)(?:{_WORDS})(?!\w)\.?[^0-9.;\n]{{0,40}}?(?<!\w)(?=({_GROUPS}){END})", re.I)
_PAIRS = re.compile(r"0[1-9](?:[ .\-/]?[0-9]{2}){4}$")
_DATE = re.compile(r"[0-9]{4}([.\-/ ])[0-9]{2}\1[0-9]{2}$|[0-9]{2}([.\-/ ])[0-9]{2}\2[0-9]{4}$")
_AMOUNT = re.compile(r"\s*(?:[€$£¥%]|(?:EUR|USD|GBP|CHF|euros?|dollars?|pounds?|million|milliard|%)\b)", re.I)
_DIGITS = range(7, 16)
"""How many a number has. ITU-T E.164."""
_COUNTRY = re.compile(r"^(?:\+|00)33[ .\-]{0,2}(?:\(0\))?")
_GROUP_END = re.compile(r"(?<=[0-9])(?![0-9])")


def find_phones(text: str) -> Iterator[Span]:
    """Every phone number that exists by its country's plan, or is said to be one; overlaps are left to the caller."""
    for match in _FRENCH.finditer(text):
        if _is_french(match[1]):
            yield Span(match.start(1), match.end(1), Kind.PHONE)
    for match in _ABROAD.finditer(text):
        end = _longest(match[1], text[match.end(1) : match.end(1) + 1])
        if end:
            yield Span(match.start(1), match.start(1) + end, Kind.PHONE)
    for match in _SAID.finditer(text):
        if _may_be_one(match[1], text, match.end(1)):
            yield Span(match.start(1), match.end(1), Kind.PHONE)


def _may_be_one(number: str, text: str, end: int) -> bool:
    """Whether digits after a word for phones are neither a date nor an amount, nor written as French ones are."""
    digits = sum(map(str.isdigit, number.partition("x")[0]))
    is_other = _DATE.match(number) or _AMOUNT.match(text, end) or _PAIRS.match(number)
    return digits in _DIGITS and not is_other


def _longest(candidate: str, following: str) -> int:
    """Where the longest valid number ends that the candidate begins with, at the end of a group; 0 where none does."""
    ends = [place.end() for place in _GROUP_END.finditer(candidate)]
    if following.isalnum() and following not in "xX":  # an extension may follow
        ends = ends[:-1]
    return next((end for end in reversed(ends) if _exists(candidate[:end].replace("(0)", ""), None)), 0)


def _is_french(number: str) -> bool:
    """By the plans of France and its regions; people write `+33` before numbers from overseas too."""
    national = _COUNTRY.sub("0", number)
    return any(_exists(national, region) for region in REGIONS)


@lru_cache(_CHECKS_KEPT)
def _exists(number: str, region: str | None) -> bool:
    try:
        return is_valid_number(parse(number, region))
    except NumberParseException:
        return False
