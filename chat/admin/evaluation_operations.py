"""The owners' own questions asked again: how each went, what it comes to, and what changed since the last time."""

import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib import metadata

from chat.admin.ablation import Search, ablation
from chat.admin.beir import Query
from chat.admin.operations import Event, operation
from chat.admin.quality_operations import owned
from chat.assembly import House
from models.catalogue import ModelEntry, Task
from rag.answering.answerer import CANDIDATE_PASSAGES
from rag.documents import DocumentInfo
from rag.errors import QuestionUnknown
from rag.evaluating.comparing import causes, changed
from rag.evaluating.evaluation import Circumstances, Evaluation, Outcome
from rag.evaluating.question import Question
from rag.evaluating.running import Ask, asked_of, run, unanswered
from rag.evaluating.summary import summarise
from rag.retrieval.search import Searcher
from rag.retrieval.stages import Stages
from security.access import Grant, Right

SECTIONS = ("models", "index", "retrieval", "answering")
"""Sections of the settings that answers may depend on."""
_PLACES = frozenset({"models.folder"})
"""Settings of these that say where something lies."""
_DIGEST_CHARACTERS = 12
_FIRST: Event = {"before": None, "before_at": None, "causes": [], "changed": []}


@operation("eval")
def evaluate(house: House, name: str, user: str = "") -> Iterator[Event]:
    """Search every question of the owners; the last event tells what it comes to."""
    yield from _evaluated(house, name, user, unanswered, is_answered=False)


@operation("eval.answers")
def evaluate_answers(
    house: House, name: str, user: str = "", cancelled: threading.Event | None = None
) -> Iterator[Event]:
    """Search and answer every question. Stopped before the end, the run is not kept."""
    reading, stop = owned(house, name, user, Right.READ), cancelled or threading.Event()
    try:
        yield from _evaluated(house, name, user, asked_of(house.answerer, reading, stop), stop, is_answered=True)
    finally:
        stop.set()


@operation("eval.ablate")
def evaluate_stages(house: House, name: str, user: str = "") -> Iterator[Event]:
    """Search every question that something answers without each stage, and by one retriever alone; nothing is kept."""
    managing, reading = owned(house, name, user), owned(house, name, user, Right.READ)
    questions = _questions(house, managing)
    house.audit.record(managing.principal.user_id, "eval", managing.collection_id, "begun")

    def searching(stages: Stages) -> Search:
        searcher = Searcher(house.documents, house.index, house.embedder, stages)
        return lambda question: searcher.search([reading], question, CANDIDATE_PASSAGES)

    queries = [Query(question.id, question.text) for question in questions]
    golds = {str(question.id): frozenset(question.docs) for question in questions}
    yield from map(asdict, ablation(searching, queries, golds))


def _questions(house: House, managing: Grant) -> tuple[Question, ...]:
    questions = house.documents.quality.questions.all(managing)
    if not questions:
        raise QuestionUnknown("the collection has no questions; `huisclos question add` makes one")
    return questions


def _evaluated(
    house: House, name: str, user: str, ask: Ask, stop: threading.Event | None = None, *, is_answered: bool
) -> Iterator[Event]:
    managing, reading = owned(house, name, user), owned(house, name, user, Right.READ)
    quality, who = house.documents.quality, managing.principal.user_id
    questions = _questions(house, managing)
    house.audit.record(who, "eval", managing.collection_id, "begun")
    outcomes: list[Outcome] = []
    for question, outcome in zip(questions, run(house.searcher, reading, questions, ask), strict=True):
        if stop and stop.is_set():
            return
        outcomes.append(outcome)
        yield _went(question, outcome)
    before = quality.evaluations.last(managing, is_answered=is_answered)
    infos = house.documents.documents(managing)
    held = circumstances(house, infos, is_answered=is_answered)
    now = quality.evaluations.add(managing, held, outcomes, is_answered=is_answered)
    house.audit.record(who, "eval", managing.collection_id, "done")
    yield {**_told(now, before), "gone": _gone(questions, infos)}


def circumstances(house: House, infos: Sequence[DocumentInfo], *, is_answered: bool) -> Circumstances:
    """What a run of now depends on."""
    held = "\n".join(sorted(f"{info.id} {info.path}" for info in infos))
    embeds = house.models.chosen(Task.EMBED)
    return Circumstances(
        documents=len(infos),
        passages=sum(info.passages for info in infos),
        content=hashlib.sha256(held.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARACTERS],
        embedder=_named(embeds),
        model=_writer(house) if is_answered else "",
        release=metadata.version("huisclos"),
        settings=_settings(house),
    )


def _writer(house: House) -> str:
    return house.writer if house.settings.models.servers else _named(house.models.chosen(Task.GENERATE))


def _named(entry: ModelEntry) -> str:
    return f"{entry.name} {(entry.sha256 or '')[:_DIGEST_CHARACTERS]}".strip()


def _settings(house: House) -> dict[str, str]:
    tree = house.settings.model_dump(mode="json")
    found = {
        f"{section}.{name}": json.dumps(value) for section in SECTIONS for name, value in tree.get(section, {}).items()
    }
    return {name: value for name, value in found.items() if name not in _PLACES}


def _went(question: Question, outcome: Outcome) -> Event:
    fields = asdict(outcome)
    del fields["question_id"]
    return {"question": question.id, "text": question.text, "golds": [str(gold) for gold in question.golds], **fields}


def _told(now: Evaluation, before: Evaluation | None) -> Event:
    """What a run comes to, beside the last one."""
    summary = summarise(now.outcomes)
    return {
        "evaluation": now.id,
        "at": now.at.isoformat(),
        "questions": summary.questions,
        "answerable": summary.answerable,
        "metrics": summary.metrics,
        "circumstances": asdict(now.circumstances),
        **(_compared(now, before) if before else _FIRST),
    }


def _compared(now: Evaluation, before: Evaluation) -> Event:
    return {
        "before": summarise(before.outcomes).metrics,
        "before_at": before.at.isoformat(),
        "causes": [asdict(cause) for cause in causes(before.circumstances, now.circumstances)],
        "changed": [
            {"question": each.question_id, "fields": {name: list(pair) for name, pair in each.fields.items()}}
            for each in changed(before, now)
        ],
    }


def _gone(questions: Sequence[Question], infos: Sequence[DocumentInfo]) -> list[str]:
    """Golds that are no documents of the collection any more."""
    there = {info.path for info in infos}
    return sorted({gold.doc for question in questions for gold in question.golds} - there)
