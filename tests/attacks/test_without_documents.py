"""Claim: while IT has not allowed it, nothing is answered without documents; where it is, each message says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.opening import initialise, open_house
from chat.settings import Answering, Settings
from chat.texts import texts
from chat.ui.commands import asked_for, offered
from chat.ui.works import show_work
from rag.answering.answer import Language
from rag.tasks.tasks import allowed_tasks
from rag.tasks.work import Delivered, Request, Standing, Task, Trouble, Work
from tests.attacks.planted import Planted
from tests.attacks.whole import Attacked
from tests.rag.answering.test_answerer import Scribe

pytestmark = pytest.mark.usefixtures("process_as_it_was")
DRAFT = "The moon is made of cheese. It has 12 holes [1](http://evil.example)."


@pytest.fixture(params=[False, True], ids=["not allowed", "allowed"])
def opened_house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    settings = Settings(answering=Answering(without_documents=request.param))
    initialise(tmp_path / "state", settings)
    with open_house(tmp_path / "state", settings) as opened:
        opened.__dict__["generator"] = Scribe(DRAFT)
        yield opened


def asked(opened_house: House) -> bool:
    return bool(opened_house.generator.requests)  # type: ignore[attr-defined]  # the twin above


def work_of(opened_house: House) -> Work:
    *_, last = opened_house.tasks.run(Task.WITHOUT_DOCUMENTS, (), Request("What is the moon made of?"))
    assert isinstance(last, Delivered)
    return last.work


def test_it_is_off_unless_somebody_sets_it() -> None:
    assert Settings().answering.without_documents is False


def test_the_model_is_not_asked_by_any_way_in_while_it_is_off(opened_house: House) -> None:
    is_allowed = opened_house.settings.answering.without_documents
    assert (work_of(opened_house).trouble is Trouble.NOT_ALLOWED) is not is_allowed
    *_, last = OPERATIONS["task.without_documents"](opened_house, text="What is the moon made of?")
    assert (last["work"]["trouble"] == "not_allowed") is not is_allowed
    assert asked(opened_house) is is_allowed


@pytest.mark.parametrize("language", list(Language))
def test_the_page_offers_it_where_it_is_allowed_alone_and_a_forged_command_changes_nothing(
    opened_house: House, language: Language
) -> None:
    name = texts(language)["tasks"]["without_documents"]["name"]
    is_allowed = opened_house.settings.answering.without_documents
    names = [command["id"] for command in offered(texts(language), allowed_tasks(without_documents=is_allowed))]
    assert (name in names) is is_allowed
    for command, content in ((name, "Hello"), (None, f"/{name} Hello")):
        task, _ = asked_for(command, content)
        assert task is Task.WITHOUT_DOCUMENTS  # what `tasks.run` then refuses
    assert work_of(opened_house).trouble in (None, Trouble.NOT_ALLOWED)


@pytest.mark.parametrize("language", list(Language))
def test_what_is_shown_says_that_nothing_stands_behind_it_and_cites_nothing(
    opened_house: House, language: Language
) -> None:
    work = work_of(opened_house)
    shown = show_work(work, texts(language))
    if work.trouble:
        assert shown == texts(language)["troubles"]["not_allowed"]
        return
    assert shown.startswith(texts(language)["ungrounded"])
    assert texts(language)["ungrounded_end"] in shown.split("\n\n")[-1]
    assert work.citations == ()
    assert {line.standing for section in work.sections for line in section.told} == {Standing.UNGROUNDED}
    assert "evil" not in shown
    *_, last = OPERATIONS["task.without_documents"](opened_house, text="What is the moon made of?")
    assert last["work"]["kind"] == "ungrounded"
    assert last["work"]["citations"] == []


def test_who_asked_is_in_the_record_before_the_model_is(opened_house: House) -> None:
    events = OPERATIONS["task.without_documents"](opened_house, text="What is the moon made of?")
    before = opened_house.audit.verify().entries
    next(events)
    assert opened_house.audit.verify().entries == before + 1
    events.close()  # type: ignore[attr-defined]  # a generator


@pytest.mark.parametrize(("command", "content"), [("free", "Hello"), (None, "/libre Hello"), ("libre", "/free Hello")])
def test_a_command_forged_over_the_socket_of_the_page_is_refused(
    house: Attacked, planted: Planted, command: str | None, content: str
) -> None:
    name = f"forger-{len(content)}-{command}"
    house.add_person(name, planted.canteen)
    with house.signed_in(name) as forger:
        chat = forger.chat()
        assert chat.ask(content, command=command) == texts(Language.ENGLISH)["troubles"]["not_allowed"]
        chat.settle()
        assert "The model alone" not in chat.heard  # it is not offered either
