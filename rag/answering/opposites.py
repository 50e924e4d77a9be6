"""Whether a sentence has the opposite of a word of its quote: "least" where the quote has "most"."""

import re
from collections.abc import Iterator

from rag.answering.sentences import level

_PAIRS = (
    ("least", "most"),
    ("first", "last"),
    ("before", "after"),
    ("minimum|minimal", "maximum|maximal"),
    ("lowest", "highest"),
    ("lower", "higher"),
    ("smallest", "largest|biggest"),
    ("smaller", "larger|bigger"),
    ("shortest", "longest"),
    ("oldest", "youngest|newest"),
    ("worst", "best"),
    (r"increas(?:e|es|ed|ing)", r"decreas(?:e|es|ed|ing)"),
    ("earliest", "latest"),
    ("always", "never"),
    ("avant", "apres"),
    (r"premi(?:er|ere|ers|eres)", r"derni(?:er|ere|ers|eres)"),
    (r"minimum|minima(?:l|le|ux|les)", r"maximum|maxima(?:l|le|ux|les)"),
    (r"augment(?:e|ent|er|ation|ee?s?)", r"diminu(?:e|ent|er|tion|ee?s?)|baiss(?:e|ent|er|ee?s?)"),
    (r"inferieur(?:e|s|es)?", r"superieur(?:e|s|es)?"),
    (r"obligatoires?", r"facultati(?:f|ve|fs|ves)"),
    ("le moins|la moins|les moins", "le plus|la plus|les plus"),
)
"""Words that change places: whichever a sentence has alone, the quote must not have only the other."""
_BOTH = tuple(
    (re.compile(rf"\b(?:{one})\b"), re.compile(rf"\b(?:{other})\b"))
    for pair in _PAIRS
    for one, other in (pair, pair[::-1])
)


def opposite(text: str, quote: str) -> str:
    """The word of the text of which the quote has only the opposite; "" where there is none."""
    return next(_opposites(level(text), level(quote)), "")


def _opposites(said: str, held: str) -> Iterator[str]:
    for one, other in _BOTH:
        found = one.search(said)
        if found and not other.search(said) and other.search(held) and not one.search(held):
            yield found.group()
