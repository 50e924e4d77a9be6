"""A text in which every blank is a space, every dash a hyphen, every digit one of ASCII, each in its place."""

import unicodedata

_BLANK = frozenset({"Zs", "Cf"})
"""Spaces of every width, and what has none (zero-width spaces, soft hyphens)."""


def narrowed(text: str) -> str:
    """The text as patterns read it: NFKC where that gives one character for one, so that places stay what they are."""
    if text.isascii():
        return text
    return text.translate({ord(letter): _narrow(letter) for letter in set(text) if not letter.isascii()})


def _narrow(letter: str) -> str:
    plain = unicodedata.normalize("NFKC", letter)
    plain = plain if len(plain) == 1 else letter
    match unicodedata.category(plain):
        case "Nd":
            return str(unicodedata.decimal(plain))
        case "Pd":
            return "-"
        case kind if kind in _BLANK:
            return " "
    return plain
