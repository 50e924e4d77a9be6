"""Phone numbers: French as people write them, others with their country in front. The only door to phonenumbers."""

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
_COUNTRY = re.compile(r"^(?:\+|00)33[ .\-]{0,2}(?:\(0\))?")
_GROUP_END = re.compile(r"(?<=[0-9])(?![0-9])")


def find_phones(text: str) -> Iterator[Span]:
    """Every phone number that exists by its country's plan, in a narrowed text; overlaps are left to the caller."""
    for match in _FRENCH.finditer(text):
        if _is_french(match[1]):
            yield Span(match.start(1), match.end(1), Kind.PHONE)
    for match in _ABROAD.finditer(text):
        end = _longest(match[1], text[match.end(1) : match.end(1) + 1])
        if end:
            yield Span(match.start(1), match.start(1) + end, Kind.PHONE)


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
