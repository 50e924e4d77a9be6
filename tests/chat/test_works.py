"""What the page shows of a result: quotes as they are quoted in its language, doubts, what was looked at; all text."""

from datetime import UTC, date, datetime

import pytest

from chat.texts import texts
from chat.ui.works import show_work
from rag.answering.answer import Doubt, Language, Why
from rag.documents import DocumentId, DocumentInfo
from rag.facets import DocumentType
from rag.retrieval.filters import Filter
from rag.tasks.work import Line, Section, Standing, Task, Trouble, Work
from security.identity import CollectionId

WITHIN = Filter(before=date(2001, 12, 31), types=frozenset({DocumentType.MAIL}), folders=("[rh](//evil.example)",))
HOSTILE = "[x](http://evil.example)"
BOTH = pytest.mark.parametrize("language", list(Language))


def document(title: str) -> DocumentInfo:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    return DocumentInfo(DocumentId(title), CollectionId("c"), "a.md", title, "text/markdown", None, 1, 1, None, now)


def shown(task: Task, *lines: Line | None, language: Language = Language.FRENCH) -> str:
    return show_work(Work(task, language, (Section("", lines),)), texts(language))


@BOTH
def test_what_was_looked_at_is_said_with_what_was_found_and_with_what_was_not(language: Language) -> None:
    words = texts(language)
    told = words["narrowed"].split("{")[0]
    line = Line("Ten.", Standing.QUOTED)
    found = show_work(Work(Task.LIST, language, (Section("A", (line,)),), within=WITHIN), words)
    nothing = show_work(Work(Task.LIST, language, trouble=Trouble.NOTHING_FOUND, within=WITHIN), words)
    for said in (found, nothing):
        assert told in said
        assert words["types"]["mail"] in said
        assert "2001" in said
        assert "](" not in said
    assert told not in show_work(Work(Task.LIST, language, (Section("A", (line,)),), within=Filter()), words)


def test_quotes_stand_in_the_marks_of_the_language() -> None:
    line = Line("Dix", Standing.QUOTED)
    assert shown(Task.LIST, line).endswith("«\u00a0Dix\u00a0»")
    assert shown(Task.LIST, line, language=Language.ENGLISH).endswith("“Dix”")


def test_a_translation_says_what_it_has_not_in_common_with_its_original() -> None:
    why, lost = (Why(Doubt.NUMBER, "3"),), (Why(Doubt.NAME, "Nantes"), Why(Doubt.DATE, "2 mai"))
    said = shown(Task.TRANSLATE, Line("Three", Standing.UNCHECKED, (), why, lost))
    assert said.endswith(
        "(à vérifier avec l'original : le nombre 3 n'est pas dans l'original, "
        "le nom Nantes de l'original manque, la date 2 mai de l'original manque)"
    )
    assert shown(Task.TRANSLATE, Line("Three", Standing.UNCHECKED)).endswith("(à vérifier avec l'original)")


def test_a_draft_says_why_a_sentence_is_not_supported() -> None:
    said = shown(Task.DRAFT, Line("Douze", Standing.UNCHECKED, (), (Why(Doubt.NUMBER, "12"),)))
    assert said.endswith("(non vérifié dans les documents : le nombre 12 n'y figure pas)")


@BOTH
@pytest.mark.parametrize("doubt", [Doubt.NUMBER, Doubt.DATE, Doubt.NAME])
def test_every_doubt_of_a_translation_has_its_words_and_is_text(language: Language, doubt: Doubt) -> None:
    for whys in (((Why(doubt, HOSTILE),), ()), ((), (Why(doubt, HOSTILE),))):
        said = shown(Task.TRANSLATE, Line(HOSTILE, Standing.UNCHECKED, (), *whys), language=language)
        assert "evil" in said.split("(", 1)[1]
        assert "](" not in said


@BOTH
@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_trouble_has_its_words(language: Language, trouble: Trouble) -> None:
    assert show_work(Work(Task.LIST, language, trouble=trouble), texts(language))


@BOTH
def test_each_cell_of_a_comparison_names_its_document_and_no_head_is_empty(language: Language) -> None:
    lines = (Line("Ten", Standing.QUOTED), None)
    both = (document("One"), document("Two |"))
    work = Work(Task.COMPARE, language, (Section("Leave", lines),), documents=both)
    head, _, row = show_work(work, texts(language)).split("\n")
    assert head.split("|")[1].strip() == texts(language)["aspect"]
    assert "_One_" in row
    assert rf"_Two \|_ {texts(language)['unsaid']}" in row
