"""Many questions from a file, answered into another. Stopped anywhere and run again, it continues.

Questions are JSON lines with `id`, `question` and, where it is a follow-up, `history`: a list of `role`, `content`.
Predictions are JSON lines with `id`, `answer`, `refused`, `reason`, `citations` (`doc`, `page`, `text`), `ranked_docs`.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat.admin.jsonlines import json_line, read_rows
from chat.admin.outcomes import InputWrong
from chat.errors import ChatError

ROLES = ("user", "assistant")
QUESTIONS_MAX = 1_000_000


class AnswerLost(ChatError):
    """The events of a question ended before its answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """One line of a batch. An id is a string or a whole number, and stays what it was in the predictions."""

    id: str | int
    text: str
    history: tuple[Mapping[str, str], ...] = ()


def read_questions(path: Path) -> tuple[Question, ...]:
    """Every question of a file, in order. Raises InputWrong with the line and the remedy before anything is asked."""
    questions: list[Question] = []
    places: dict[str | int, str] = {}
    for where, row in read_rows(path):
        question = _question(row, where)
        if question.id in places:
            raise InputWrong(f"{where}: id {question.id!r} stands in {places[question.id]} too; make ids unique")
        places[question.id] = where
        questions.append(question)
    if len(questions) > QUESTIONS_MAX:
        raise InputWrong(f"{path} holds {len(questions)} questions, expected at most {QUESTIONS_MAX}; split the file")
    return tuple(questions)


def resume(out: Path) -> frozenset[str | int]:
    """The ids that `out` answers already. A last line that a stopped run left half written is cut off."""
    if not out.exists():
        return frozenset()
    whole = out.read_bytes().rpartition(b"\n")
    if whole[2]:
        os.truncate(out, len(whole[0]) + len(whole[1]))
    return frozenset(_answered(row, where) for where, row in read_rows(out))


def prediction(question: Question, answer: Mapping[str, Any]) -> str:
    """The line that goes to the predictions."""
    cited = [{"doc": item["doc"], "page": item["page"], "text": item["quote"]} for item in answer["citations"]]
    kept = {name: answer[name] for name in ("answer", "refused", "reason")}
    return json_line({"id": question.id, **kept, "citations": cited, "ranked_docs": answer["ranked_docs"]})


def final_answer(events: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The answer that the events of an `ask` end with. Raises AnswerLost where they end without one."""
    answer: Mapping[str, Any] | None = None
    for event in events:
        answer = event.get("answer", answer)
    if answer is None:
        raise AnswerLost("the answer was stopped before its end; ask again")
    return answer


def _question(row: Mapping[str, Any], where: str) -> Question:
    identifier, text, history = row.get("id"), row.get("question"), row.get("history") or []
    if isinstance(identifier, bool) or not isinstance(identifier, str | int):
        raise InputWrong(f'{where} has no id; give each line an "id" (a string or a whole number) of its own')
    if not isinstance(text, str) or not text.strip():
        raise InputWrong(f'{where} has no question; give it a "question" with text')
    if not isinstance(history, list) or not all(_is_turn(turn) for turn in history):
        raise InputWrong(
            f'{where} has a history of another shape, expected a list of {{"role": "user" or "assistant", '
            f'"content": text}}; correct it or take it out'
        )
    return Question(identifier, text, tuple({"role": turn["role"], "content": _said(turn)} for turn in history))


def _is_turn(turn: object) -> bool:
    return isinstance(turn, dict) and turn.get("role") in ROLES and isinstance(_said(turn), str)


def _said(turn: Mapping[str, Any]) -> Any:
    """What a turn says: `content`, or `text` as question sets of the field write it."""
    return turn.get("content", turn.get("text"))


def _answered(row: Mapping[str, Any], where: str) -> str | int:
    identifier = row.get("id")
    if not isinstance(identifier, str | int):
        raise InputWrong(f"{where} is not a prediction: it has no id; name another file with --out")
    return identifier
