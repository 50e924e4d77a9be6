"""Numbers that carry their own check: IBAN, NIR, VAT, SIRET, SIREN and cards. The only door to stdnum.

A pattern finds what is shaped like one; its length is bounded and it begins at a word, so that its time grows with the
text alone. stdnum then checks what was found.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache

from stdnum import iban, luhn, numdb
from stdnum.fr import nir, siren, siret, tva

from rag.personal.kinds import Kind, Span

START = r"(?<!\w)(?<![0-9]\.)"
END = r"(?!\w)(?!\.[0-9])"
_GAP = r"[ .\-]{0,2}"
_SIREN = rf"[0-9]{{3}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{3}}"
_IBAN = re.compile(r"(?:(?<!\w)|(?<=IBAN))(?=([A-Z]{2}[0-9]{2}(?:[ .\-\n]{0,2}[A-Z0-9]){11,30}))", re.I)
_NOT_KEPT = re.compile(r"[^0-9A-Za-z]")
_LENGTH = re.compile(r"([0-9]+)!")
_IBAN_HEAD = 4

_BEFORE = re.compile(r"(?<![^\W_])(?:siren|siret|insee|immatricul|r\.? ?c\.? ?s\b|registre du commerce)", re.I)
_AFTER = re.compile(r"[\s,;(]{0,3}r\.? ?c\.? ?s\b", re.I)
_NEAR = 60
"""Characters before nine digits in which a word must say that they are a SIREN: one number in ten passes its check."""

_CARDS = re.compile(
    r"(?P<amex>3[47])|(?P<diners>3(?:0[0-5]|[689]))|(?P<visa>4)|(?P<jcb>35)|(?P<old_jcb>1800|2131)"
    r"|(?P<mastercard>5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)|(?P<discover>6011|64[4-9]|65)|(?P<maestro>5[0678]|6)"
)
_CARD_LENGTHS = {
    "amex": (15,),
    "diners": (14, 16, 19),
    "visa": (13, 16, 19),
    "jcb": (16, 19),
    "old_jcb": (15,),
    "mastercard": (16,),
    "discover": (16, 19),
    "maestro": tuple(range(12, 20)),
}
"""Lengths by issuer: https://en.wikipedia.org/wiki/Payment_card_number (Maestro: also what China UnionPay issues)."""


def find_numbers(text: str) -> Iterator[Span]:
    """Every number that its check confirms, in a narrowed text; overlaps are left to the caller."""
    for kind, pattern, is_valid in _PLAIN:
        for match in pattern.finditer(text):
            if is_valid(match[1]):
                yield Span(match.start(1), match.end(1), kind)
    yield from _ibans(text)
    yield from _sirens(text)


def _ibans(text: str) -> Iterator[Span]:
    """IBANs: the country tells the length, so that what follows one is not read with it."""
    for match in _IBAN.finditer(text):
        end = _end_of(match[1], _iban_length(match[1][:2].upper()))
        number = match[1][:end]
        if end and not text[match.start(1) + end : match.start(1) + end + 1].isalnum() and _is_iban(number):
            yield Span(match.start(1), match.start(1) + end, Kind.IBAN)


def _end_of(candidate: str, characters: int) -> int:
    """Where that many letters and digits end; 0 where there are fewer, or none are wanted."""
    places = [place for place, letter in enumerate(candidate, 1) if letter.isalnum()]
    return places[characters - 1] if 0 < characters <= len(places) else 0


def _is_iban(number: str) -> bool:
    """By mod 97 and its country's structure; keys inside of it, which some countries have, are left alone."""
    kept = _NOT_KEPT.sub("", number).upper()
    digits = "".join(str(int(letter, 36)) for letter in kept[_IBAN_HEAD:] + kept[:_IBAN_HEAD])
    return int(digits) % 97 == 1 and iban.is_valid(kept, check_country=False)


@cache
def _iban_length(country: str) -> int:
    """Characters of an IBAN of that country; 0 where it has none. Only letters come here: 676 countries at most."""
    found = numdb.get("iban").info(f"{country}00")[0][1]
    return _IBAN_HEAD + sum(map(int, _LENGTH.findall(found["bban"]))) if "bban" in found else 0


def _sirens(text: str) -> Iterator[Span]:
    """Valid ones that a word beside them says to be one."""
    for match in _NINE.finditer(text):
        start, end = match.span(1)
        is_said = _BEFORE.search(text, max(0, start - _NEAR), start) or _AFTER.match(text, end)
        if is_said and siren.is_valid(_NOT_KEPT.sub("", match[1])):
            yield Span(start, end, Kind.SIREN)


def _is_nir(number: str) -> bool:
    """By its key, and a month that is one or a code of INSEE's where it is not known (20, 30 to 42, 50 and above)."""
    kept = _NOT_KEPT.sub("", number).upper()
    month = int(kept[3:5])
    is_month = 1 <= month <= 12 or month == 20 or 30 <= month <= 42 or month >= 50  # noqa: PLR2004 - INSEE's codes
    return is_month and nir.is_valid(kept)


def _is_card(number: str) -> bool:
    """By its issuer's first digits and lengths, and Luhn's check."""
    kept = _NOT_KEPT.sub("", number)
    issuer = _CARDS.match(kept)
    return issuer is not None and len(kept) in _CARD_LENGTHS[str(issuer.lastgroup)] and luhn.is_valid(kept)


def _is_siret(number: str) -> bool:
    """By Luhn's check of it and of its SIREN; of La Poste by its own rule."""
    return siret.is_valid(_NOT_KEPT.sub("", number))


def _is_vat(number: str) -> bool:
    """A French VAT number, by its key and its SIREN."""
    return tva.is_valid(_NOT_KEPT.sub("", number).upper())


def _pattern(shape: str) -> re.Pattern[str]:
    """A shape tried at every word, whatever it overlaps; group 1 is what it matches."""
    return re.compile(rf"{START}(?=({shape}){END})", re.I)


_NINE = _pattern(_SIREN)
_PLAIN: tuple[tuple[Kind, re.Pattern[str], Callable[[str], bool]], ...] = (
    (
        Kind.NIR,
        _pattern(
            r"[1-478]{0}[0-9]{{2}}{0}[0-9]{{2}}{0}(?:[0-9]{{2}}|2[AB]){0}[0-9]{{3}}{0}[0-9]{{3}}{0}[0-9]{{2}}".format(
                r"[ .\-/]{0,3}"
            )
        ),
        _is_nir,
    ),
    (Kind.VAT, _pattern(rf"FR{_GAP}[0-9A-HJ-NP-Z]{{2}}{_GAP}{_SIREN}"), _is_vat),
    (Kind.SIRET, _pattern(rf"{_SIREN}{_GAP}(?:[0-9]{{5}}|[0-9]{{3}}{_GAP}[0-9]{{2}})"), _is_siret),
    (
        Kind.CARD,
        _pattern(
            r"[0-9]{4}[ .\-]{1,2}(?:(?:[0-9]{4}[ .\-]{1,2}){2}[0-9]{4}(?:[ .\-]{1,2}[0-9]{3})?"
            r"|[0-9]{6}[ .\-]{1,2}[0-9]{4,5})|[0-9]{12,19}"
        ),
        _is_card,
    ),
)
