"""The best passages put in a better order by what their texts share with the question: six signals, one weighted sum.

No cross-encoder: a pair costs 115 ms of a core, all of this 7 ms for 30 passages, most while the question is embedded.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from rag.answering.answer import Language
from rag.documents import Passage, PassageId, RankedPassage
from rag.retrieval.words import content_words, fold, spoken, spoken_in

DEPTH = 30
"""Passages looked at; the others stay behind them in their order."""
WINDOW_WORDS = 20
"""Content words that stand near each other: about two sentences."""
WEIGHTS = {"fused": 1.0, "cover": 1.4, "window": 1.3, "names": 0.7, "grams": 2.7, "kin": 0.4}
"""Fitted on questions of SQuAD 2.0, MTRAG-UN and PIAF about documents that are in no evaluation set (ADR 18)."""

_NAME = re.compile(r"(?<!^)(?<![.!?«\"] )\b[^\W\d_a-zà-ÿ][\w’'-]+|\d+(?:[.,]\d+)*")
_WORD = re.compile(r"\w+")
_Column = NDArray[np.float64]
_Stems = frozenset[str]


class _Query:
    """A question as passages are compared with it: its stems in each language, trigrams, names and numbers."""

    def __init__(self, text: str) -> None:
        self.language = spoken(text)
        self.stems = {language: frozenset(content_words(text, language)) for language in Language}
        self.any_stems = frozenset().union(*self.stems.values())
        self.grams = frozenset(_trigrams(_WORD.findall(fold(text))))
        self.names = frozenset(map(fold, _NAME.findall(text)))


@dataclass(frozen=True, slots=True)
class _Shared:
    """What a passage shares with a query: `asked` are the query's stems in the passage's language.

    `held` are those in any language, `windows` sets of the asked that stand near each other, `names` is a share.
    """

    language: Language
    asked: _Stems
    held: _Stems
    windows: frozenset[_Stems]
    grams: frozenset[str]
    names: float


class Comparison:
    """Passages compared with the question, and perhaps with it and what the conversation asked before: both count.

    Each passage is looked at once; those that will be ranked may be looked at before it is known how.
    """

    def __init__(self, queries: Sequence[str]) -> None:
        self._queries = [_Query(query) for query in queries]
        self._seen: dict[PassageId, list[_Shared]] = {}

    def look(self, passage: Passage) -> list[_Shared]:
        """What it shares with each query: 0.2 ms the first time."""
        if passage.id not in self._seen:
            self._seen[passage.id] = _shared(self._queries, passage)
        return self._seen[passage.id]

    def rerank(self, ranked: Sequence[RankedPassage]) -> tuple[RankedPassage, ...]:
        """The first DEPTH by their new scores, then the rest; each keeps its signals. Scores fall from first to last.

        Where a passage is in another language than a query, shared words say nothing against it.
        """
        head, rest = ranked[:DEPTH], ranked[DEPTH:]
        if not head or not self._queries:
            return tuple(ranked)
        looks = [self.look(item.passage) for item in head]
        fused = _standard(np.array([item.score for item in head]))
        alike = WEIGHTS["fused"] * fused + WEIGHTS["kin"] * _kin([item.passage.document.title for item in head], fused)
        words = [
            _by_words(query, shared) for query, shared in zip(self._queries, zip(*looks, strict=True), strict=True)
        ]
        scores = alike + sum(words) / len(words)
        order = np.argsort(-scores, kind="stable")
        best = tuple(replace(head[place], score=float(scores[place])) for place in order)
        below = best[-1].score - 1
        return (*best, *(replace(item, score=below - place) for place, item in enumerate(rest)))


def likeness(question: str, ranked: Sequence[RankedPassage]) -> float:
    """The share of the question's trigrams in the best passage, weighted by rarity among the first DEPTH: 0 to 1."""
    grams = frozenset(_trigrams(_WORD.findall(fold(question))))
    texts = (fold(f"{_above(item.passage)} {item.passage.chunk.text}") for item in ranked[:DEPTH])
    held = [_held(grams, _WORD.findall(text)) for text in texts]
    return _share(grams, held[0], _rarity(grams, held)) if held else 0.0


def _shared(queries: Sequence[_Query], passage: Passage) -> list[_Shared]:
    chunk, above = passage.chunk, _above(passage)
    text, folded_above = fold(chunk.text), fold(above)
    words = _WORD.findall(text)
    language = spoken_in(words, chunk.text) or Language.ENGLISH
    stems = content_words(chunk.text, language)
    held = frozenset(stems).union(content_words(above, language))
    all_words = (*_WORD.findall(folded_above), *words)
    folded = f"{folded_above} {text}"
    return [
        _Shared(
            language,
            query.stems[language],
            held & query.any_stems,
            _windows(query.stems[language], stems),
            _held(query.grams, all_words),
            sum(name in folded for name in query.names) / max(1, len(query.names)),
        )
        for query in queries
    ]


def _above(passage: Passage) -> str:
    return " ".join((passage.document.title, *passage.chunk.headings[-2:]))


def _held(grams: frozenset[str], words: Iterable[str]) -> frozenset[str]:
    """Those of the trigrams that the words hold."""
    spaced = f" {' '.join(words)} "
    return frozenset(gram for gram in grams if gram in spaced)


def _windows(asked: _Stems, stems: Sequence[str]) -> frozenset[_Stems]:
    """What of the asked stands within WINDOW_WORDS, from each of them on."""
    places = [place for place, stem in enumerate(stems) if stem in asked]
    return frozenset(asked.intersection(islice(stems, place, place + WINDOW_WORDS)) for place in places)


def _trigrams(words: Iterable[str]) -> Iterable[str]:
    """Of each word with a blank on either side: a misspelt word shares most of them."""
    padded = (f" {word} " for word in words)
    return (word[place : place + 3] for word in padded for place in range(len(word) - 2))


def _by_words(query: _Query, shared: Sequence[_Shared]) -> _Column:
    """What the words, names and trigrams of the query find in each passage: weighted shares, by rarity."""
    rarity = _rarity(frozenset().union(*(each.asked for each in shared)), [each.held for each in shared])
    gram_rarity = _rarity(query.grams, [each.grams for each in shared])
    columns = {
        "cover": _column(_share(each.asked, each.held & each.asked, rarity) for each in shared),
        "window": _column(
            max((_share(each.asked, near, rarity) for near in each.windows), default=0.0) for each in shared
        ),
        "grams": _column(_share(query.grams, each.grams, gram_rarity) for each in shared),
    }
    foreign = np.array([query.language is not None and each.language is not query.language for each in shared])
    if foreign.any() and not foreign.all():
        for column in columns.values():
            column[foreign] = column[~foreign].mean()
    columns["names"] = _column(each.names for each in shared)
    return sum((WEIGHTS[name] * column for name, column in columns.items()), np.zeros(len(shared)))


def _rarity(asked: Iterable[str], held: Sequence[frozenset[str]]) -> dict[str, float]:
    """Inverse document frequency (Robertson) among the passages looked at."""
    counts = {name: sum(name in one for one in held) for name in asked}
    return {name: math.log(1 + (len(held) - count + 0.5) / (count + 0.5)) for name, count in counts.items()}


def _share(asked: frozenset[str], held: frozenset[str], rarity: dict[str, float]) -> float:
    total = sum(map(rarity.__getitem__, asked))
    return sum(map(rarity.__getitem__, held)) / total if total else 0.0


def _kin(titles: Sequence[str], fused: _Column) -> _Column:
    """The best score of another passage of the same title; the lowest where there is none."""
    best = fused.min()
    return _column(
        max((score for other, score in enumerate(fused) if other != place and titles[other] == title), default=best)
        for place, title in enumerate(titles)
    )


def _standard(values: _Column) -> _Column:
    return np.asarray((values - values.mean()) / (values.std() or 1.0))


def _column(values: Iterable[float]) -> _Column:
    return np.fromiter(values, np.float64)
