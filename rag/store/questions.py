"""The questions by which the owners of a collection measure it."""

import secrets
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from rag.errors import QuestionRefused, QuestionUnknown
from rag.evaluating.question import ANSWERS_MAX, GOLDS_MAX, Gold, Question, QuestionId
from rag.store.sealed_rows import SealedRows
from security.access import Grant, Right
from security.clock import Clock, utc_now

QUESTIONS_MAX = 1000
"""Of a collection: each is searched, and perhaps answered, at every run."""
QUESTION_CHARACTERS_MAX = 4000
ANSWER_CHARACTERS_MAX = 400
_ID_BYTES = 4


class Questions:
    """Every question of every collection. Each call takes the right to manage."""

    def __init__(self, rows: SealedRows, clock: Clock = utc_now) -> None:
        self._rows, self._clock = rows, clock
        self._turn = Lock()  # questions are counted, then one more is written

    def add(
        self, grant: Grant, text: str, golds: Sequence[Gold], report: str = "", answers: Sequence[str] = ()
    ) -> Question:
        """Write a question down. Raises QuestionRefused at the bounds."""
        wordings = tuple(dict.fromkeys(filter(None, map(str.strip, answers))))
        with self._turn:
            if len(self.all(grant)) >= QUESTIONS_MAX:
                raise QuestionRefused(f"the collection has {QUESTIONS_MAX} questions; drop some first")
            if not 0 < len(text.strip()) <= QUESTION_CHARACTERS_MAX or len(golds) > GOLDS_MAX:
                raise QuestionRefused(
                    f"a question has 1 to {QUESTION_CHARACTERS_MAX} characters and at most {GOLDS_MAX} golds"
                )
            _check_wordings(wordings, is_answerable=bool(golds))
            day = self._clock().date().isoformat()
            made = Question(QuestionId(secrets.token_hex(_ID_BYTES)), text.strip(), tuple(golds), day, report, wordings)
            self._rows.put(grant, Right.MANAGE, made.id, _about(made))
        return made

    def all(self, grant: Grant) -> tuple[Question, ...]:
        """The questions of a collection, oldest first."""
        held = self._rows.all(self._rows.key(grant), grant).items()
        found = (_read(QuestionId(identifier), about) for identifier, about in held)
        return tuple(sorted(found, key=lambda question: (question.day, question.id)))

    def drop(self, grant: Grant, question_id: str) -> None:
        """Remove a question. Raises QuestionUnknown."""
        if not self._rows.drop(grant, Right.MANAGE, question_id):
            raise QuestionUnknown("there is no such question; see `huisclos question list`")


def _check_wordings(answers: Sequence[str], *, is_answerable: bool) -> None:
    if answers and not is_answerable:
        raise QuestionRefused("a question that no document answers has no expected answer: leave one of the two out")
    if len(answers) > ANSWERS_MAX or any(len(answer) > ANSWER_CHARACTERS_MAX for answer in answers):
        raise QuestionRefused(f"at most {ANSWERS_MAX} expected answers of {ANSWER_CHARACTERS_MAX} characters each")


def _about(question: Question) -> dict[str, Any]:
    golds = [[gold.doc, gold.page, gold.passage] for gold in question.golds]
    kept = {"text": question.text, "golds": golds, "day": question.day, "report": question.report}
    return {**kept, "answers": list(question.answers)}


def _read(identifier: QuestionId, about: Mapping[str, Any]) -> Question:
    golds = tuple(Gold(*gold) for gold in about["golds"])
    answers = tuple(about.get("answers", ()))
    return Question(identifier, about["text"], golds, about["day"], about["report"], answers)
