"""What is different between two runs: how questions went, and what may be the cause."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from rag.evaluating.evaluation import Circumstances, CitationScores, Evaluation, Outcome
from rag.evaluating.question import QuestionId

WENT = ("rank", "page_rank", "refused", "reason", "contained")
CITED = tuple(field.name for field in fields(CitationScores))


@dataclass(frozen=True, slots=True)
class Changed:
    """A question that went otherwise than the last time: which fields, from what to what."""

    question_id: QuestionId
    fields: Mapping[str, tuple[object, object]]


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that a run differs by from the last one: `load`, `model`, `embedder`, `release`, `setting NAME`."""

    name: str
    before: str
    now: str


def changed(before: Evaluation, now: Evaluation) -> tuple[Changed, ...]:
    """The questions of both runs that went otherwise, in the order of the newer one."""
    known = {outcome.question_id: outcome for outcome in before.outcomes}
    pairs = ((known[each.question_id], each) for each in now.outcomes if each.question_id in known)
    found = (Changed(new.question_id, dict(_fields(old, new))) for old, new in pairs)
    return tuple(each for each in found if each.fields)


def causes(before: Circumstances, now: Circumstances) -> tuple[Cause, ...]:
    """All that may be why."""
    return tuple(_causes(before, now))


def _fields(old: Outcome, new: Outcome) -> Iterator[tuple[str, tuple[object, object]]]:
    """What a person cares for: where the document and its page came, and whether and how well it was answered."""
    for name in WENT:
        pair = getattr(old, name), getattr(new, name)
        if pair[0] != pair[1]:
            yield name, pair
    for name in CITED:
        pair = getattr(old.citations, name, None), getattr(new.citations, name, None)
        if pair[0] != pair[1]:
            yield name, pair


def _causes(before: Circumstances, now: Circumstances) -> Iterator[Cause]:
    if before.content != now.content:
        yield Cause("load", _held(before), _held(now))
    for name in ("model", "embedder", "release"):
        if getattr(before, name) != getattr(now, name):
            yield Cause(name, getattr(before, name), getattr(now, name))
    for name in sorted({*before.settings, *now.settings}):
        pair = before.settings.get(name, ""), now.settings.get(name, "")
        if pair[0] != pair[1]:
            yield Cause(f"setting {name}", *pair)


def _held(circumstances: Circumstances) -> str:
    return f"{circumstances.documents} documents, {circumstances.passages} passages ({circumstances.content})"
