"""What the model gets to read, and whether it is worth reading."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.documents import RankedPassage
from rag.retrieval.words import content_words, language_of

PASSAGE_TOKENS = 650
"""Prompt tokens are the cost on a CPU (about 100 a second): three to four passages."""
PASSAGES_MAX = 4
WEAK_SIMILARITY = 0.83
"""multilingual-e5 gives unrelated passages a mean cosine of 0.82."""
WEAK_COVERAGE = 0.34
"""A question with less than a third of its content words in what was found is not answered by it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The passages within the budget, best first, and how strong they are together."""

    passages: tuple[RankedPassage, ...]
    similarity: float
    coverage: float

    @property
    def is_weak(self) -> bool:
        """Whether to refuse without asking the model."""
        if not self.passages:
            return True
        return self.similarity < WEAK_SIMILARITY and self.coverage < WEAK_COVERAGE


def choose(
    ranked: Sequence[RankedPassage], question: str, count_tokens: Callable[[str], int], budget: int = PASSAGE_TOKENS
) -> Evidence:
    """The best passages that fit the budget; the first always, so that something is read."""
    chosen: list[RankedPassage] = []
    spent = 0
    for item in ranked[:PASSAGES_MAX]:
        cost = count_tokens(item.passage.chunk.text)
        if chosen and spent + cost > budget:
            continue
        chosen.append(item)
        spent += cost
    similarity = max((item.dense or 0.0 for item in chosen), default=0.0)
    return Evidence(tuple(chosen), similarity, coverage(question, chosen))


def coverage(question: str, passages: Sequence[RankedPassage]) -> float:
    """The share of the question's content words that stand in the passages, 0 to 1; 1 for a question without any.

    Stems depend on the language: passages are read in the question's, so across languages only names and numbers
    count, and similarity decides.
    """
    language = language_of(question)
    wanted = set(content_words(question, language))
    if not wanted:
        return 1.0
    held = {word for item in passages for word in content_words(_words(item), language)}
    return len(wanted & held) / len(wanted)


def _words(item: RankedPassage) -> str:
    chunk = item.passage.chunk
    return "\n".join((item.passage.document.title, *chunk.headings, chunk.text))
