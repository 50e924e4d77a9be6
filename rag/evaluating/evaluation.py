"""One run of an owner's questions: how each went, and under which circumstances."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NewType

from rag.evaluating.question import QuestionId

EvaluationId = NewType("EvaluationId", str)


@dataclass(frozen=True, slots=True)
class CitationScores:
    """How right the citations of an answer are, 0 to 1: by document and by page. Nothing cited has no precision."""

    document_precision: float | None
    document_recall: float
    page_precision: float | None
    page_recall: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one question went.

    `rank` is that of the first document that answers it, from 1, or None beyond those that count; `page_rank` the
    same of its page. Both, `ndcg` and `recall` are None where the documents do not answer it. `refused` is None where
    it was only searched; `reason` says why it was refused, or is empty. `citations` is None where it was only searched
    or nothing answers it; `contained`, whether an expected wording stands in the answer, where none is expected, too.
    """

    question_id: QuestionId
    rank: int | None
    page_rank: int | None
    ndcg: float | None
    recall: float | None
    refused: bool | None = None
    reason: str = ""
    citations: CitationScores | None = None
    contained: bool | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a run may differ by: the documents, the models, the release, the settings by name."""

    documents: int
    passages: int
    content: str
    """Digest of which documents the collection held, and where."""
    embedder: str
    model: str
    """Empty where nothing was answered."""
    release: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A run, with an outcome a question in the order of the questions."""

    id: EvaluationId
    at: datetime
    is_answered: bool
    circumstances: Circumstances
    outcomes: tuple[Outcome, ...]
