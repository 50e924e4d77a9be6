"""A number counts when its own check says so, however it is written; one that was mistyped does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.personal.finding import find
from rag.personal.kinds import Kind
from tests.rag.personal.drawn import cards, ibans, nirs, sirens, sirets

GAPS = st.sampled_from(["", " ", "\u00a0", "\u202f", ".", "-", "\u2011"])
DIGITS = "0123456789"


def found(text: str) -> list[tuple[str, str]]:
    return [(span.kind.value, text[span.start : span.end]) for span in find(text)]


def grouped(number: str, sizes: tuple[int, ...], gap: str) -> str:
    parts, rest = [], number
    for size in sizes:
        parts.append(rest[:size])
        rest = rest[size:]
    return gap.join(part for part in (*parts, rest) if part)


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        ("Compte FR76 3000 6000 0112 3456 7890 189 ouvert", "iban", "FR76 3000 6000 0112 3456 7890 189"),
        ("to GB82 WEST 1234 5698 7654 32 please", "iban", "GB82 WEST 1234 5698 7654 32"),
        ("gb82west12345698765432", "iban", "gb82west12345698765432"),
        ("FR76 3000 6000 0112\n3456 7890 189", "iban", "FR76 3000 6000 0112\n3456 7890 189"),
        ("IBANFR7630006000011234567890189", "iban", "FR7630006000011234567890189"),
        ("NIR : 2 95 10 99 126 111 93.", "nir", "2 95 10 99 126 111 93"),
        ("née en Corse, 253072B07300470", "nir", "253072B07300470"),
        ("253072A07300443", "nir", "253072A07300443"),
        ("établissement 732 829 320 00074", "siret", "732 829 320 00074"),
        ("La Poste : 356 000 000 00048", "siret", "356 000 000 00048"),
        ("un bureau de poste, 35600000049837", "siret", "35600000049837"),
        ("TVA FR 40 303 265 045", "vat", "FR 40 303 265 045"),
        ("code_siren = '303265045'", "siren", "303265045"),
        ("303 265 045 R.C.S. Paris", "siren", "303 265 045"),
        ("immatriculée au RCS de Paris sous le numéro 303.265.045", "siren", "303.265.045"),
        ("carte 4111 1111 1111 1111, exp. 12/27", "card", "4111 1111 1111 1111"),
        ("AMEX 3782-822463-10005", "card", "3782-822463-10005"),
        ("\uff14\uff11\uff11\uff11111111111111", "card", "\uff14\uff11\uff11\uff11111111111111"),
    ],
)
def test_a_number_is_found_as_it_is_written(text: str, kind: str, number: str) -> None:
    assert found(text) == [(kind, number)]


@pytest.mark.parametrize(
    "text",
    [
        "FR76 3000 6000 0112 3456 7890 188",  # mod 97
        "ZZ76 3000 6000 0112 3456 7890 189",  # no such country
        "2 95 10 99 126 111 94",  # key
        "2 95 13 99 126 111 90",  # no such month
        "253072C07300443",
        "732 829 320 00075",
        "35600000049838",  # La Poste: the sum of the digits is not a multiple of five
        "4111 1111 1111 1112",
        "9111 1111 1111 1111",  # no such issuer
        "303265045",  # nobody says that it is a SIREN
        "303 265 045 habitants",
        "order 14111111111111111, x4111111111111111, 4111111111111111y",
        "3.4111111111111111",
        "",
    ],
)
def test_what_is_not_one_is_left_alone(text: str) -> None:
    assert found(text) == []


@given(nirs(), GAPS)
def test_every_nir_is_found(number: str, gap: str) -> None:
    written = grouped(number, (1, 2, 2, 2, 3, 3, 2), gap)
    assert found(f"n° {written} !") == [("nir", written)]


@given(sirets(), GAPS)
def test_every_siret_is_found(number: str, gap: str) -> None:
    written = grouped(number, (3, 3, 3, 5), gap)
    assert found(f"n° {written} !") == [("siret", written)]


@given(sirens(), GAPS)
def test_every_siren_is_found_where_it_is_said_to_be_one(number: str, gap: str) -> None:
    written = grouped(number, (3, 3, 3), gap)
    assert found(f"Siren n° {written} !") == [("siren", written)]
    assert found(f"n° {written} !") == []


@given(ibans(), GAPS)
def test_every_iban_is_found(number: str, gap: str) -> None:
    written = grouped(number, (4,) * 8, gap)
    assert found(f"({written}) le 3") == [("iban", written)]


@given(cards(), st.sampled_from(["", " ", "-"]))
def test_every_card_is_found(number: str, gap: str) -> None:
    written = grouped(number, (4, 6, 5) if len(number) == 15 else (4, 4, 4, 4), gap)
    assert found(f"n° {written} !") == [("card", written)]


@given(st.one_of(nirs(), sirets(), ibans(), cards()), st.data())
def test_a_wrong_digit_makes_it_another_number_or_none(number: str, data: st.DataObject) -> None:
    """Luhn's check and mod 97 see every single wrong digit, so that the kind it was is not found any more."""
    (kind, _), *_ = found(number)
    places = [place for place, letter in enumerate(number) if letter in DIGITS]
    place = data.draw(st.sampled_from(places[4:] if kind == Kind.IBAN else places))
    wrong = data.draw(st.sampled_from(DIGITS.replace(number[place], "")))
    changed = number[:place] + wrong + number[place + 1 :]
    assert (kind, changed) not in found(changed)
