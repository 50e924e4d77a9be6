"""The best passages put in a better order by what their texts share with the question: six signals, one weighted sum.

No cross-encoder: one pair costs 115 ms of a core, all of this some 10 ms for 30 passages.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from rag.answering.answer import Language
from rag.documents import RankedPassage
from rag.retrieval.words import content_words, fold, language_of, spoken

DEPTH = 30
"""Passages looked at; the others stay behind them in their order."""
WINDOW_WORDS = 20
"""Content words that stand near each other: about two sentences."""
WEIGHTS = {"fused": 1.0, "cover": 1.4, "window": 1.3, "names": 0.7, "grams": 2.7, "kin": 0.4}
"""Fitted on questions of SQuAD 2.0, MTRAG-UN and PIAF about documents that are in no evaluation set (ADR 18)."""

_NAME = re.compile(r"(?<!^)(?<![.!?«\"] )\b[^\W\d_a-zà-ÿ][\w’'-]+|\d+(?:[.,]\d+)*")
_WORD = re.compile(r"\w+")
_Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _View:
    """A passage as it is compared: its stems in order, all stems with those of its title, folded text, trigrams."""

    language: Language
    stems: tuple[str, ...]
    held: frozenset[str]
    folded: str
    grams: frozenset[str]


def rerank(queries: Sequence[str], ranked: Sequence[RankedPassage]) -> tuple[RankedPassage, ...]:
    """The first DEPTH by their new scores, then the rest; each keeps its signals. Scores fall from first to last.

    Queries are the question, and perhaps the question with what the conversation asked before; their scores are
    averaged. Where a passage is in another language than a query, shared words say nothing against it.
    """
    head, rest = ranked[:DEPTH], ranked[DEPTH:]
    if not head or not queries:
        return tuple(ranked)
    views = [_view(item) for item in head]
    scores = sum((_scores(query, head, views) for query in queries), np.zeros(len(head))) / len(queries)
    order = np.argsort(-scores, kind="stable")
    best = tuple(replace(head[place], score=float(scores[place])) for place in order)
    below = best[-1].score - 1
    return (*best, *(replace(item, score=below - place) for place, item in enumerate(rest)))


def _scores(query: str, ranked: Sequence[RankedPassage], views: Sequence[_View]) -> _Column:
    shared = _shared(query, views)
    asked = spoken(query)
    foreign = np.array([asked is not None and view.language is not asked for view in views])
    if foreign.any() and not foreign.all():
        for column in shared.values():
            column[foreign] = column[~foreign].mean()
    fused = _standard(np.array([item.score for item in ranked]))
    titles = [item.passage.document.title for item in ranked]
    columns = shared | {"fused": fused, "names": _names(query, views), "kin": _kin(titles, fused)}
    return sum((WEIGHTS[name] * column for name, column in columns.items()), np.zeros(len(views)))


def _shared(query: str, views: Sequence[_View]) -> dict[str, _Column]:
    """What the words and trigrams of the query find in each passage: shares of their weight by rarity, 0 to 1."""
    asked = {language: frozenset(content_words(query, language)) for language in {view.language for view in views}}
    rarity = _rarity(frozenset().union(*asked.values()), [view.held for view in views])
    grams = _trigrams(fold(query))
    gram_rarity = _rarity(grams, [view.grams for view in views])
    wanted = [asked[view.language] for view in views]
    return {
        "cover": _column(_share(words, view.held, rarity) for words, view in zip(wanted, views, strict=True)),
        "window": _column(_window(words, view.stems, rarity) for words, view in zip(wanted, views, strict=True)),
        "grams": _column(_share(grams, view.grams, gram_rarity) for view in views),
    }


def _view(item: RankedPassage) -> _View:
    chunk, title = item.passage.chunk, item.passage.document.title
    above = " ".join((title, *chunk.headings[-2:]))
    language = language_of(chunk.text)
    stems = tuple(content_words(chunk.text, language))
    folded = fold(f"{above} {chunk.text}")
    return _View(language, stems, frozenset((*stems, *content_words(above, language))), folded, _trigrams(folded))


def _trigrams(folded: str) -> frozenset[str]:
    """Of each word with a blank on either side: a misspelt word shares most of them."""
    return frozenset(chain.from_iterable(map(_trigrams_of, set(_WORD.findall(folded)))))


@lru_cache(maxsize=2**14)
def _trigrams_of(word: str) -> tuple[str, ...]:
    """Most words were seen before: kept, this costs half as much."""
    padded = f" {word} "
    return tuple(padded[place : place + 3] for place in range(len(word)))


def _rarity(asked: Iterable[str], held: Sequence[frozenset[str]]) -> dict[str, float]:
    """Inverse document frequency (Robertson) among the passages looked at."""
    counts = {name: sum(name in one for one in held) for name in asked}
    return {name: math.log(1 + (len(held) - count + 0.5) / (count + 0.5)) for name, count in counts.items()}


def _share(asked: frozenset[str], held: frozenset[str], rarity: dict[str, float]) -> float:
    total = sum(rarity[name] for name in asked)
    return sum(rarity[name] for name in asked & held) / total if total else 0.0


def _window(asked: frozenset[str], stems: Sequence[str], rarity: dict[str, float]) -> float:
    """The largest share that stands within WINDOW_WORDS."""
    places = [place for place, stem in enumerate(stems) if stem in asked]
    near = (frozenset(islice(stems, place, place + WINDOW_WORDS)) for place in places)
    return max((_share(asked, held, rarity) for held in near), default=0.0)


def _names(query: str, views: Sequence[_View]) -> _Column:
    """The share of the query's names and numbers that a passage holds; the same in every language."""
    names = frozenset(map(fold, _NAME.findall(query)))
    return _column(sum(name in view.folded for name in names) / max(1, len(names)) for view in views)


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
