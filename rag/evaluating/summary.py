"""What a run comes to, in one number a metric."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rag.evaluating.evaluation import CitationScores, Outcome
from rag.evaluating.refusals import refusal_precision, refusal_rate

FIRST = 1


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over the questions that a metric is about, 0 to 1; None where there is none.

    `first` is the share of answerable questions whose document comes first, `page_first` whose page does.
    `refused` is of questions that the documents do not answer, `refused_wrongly` of the others, `refusal_precision` of
    what was refused. `contained` is of questions with an expected wording; citations are of answerable questions that
    were answered or refused.
    """

    questions: int
    answerable: int
    ndcg: float | None
    recall: float | None
    first: float | None
    page_first: float | None
    refused: float | None
    refused_wrongly: float | None
    refusal_precision: float | None
    contained: float | None
    document_precision: float | None
    document_recall: float | None
    page_precision: float | None
    page_recall: float | None

    @property
    def metrics(self) -> dict[str, float | None]:
        """The means by name."""
        counts = ("questions", "answerable")
        return {name: value for name, value in asdict(self).items() if name not in counts}


def summarise(outcomes: Sequence[Outcome]) -> Summary:
    """The means over a run."""
    answerable = [each for each in outcomes if each.ndcg is not None]
    others = [each for each in outcomes if each.ndcg is None]
    cited = [each.citations for each in outcomes if each.citations is not None]
    contained = [float(each.contained) for each in outcomes if each.contained is not None]
    return Summary(
        questions=len(outcomes),
        answerable=len(answerable),
        ndcg=_mean([each.ndcg for each in answerable if each.ndcg is not None]),
        recall=_mean([each.recall for each in answerable if each.recall is not None]),
        first=_mean([float(each.rank == FIRST) for each in answerable]),
        page_first=_mean([float(each.page_rank == FIRST) for each in answerable]),
        refused=refusal_rate(each.refused for each in others if each.refused is not None),
        refused_wrongly=refusal_rate(each.refused for each in answerable if each.refused is not None),
        refusal_precision=refusal_precision(outcomes),
        contained=_mean(contained),
        document_precision=_of(cited, lambda each: each.document_precision),
        document_recall=_of(cited, lambda each: each.document_recall),
        page_precision=_of(cited, lambda each: each.page_precision),
        page_recall=_of(cited, lambda each: each.page_recall),
    )


def _of(cited: Sequence[CitationScores], score: Callable[[CitationScores], float | None]) -> float | None:
    return _mean([value for each in cited if (value := score(each)) is not None])


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
