"""How often there is no answer: where there should be none, and where there should be one."""

from collections.abc import Iterable, Sequence

from rag.evaluating.evaluation import Outcome


def refusal_rate(refused: Iterable[bool]) -> float | None:
    """The share that was refused, 0 to 1; None of nothing."""
    counted = list(refused)
    return sum(counted) / len(counted) if counted else None


def refusal_precision(outcomes: Sequence[Outcome]) -> float | None:
    """The share of refusals that are right, because the documents do not answer; None where nothing was refused."""
    return refusal_rate(each.ndcg is None for each in outcomes if each.refused)
