"""What the model gets to read, and whether it is worth reading."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from rag.answering.answer import LeftOut, WhyLeftOut
from rag.documents import RankedPassage
from rag.retrieval.rerank import likeness
from rag.retrieval.words import content_words, language_of, spoken

PASSAGE_TOKENS = 600
"""Prompt tokens are the cost on a CPU (about 100 a second)."""
PASSAGES_MAX = 3
"""The passage with the answer is among the first three for 98.0 % of 244 questions, the first four for 98.4 %."""

WORDS_WEIGHT = 0.05
STRENGTH_MIN = 0.8692
"""Strength is `similarity + 0.05 x (coverage x margin + likeness)`. The weight was found on questions about documents
that are in no evaluation set; the bound refuses 4 % of 358 answerable ones that are (docs/evaluation.md)."""
FOREIGN_WORDS = STRENGTH_MIN - 0.84
"""What words count for where the best passage is in another language than the question: cosine 0.84 passes then."""
RIVALS = slice(5, 20)
"""The lexical ranks that the best one is compared with: those that match by chance."""


LOOKED_AT = 8
"""How many of the best passages are told to be left out, each with why."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The passages within the budget, best first, what else was near, and the signals of how strong the search is.

    `similarity` is the highest cosine of a passage to the question, `coverage` the share of the question's words in
    the passage that has most of them, `margin` how far the best BM25 stands above those that match by chance (0 to 1),
    `likeness` the share of the question's trigrams of letters in the best passage: a misspelt word keeps most of them.
    `is_foreign` tells that the best passage is in another language than the question, so that words say nothing.
    """

    passages: tuple[RankedPassage, ...]
    left_out: tuple[LeftOut, ...]
    similarity: float
    coverage: float
    margin: float
    likeness: float
    is_foreign: bool = False

    @property
    def strength(self) -> float:
        """One number for all signals; compare with STRENGTH_MIN."""
        words = FOREIGN_WORDS if self.is_foreign else WORDS_WEIGHT * (self.coverage * self.margin + self.likeness)
        return self.similarity + words

    @property
    def is_weak(self) -> bool:
        """Whether to refuse without asking the model."""
        return not self.passages or self.strength < STRENGTH_MIN


def choose(
    ranked: Sequence[RankedPassage],
    question: str,
    count_tokens: Callable[[str], int],
    budget: int = PASSAGE_TOKENS,
    passages_max: int = PASSAGES_MAX,
    duplicates: Collection[RankedPassage] = (),
) -> Evidence:
    """The best passages that fit the budget; the first always, so that something is read.

    `duplicates` are those of the ranked that say what an earlier one says: they count as found, and are not read.
    """
    chosen: list[RankedPassage] = []
    left_out: list[LeftOut] = []
    spent = 0
    for item in ranked[: max(passages_max, LOOKED_AT) + len(duplicates)]:
        if item in duplicates:
            left_out.append(LeftOut(item, WhyLeftOut.DUPLICATE))
            continue
        cost = count_tokens(item.passage.chunk.text)
        if len(chosen) == passages_max:
            left_out.append(LeftOut(item, WhyLeftOut.RANK))
        elif chosen and spent + cost > budget:
            left_out.append(LeftOut(item, WhyLeftOut.BUDGET))
        else:
            chosen.append(item)
            spent += cost
    similarity = max((item.dense for item in ranked if item.dense is not None), default=0.0)
    covered = coverage(question, ranked[:PASSAGES_MAX])
    words = (covered, margin(ranked), likeness(question, ranked))
    return Evidence(tuple(chosen), tuple(left_out[:LOOKED_AT]), similarity, *words, _is_foreign(question, ranked))


def coverage(question: str, passages: Sequence[RankedPassage]) -> float:
    """The share of the question's content words in the passage that holds most, 0 to 1; 1 for one without."""
    return max((_covered(question, _words(item)) for item in passages), default=0.0)


def _covered(question: str, text: str) -> float:
    language = language_of(text)
    wanted = frozenset(content_words(question, language))
    return len(wanted & frozenset(content_words(text, language))) / len(wanted) if wanted else 1.0


def margin(ranked: Sequence[RankedPassage]) -> float:
    """How far the best lexical score stands above the rank where words match by chance: 0 (no words match) to 1."""
    scores = sorted((item.lexical for item in ranked if item.lexical is not None), reverse=True)
    if not scores or scores[0] <= 0:
        return 0.0
    rivals = scores[RIVALS]
    return (scores[0] - sum(rivals) / max(1, len(rivals))) / scores[0]


def _is_foreign(question: str, ranked: Sequence[RankedPassage]) -> bool:
    asked = spoken(question)
    return bool(ranked) and asked is not None and language_of(ranked[0].passage.chunk.text) is not asked


def _words(item: RankedPassage) -> str:
    chunk = item.passage.chunk
    return "\n".join((item.passage.document.title, *chunk.headings[-2:], chunk.text))
