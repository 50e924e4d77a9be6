"""Runs of the owners' questions, so that the next one can say what changed. They hold ids and numbers, no text."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from threading import Lock
from typing import Any

from rag.evaluating.evaluation import Circumstances, CitationScores, Evaluation, EvaluationId, Outcome
from rag.evaluating.question import QuestionId
from rag.store.sealed_rows import SealedRows
from security.access import Grant, Right
from security.clock import Clock, utc_now

EVALUATIONS_KEPT = 50
"""Of a collection: the oldest go."""
_ID_BYTES = 4


class Evaluations:
    """Every run of every collection. Each call takes the right to manage."""

    def __init__(self, rows: SealedRows, clock: Clock = utc_now) -> None:
        self._rows, self._clock = rows, clock
        self._turn = Lock()  # a run is written, then those above the bound go

    def add(
        self, grant: Grant, circumstances: Circumstances, outcomes: Sequence[Outcome], *, is_answered: bool
    ) -> Evaluation:
        """Write a run down."""
        identifier = EvaluationId(secrets.token_hex(_ID_BYTES))
        made = Evaluation(identifier, self._clock(), is_answered, circumstances, tuple(outcomes))
        with self._turn:
            self._rows.put(grant, Right.MANAGE, made.id, _about(made))
            for old in self.all(grant)[:-EVALUATIONS_KEPT]:
                self._rows.drop(grant, Right.MANAGE, old.id)
        return made

    def all(self, grant: Grant) -> tuple[Evaluation, ...]:
        """The runs of a collection, oldest first."""
        held = self._rows.all(self._rows.key(grant), grant).items()
        found = (_read(EvaluationId(identifier), about) for identifier, about in held)
        return tuple(sorted(found, key=lambda evaluation: evaluation.at))

    def last(self, grant: Grant, *, is_answered: bool) -> Evaluation | None:
        """The newest run of that kind."""
        return next((each for each in reversed(self.all(grant)) if each.is_answered is is_answered), None)


def _about(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "at": evaluation.at.isoformat(),
        "is_answered": evaluation.is_answered,
        "circumstances": asdict(evaluation.circumstances),
        "outcomes": [asdict(outcome) for outcome in evaluation.outcomes],
    }


def _read(identifier: EvaluationId, about: Mapping[str, Any]) -> Evaluation:
    outcomes = tuple(map(_outcome, about["outcomes"]))
    circumstances = Circumstances(**about["circumstances"])
    return Evaluation(identifier, datetime.fromisoformat(about["at"]), about["is_answered"], circumstances, outcomes)


def _outcome(written: Mapping[str, Any]) -> Outcome:
    cited = written["citations"]
    kept = {**written, "question_id": QuestionId(written["question_id"])}
    return Outcome(**{**kept, "citations": CitationScores(**cited) if cited else None})
