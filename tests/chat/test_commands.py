"""A command is known in either language; one that is mistyped is met with the nearest, and a question stays one."""

import pytest

from chat.texts import texts
from chat.ui.commands import asked_for, is_yes, meant_by
from rag.answering.answer import Language
from rag.tasks.tasks import allowed_tasks
from rag.tasks.work import Task

EVERYTHING = allowed_tasks(without_documents=True)


@pytest.mark.parametrize(
    ("content", "task", "rest"),
    [
        ("/list notice period", Task.LIST, "notice period"),
        ("/lister préavis", Task.LIST, "préavis"),
        ("/résumer la charte, court", Task.SUMMARISE, "la charte, court"),
        ("/resumer la charte", Task.SUMMARISE, "la charte"),
        ("/LISTER préavis", Task.LIST, "préavis"),
        (" /rédiger\nBonjour", Task.DRAFT, "Bonjour"),
        ("/list", Task.LIST, ""),
        ("/liste préavis", None, "/liste préavis"),
        ("/list/notice", None, "/list/notice"),
        ("list notice", None, "list notice"),
    ],
)
def test_a_command_is_known_with_or_without_accents_and_capitals(content: str, task: Task | None, rest: str) -> None:
    assert asked_for(None, content) == (task, rest)


@pytest.mark.parametrize(
    ("content", "meant"),
    [
        ("/liste préavis", ("liste", Task.LIST, "préavis")),
        ("/resume la charte", ("resume", Task.SUMMARISE, "la charte")),
        ("/résumé la charte", ("résumé", Task.SUMMARISE, "la charte")),
        ("/summary leave", ("summary", Task.SUMMARISE, "leave")),
        ("/comparaison a ; b", ("comparaison", Task.COMPARE, "a ; b")),
        ("/traduction a ; page 2", ("traduction", Task.TRANSLATE, "a ; page 2")),
        ("/drafts Hello", ("drafts", Task.DRAFT, "Hello")),
        ("/Libres", ("Libres", Task.WITHOUT_DOCUMENTS, "")),
    ],
)
def test_the_nearest_command_is_meant(content: str, meant: tuple[str, Task, str]) -> None:
    assert meant_by(content, EVERYTHING) == meant


@pytest.mark.parametrize(
    "question",
    [
        "Que dit la liste ?",
        "/home/liste est-il sauvegardé ?",
        "/tmp est-il sauvegardé ?",
        "/xylophone",
        "/ liste",
        "1/liste",
        "//liste",
        "",
    ],
)
def test_a_question_is_no_command(question: str) -> None:
    assert meant_by(question, EVERYTHING) is None


def test_what_is_not_allowed_is_not_offered() -> None:
    for said in ("/libres", "/librement", "/frees"):
        near, never = (meant_by(said, allowed_tasks(without_documents=each)) for each in (True, False))
        assert near
        assert near[1] is Task.WITHOUT_DOCUMENTS
        assert never is None or never[1] is not Task.WITHOUT_DOCUMENTS


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("task", list(Task))
def test_the_offer_is_in_the_language_of_the_page(language: Language, task: Task) -> None:
    words = texts(language)
    told = words["tasks"][task]
    said = words["mistyped"].format(said="liste", name=told["name"], description=told["description"])
    assert f"/{told['name']}" in said
    assert words["yes"] in said


@pytest.mark.parametrize(("said", "is_it"), [("oui", True), (" Yes! ", True), ("OUI.", True), ("oui ou non", False)])
def test_a_yes_is_a_yes_in_either_language(said: str, is_it: bool) -> None:
    assert is_yes(said) is is_it
