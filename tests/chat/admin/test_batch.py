"""Batches: what is read, what is said about bad lines, where they resume."""

import json
from pathlib import Path

import pytest

from chat.admin.batch import AnswerLost, Question, final_answer, prediction, read_questions, resume
from chat.admin.outcomes import InputWrong

GOOD = '{"id": "a", "question": "Qui ?"}\n'


def test_questions_keep_their_order_ids_and_history(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    turn = {"role": "user", "content": "Combien de jours ?"}
    path.write_text(
        GOOD + "\n" + json.dumps({"id": 7, "question": "And then?", "history": [turn], "lang": "en"}) + "\n"
    )
    assert read_questions(path) == (Question("a", "Qui ?"), Question(7, "And then?", (turn,)))


def test_a_turn_may_say_its_words_as_text(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(json.dumps({"id": "a", "question": "Et ?", "history": [{"role": "user", "text": "Qui ?"}]}) + "\n")
    assert read_questions(path)[0].history == ({"role": "user", "content": "Qui ?"},)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"id": "b", "question": ', "is not JSON"),
        ('["b", "Qui ?"]', "expected an object"),
        ('{"question": "Qui ?"}', "has no id"),
        ('{"id": true, "question": "Qui ?"}', "has no id"),
        ('{"id": "b", "question": " "}', "has no question"),
        ('{"id": "b", "question": "Qui ?", "history": ["Quoi ?"]}', "history"),
        ('{"id": "b", "question": "Qui ?", "history": [{"role": "system", "content": "x"}]}', "history"),
        ('{"id": "a", "question": "Qui ?"}', "stands in .*line 1 too"),
    ],
)
def test_a_bad_line_is_named_with_its_number_before_anything_is_asked(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(GOOD + line + "\n")
    with pytest.raises(InputWrong, match=rf"questions\.jsonl line 2.*{says}"):
        read_questions(path)


def test_bytes_that_are_not_utf_8_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_bytes(b'{"id": "a", "question": "\xe9"}\n')
    with pytest.raises(InputWrong, match="line 1"):
        read_questions(path)


def test_a_half_written_line_is_cut_off_and_asked_again(tmp_path: Path) -> None:
    out = tmp_path / "predictions.jsonl"
    out.write_text('{"id": "a"}\n{"id": 7}\n{"id": "b", "answ')
    assert resume(out) == {"a", 7}
    assert out.read_text() == '{"id": "a"}\n{"id": 7}\n'


def test_a_first_line_half_written_leaves_an_empty_file(tmp_path: Path) -> None:
    out = tmp_path / "predictions.jsonl"
    out.write_text('{"id": "a", "ans')
    assert resume(out) == frozenset()
    assert out.read_text() == ""


def test_nothing_is_resumed_where_nothing_is(tmp_path: Path) -> None:
    assert resume(tmp_path / "predictions.jsonl") == frozenset()


def test_a_file_that_holds_something_else_is_not_written_into(tmp_path: Path) -> None:
    out = tmp_path / "notes.txt"
    out.write_text("my notes\n")
    with pytest.raises(InputWrong, match=r"notes\.txt line 1"):
        resume(out)
    assert out.read_text() == "my notes\n"


def test_a_prediction_has_the_fields_that_are_scored() -> None:
    answer = {
        "answer": "25 days.",
        "refused": False,
        "reason": None,
        "language": "en",
        "citations": [{"n": 1, "doc": "leave.md", "title": "Leave", "page": None, "quote": "25 days of leave"}],
        "ranked_docs": ["leave.md"],
    }
    line = prediction(Question("a", "How many?"), answer)
    assert line.endswith("\n")
    assert json.loads(line) == {
        "id": "a",
        "answer": "25 days.",
        "refused": False,
        "reason": None,
        "citations": [{"doc": "leave.md", "page": None, "text": "25 days of leave"}],
        "ranked_docs": ["leave.md"],
    }


def test_a_prediction_stays_on_its_line_whatever_it_quotes() -> None:
    answer = {
        "answer": "a\u2028b\x85c\nd",
        "refused": True,
        "reason": "model_silent",
        "citations": [],
        "ranked_docs": [],
    }
    line = prediction(Question("a", "?"), answer)
    assert len(line.splitlines()) == 1
    assert json.loads(line)["answer"] == answer["answer"]


def test_an_answer_that_never_came_is_not_an_empty_one() -> None:
    with pytest.raises(AnswerLost):
        final_answer([{"step": "searching"}])
