"""A summary says what its document says: each point is checked against its own part, or is a sentence of it."""

import threading

import pytest

from models.generation import GenerationRequest
from rag.answering.answer import Language
from rag.tasks import summarising
from rag.tasks.work import Length, Progressed, Standing, Task, Trouble
from tests.rag.tasks.conftest import Counter, Reader

LEAVE = "Employees have 25 days of annual leave a year."
CARRIED = "Up to 5 days of annual leave may be carried over to March."
BADGE = "A lost badge is replaced by the front desk within one day."
WORN = "Badges are worn at all times in the house."
RULES = f"# House rules\n\n## Leave\n\n{LEAVE} {CARRIED}\n\n## Badges\n\n{BADGE} {WORN}\n"


def told(request: GenerationRequest) -> str:
    return CARRIED if "carried" in request.messages[-1].content else f"{BADGE} The moon is made of cheese."


@pytest.fixture
def rules(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> Counter:
    monkeypatch.setattr(summarising, "GROUP_TOKENS", 30)
    counter.load({"rules.md": RULES, "other.md": "# Other\n\nNothing of the kind is written in this document here.\n"})
    return counter


def test_each_point_is_cited_and_what_is_not_supported_is_left_out(rules: Counter) -> None:
    work = rules.work(Task.SUMMARISE, "house rules", Reader(told))
    (section,) = work.sections
    assert section.heading == "House rules"
    assert [line.text for line in section.told] == [CARRIED, BADGE]
    assert {line.standing for line in section.told} == {Standing.CHECKED}
    assert all(line.citations for line in section.told)
    assert work.language is Language.ENGLISH


def test_a_part_of_which_the_model_says_nothing_true_speaks_for_itself(rules: Counter) -> None:
    work = rules.work(Task.SUMMARISE, "house rules", Reader(lambda _: "Employees have 99 days of annual leave."))
    lines = work.sections[0].told
    assert {line.standing for line in lines} == {Standing.QUOTED}
    assert all(line.text in RULES for line in lines)


def test_a_document_that_is_too_long_gives_its_own_sentences_without_the_model(
    rules: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summarising, "READ_TOKENS_MAX", 20)
    reader = Reader(told)
    work = rules.work(Task.SUMMARISE, "house rules", reader)
    assert work.is_extract
    assert reader.requests == []
    assert all(line.text in RULES and line.citations for line in work.sections[0].told)


def test_a_short_one_has_fewer_points(rules: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(summarising.POINTS, Length.SHORT, 1)
    work = rules.work(Task.SUMMARISE, "house rules", Reader(told), length=Length.SHORT)
    assert work.total == len(work.sections[0].lines) == 1


def test_how_far_it_is_is_told_and_it_can_be_stopped(rules: Counter) -> None:
    events = rules.events(Task.SUMMARISE, "house rules", Reader(told))
    assert [event for event in events if isinstance(event, Progressed)] == [Progressed(0, 2), Progressed(1, 2)]
    stop = threading.Event()

    def stopping(request: GenerationRequest) -> str:
        stop.set()
        return told(request)

    reader = Reader(stopping)
    assert rules.work(Task.SUMMARISE, "house rules", reader, cancelled=stop).trouble is Trouble.STOPPED
    assert len(reader.requests) == 1


def test_the_end_of_one_call_does_not_stop_the_others(rules: Counter) -> None:
    stop = threading.Event()
    reader = Reader(told)
    rules.events(Task.SUMMARISE, "house rules", reader, cancelled=stop)
    assert len(reader.requests) == 2
    assert not stop.is_set()


def test_the_system_message_is_the_same_for_every_document(rules: Counter) -> None:
    reader = Reader(told)
    rules.events(Task.SUMMARISE, "house rules", reader)
    rules.events(Task.SUMMARISE, "other", reader)
    assert len({request.messages[0].content for request in reader.requests}) == 1
    assert all("<passage>" in request.messages[-1].content for request in reader.requests)


def test_an_unknown_document_asks_no_model(rules: Counter) -> None:
    assert rules.work(Task.SUMMARISE, "xylophone").trouble is Trouble.NO_SUCH_DOCUMENT
