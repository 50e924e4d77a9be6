"""Answers questions over a collection that is loaded already, in this process, with drafts that are kept.

`python -m bench.replay --state DIR --questions FILE --records FILE --out FILE [--fill] [--sample N]`. Without `--fill`
no model writes: a change to searching, checking or refusing is measured in a minute, and questions whose prompt has
changed are named.
Predictions are lines as of `huisclos ask --batch`, and more of each answer for those who look into it.
"""

import argparse
import json
from pathlib import Path

from bench.evaluation import COLLECTION, Progress, sample
from bench.evaluation import read_rows as evaluation_rows
from bench.recorded import NotRecordedError, Recorded
from chat.admin.batch import AnswerLost, Question, prediction, read_questions
from chat.admin.jsonlines import json_line
from chat.admin.operations import answer_json
from chat.opening import open_house
from chat.settings import load_settings
from rag.answering.answer import Answer, Finished, Turn
from rag.answering.answerer import Answerer
from security.access import Grant, Right
from security.identity import OPERATOR


def main() -> None:
    """Replay or record; prints how many questions had no draft."""
    options = _options()
    missing: list[object] = []
    with open_house(options.state, load_settings(options.state)) as house, options.out.open("w") as out:
        found = house.collections.find(COLLECTION)
        if found is None:
            raise SystemExit(
                f"{options.state} holds no collection {COLLECTION}; `make eval ARGS=--keep` leaves one there"
            )
        grant = house.policy.grant(OPERATOR, found.id, Right.READ)
        recorded = Recorded(house.generator, options.records, fill=options.fill)
        answerer = Answerer(house.searcher, recorded, house.settings.answering.policy, house.meanings)
        questions = in_order(options.questions, options.sample)
        look = Progress(options.out, len(questions))
        for question in questions:
            try:
                row = _row(question, _answer(answerer, grant, question))
            except NotRecordedError:
                missing.append(question.id)
                continue
            out.write(row)
            out.flush()
            look()
    print(f"{len(questions) - len(missing)} answered, {len(missing)} without a draft: {missing[:20]}")


def in_order(path: Path, size: int | None) -> list[Question]:
    """The questions of a file in the order of which each beginning is a sample in proportion."""
    places = {row["id"]: place for place, row in enumerate(sample(evaluation_rows(path), size))}
    return sorted((each for each in read_questions(path) if each.id in places), key=lambda each: places[each.id])


def _answer(answerer: Answerer, grant: Grant, question: Question) -> Answer:
    turns = [Turn(turn["role"], turn["content"]) for turn in question.history]
    for event in answerer.answer([grant], question.text, turns):
        if isinstance(event, Finished) and not event.answer.is_unwritten:
            return event.answer
    raise AnswerLost("the events ended before the answer")


def _row(question: Question, answer: Answer) -> str:
    whole = answer_json(answer)
    more = {name: whole[name] for name in ("sentences", "timings")}
    return json_line({**json.loads(prediction(question, whole)), **more})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("state", "questions", "records", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--sample", type=int, help="only this many questions, languages and kinds in proportion")
    parser.add_argument("--fill", action="store_true", help="let the model write what is not kept yet")
    return parser.parse_args()


if __name__ == "__main__":
    main()
