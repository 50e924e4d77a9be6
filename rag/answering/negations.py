"""Whether a sentence denies what its quote affirms, or the other way round: polarity compared clause by clause."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.answer import Language
from rag.answering.sentences import level
from rag.retrieval.words import content_words, language_of

ALIKE = 0.6
"""Share of the words of the shorter of two clauses that the other must hold to be about the same."""
SHARED_MIN = 2
DENIED_WORDS = 2
"""A denial is about the words next to it; farther ones are what it happens to."""
_NO_DENIAL = re.compile(
    r"\bnot only\b|\bnon seulement\b|\bpas seulement\b|\bno (?:later|more|less|fewer|longer than)\b"
    r"|\bnot (?:later|more|less|fewer|exceed\w*)\b|\b(?:pas|non) (?:plus|moins) d[e'u]\b|\bpas exceder\b"
    r"|\bwhether or not\b|\bou non\b|\bn'importe\b|\bno\.? ?\d|\bn'est-ce pas\b|\bnon-\w+|\bpas a pas\b"
)
_DENIAL = re.compile(
    r"\bn(?:e |')(?P<verb>(?:\w+ ){1,3}?)(?:pas|jamais|plus|personne|guere|aucune?s?|rien|nullement|ni)\b"
    r"|\b(?:pas|jamais|aucune?s?|rien|nullement|ni|sans|sauf|hormis|excepte|non)\b"
    r"|\b(?:not|never|no|none|nobody|nothing|neither|nor|cannot|without|unless|except|excluding)\b|n't\b"
)
_ENGLISH = re.compile(r"not|never|no|none|nobody|nothing|neither|cannot|n't")
_BAN = re.compile(
    r"\b(?:interdi(?:t|te|ts|tes|re|sent|ction|ctions)|prohib\w+|forbid\w*|forbade|illega\w+|illicite\w*|unlawful\w*"
    r"|impossible\w*|defendu(?:e|s|es)?|exclu(?:e|s|es|ent|t|re|ded|des)?)\b"
)
_MODAL = re.compile(
    r"\b(?:must|shall|might|need|allow(?:ed|s)?|permitted|doi(?:t|s|vent)|dev(?:ez|ons|ra|rait)|peu(?:t|x|vent)"
    r"|pouv(?:ez|ons|ait|oir)|autorise(?:e|s|es)?|permi(?:s|se))\b"
)
"""Words of what may and must be done: they change with the polarity, not with what is spoken of."""
_LEAVES_OUT = re.compile(r"\s*(?:sans|sauf|hormis|excepte|without|except|excluding)\b")
_CLAUSE = re.compile(
    r",(?!\d)|[;:()\n]|(?<=[.!?])\s|\s(?=(?:sans|sauf|hormis|excepte|without|except|unless)\b)"
    r"|\s(?:mais|but|et|and|ou|or|car|because|si|if|que|qu'|that|which|qui|who|while|lorsque|when|dont|whose|where)\s"
)


@dataclass(frozen=True, slots=True)
class _Clause:
    """A run of words between two joints; what it denies of them, and whether it begins with "without" or "except"."""

    text: str
    words: frozenset[str]
    denied: frozenset[str]
    denies: bool
    leaves_out: bool

    def contradicts(self, other: "_Clause") -> bool:
        """Whether one of the two denies what the other has without a denial."""
        denying, affirming = (self, other) if self.denies else (other, self)
        return denying.denies and not affirming.denies and not denying.denied.isdisjoint(affirming.words)

    def shares(self, other: "_Clause") -> bool:
        """Whether what one of two denials denies is spoken of in the other."""
        return not (self.denied.isdisjoint(other.words) and other.denied.isdisjoint(self.words))


def reversal(text: str, quote: str, language: Language) -> str:
    """The clause of the text whose polarity is not that of what the quote says of the same; "" where there is none.

    Of a quote that denies nothing at all, or nothing of the kind, a clause that denies anything is the contrary.
    """
    said, held = _clauses(text, language), _clauses(quote, language)
    levelled = level(quote)
    if not _DENIAL.search(levelled) and not _BAN.search(levelled):
        return next((clause.text for clause in said if clause.denies and clause.words), "")
    reversed_ = (clause.text for clause in said if _is_reversed(clause, held))
    lost = (_without(clause, held, said) for clause in held if clause.leaves_out)
    return next(reversed_, "") or next(filter(None, lost), "") or _unheld(said, held)


def denials(text: str) -> int:
    """How many clauses deny something: the same in either language, where two sentences say the same."""
    return sum(clause.denies for clause in _clauses(text, language_of(text)))


def _unheld(said: Sequence[_Clause], held: Sequence[_Clause]) -> str:
    """The clause of the answer that denies something of which the quote denies nothing."""
    denials = [clause for clause in held if clause.denies]
    unheld = (clause for clause in said if clause.denies and clause.denied)
    return next((clause.text for clause in unheld if not any(clause.shares(other) for other in denials)), "")


def _is_reversed(clause: _Clause, held: Sequence[_Clause]) -> bool:
    """Whether the quote has the contrary of the clause, and nowhere the clause itself."""
    alike = [other for other in held if _is_alike(clause, other)]
    contrary = [other for other in alike if clause.contradicts(other)]
    denied = clause.denied.union(*(other.denied for other in contrary))
    agreeing = (other for other in alike if other.denies is clause.denies and not denied.isdisjoint(other.words))
    return bool(contrary) and not any(agreeing)


def _is_alike(clause: _Clause, other: _Clause) -> bool:
    """Whether the two are about the same: most words of the one that has fewer stand in the other."""
    shared, fewer = len(clause.words & other.words), min(len(clause.words), len(other.words))
    least = 1 if clause.leaves_out or other.leaves_out else SHARED_MIN
    return shared >= least and shared >= ALIKE * fewer


def _without(clause: _Clause, held: Sequence[_Clause], said: Sequence[_Clause]) -> str:
    """The clause of the answer that has with it what the quote has only without."""
    elsewhere = any(clause.words <= other.words for other in held if not other.denies)
    within = [other for other in said if clause.words and clause.words <= other.words]
    denied = elsewhere or any(other.denies for other in within)
    return "" if denied or not within else within[0].text


def _clauses(text: str, language: Language) -> list[_Clause]:
    levelled = level(text)
    bounds = [0, *(place for match in _CLAUSE.finditer(levelled) for place in match.span()), len(levelled)]
    pairs = zip(bounds[::2], bounds[1::2], strict=True)
    return [_clause(text[start:end], language) for start, end in pairs if text[start:end].strip()]


def _clause(text: str, language: Language) -> _Clause:
    levelled = _NO_DENIAL.sub(" ", level(text))
    denial, ban = _DENIAL.search(levelled), _BAN.search(levelled)
    denied: set[str] = set()
    for cue in filter(None, (denial, ban)):
        before, after = _matter(levelled[: cue.start()], language), _matter(levelled[cue.end() :], language)
        verb = _matter(cue.groupdict().get("verb") or "", language)
        denied |= {*verb, *after[: DENIED_WORDS - len(verb)], *(before[-DENIED_WORDS:] if cue is ban else ())}
    words = frozenset(_matter(levelled, language))
    denies = _is_denied(levelled) is not (ban is not None)
    return _Clause(text.strip(), words, frozenset(denied), denies, bool(_LEAVES_OUT.match(levelled)))


def _is_denied(levelled: str) -> bool:
    """French says one denial with several words; in English two are none."""
    cues = [cue.group() for cue in _DENIAL.finditer(levelled)]
    english = [cue for cue in cues if _ENGLISH.fullmatch(cue)]
    return len(english) < len(cues) or len(english) % 2 == 1


def _matter(levelled: str, language: Language) -> list[str]:
    """The words of what is spoken of, in order, without those of denying, forbidding and allowing."""
    verb = _DENIAL.sub(lambda cue: f" {cue['verb'] or ''} ", levelled)
    return content_words(_MODAL.sub(" ", _BAN.sub(" ", verb)), language)
