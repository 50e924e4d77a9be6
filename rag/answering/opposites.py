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
_Patterns = tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]
_BOTH: _Patterns = tuple(
    (re.compile(rf"\b(?:{one})\b"), re.compile(rf"\b(?:{other})\b"))
    for pair in _PAIRS
    for one, other in (pair, pair[::-1])
)

_ACROSS = (
    (r"at least|au moins|minimum|minima\w*", r"at most|au plus|up to|jusqu'a|maximum|maxima\w*|limit\w*"),
    (r"before|prior to|avant", r"after|following|apres|suivant\w*"),
    (r"first|premi(?:er|ere|ers|eres)", r"last|derni(?:er|ere|ers|eres)"),
    (
        r"low(?:er|est)|small(?:er|est)|less|fewer|below|under|inferieur\w*|moins d\w*|le plus petit",
        r"high(?:er|est)|larg(?:er|est)|more than|over|above|exceed\w*|superieur\w*|plus de|le plus grand|depass\w*",
    ),
    (r"increas\w*|augment\w*|hausse\w*", r"decreas\w*|reduc\w*|diminu\w*|baiss\w*|redui\w*"),
    (r"always|toujours", r"never|jamais"),
    (r"mandatory|compulsory|obligatoires?", r"optional|facultati(?:f|ve|fs|ves)"),
    (r"employers?|employeurs?", r"employees?|salarie\w*|employes?|employees?|workers?|agents?"),
)
"""As _PAIRS, each in both languages."""
_BOTH_ACROSS = tuple(
    (re.compile(rf"\b(?:{one})\b"), re.compile(rf"\b(?:{other})\b"))
    for pair in _ACROSS
    for one, other in (pair, pair[::-1])
)

_AFFIRMS, _DENIES = (re.compile(rf"(?:\A|[.!?:;]\s?|\n\s*)({words})\b(?!-)") for words in ("oui|yes", "non|no"))
_REPLY_MAX = 8
_WORD = re.compile(r"[a-z]{5,}")
_UNDONE = re.compile(r"\bun([a-z]{5,})")
_STEM_MIN, _ENDING = 5, 4
"""Letters at the end of a longer word that may differ: "official" is undone by "unofficially"."""


def opposite(text: str, quote: str) -> str:
    """The word of the text of which the quote has only the opposite; "" where there is none."""
    said, held = level(text), level(quote)
    return next(_opposites(said, held), "") or _contrary_reply(said, held) or next(_undone(said, held), "")


def opposite_across(text: str, quote: str) -> str:
    """As `opposite`, of a quote in another language; "" where there is none."""
    said, held = level(text), level(quote)
    return next(_opposites(said, held, _BOTH_ACROSS), "") or _contrary_reply(said, held)


def is_reply(text: str) -> bool:
    """Whether a sentence begins with yes or no."""
    beginning = level(text[:_REPLY_MAX])
    return any(pattern.match(beginning) for pattern in (_AFFIRMS, _DENIES))


def _contrary_reply(said: str, held: str) -> str:
    """The yes of a text of which the quote says only no, or the other way round."""
    for one, other in ((_AFFIRMS, _DENIES), (_DENIES, _AFFIRMS)):
        reply = one.match(said)
        if reply and other.search(held) and not one.search(held):
            return reply[1]
    return ""


def _undone(said: str, held: str) -> Iterator[str]:
    """The words of a text that the quote has only with "un" before them."""
    for word in _UNDONE.findall(held):
        stem = word[: max(_STEM_MIN, len(word) - _ENDING)]
        same = next((each for each in _WORD.findall(said) if each.startswith(stem)), "")
        if same and not re.search(rf"\b{stem}", held):
            yield same


def _opposites(said: str, held: str, pairs: _Patterns = _BOTH) -> Iterator[str]:
    for one, other in pairs:
        found = one.search(said)
        if found and not other.search(said) and other.search(held) and not one.search(held):
            yield found.group()
