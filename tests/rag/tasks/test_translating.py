"""A translation stands beside its original, and says where its figures and names are not the original's."""

import pytest

from models.generation import GenerationRequest
from rag.answering.answer import Doubt, Language, Why
from rag.tasks import translating
from rag.tasks.work import Progressed, Standing, Task, Trouble
from tests.rag.tasks.conftest import Counter, Reader

FRENCH = {
    "Les salariés ont 25 jours de congés par an.": "The employees have 25 days of leave a year.",
    "Un badge perdu est remplacé en un jour.": "A lost badge is replaced within 3 days.",
}
TEXT = f"# Règlement\n\n{' '.join(FRENCH)}\n"


def told(request: GenerationRequest) -> str:
    return next((text for original, text in FRENCH.items() if original in request.messages[-1].content), "The rules")


@pytest.fixture
def rules(counter: Counter) -> Counter:
    counter.load({"rules.md": TEXT})
    return counter


def test_each_sentence_cites_its_original_and_a_changed_figure_is_told(rules: Counter) -> None:
    work = rules.work(Task.TRANSLATE, "règlement", Reader(told))
    lines = work.sections[0].told
    assert [work.citations[line.citations[0] - 1].quote for line in lines][-2:] == list(FRENCH)
    assert [line.text for line in lines][-2:] == list(FRENCH.values())
    assert [line.standing for line in lines][-2:] == [Standing.TRANSLATED, Standing.UNCHECKED]
    assert [(line.why, line.lost) for line in lines][-2:] == [((), ()), ((Why(Doubt.NUMBER, "3"),), ())]
    assert work.language is Language.ENGLISH


def test_what_the_document_writes_small_elsewhere_is_no_name(counter: Counter) -> None:
    counter.load({"rules.md": "# Règlement\n\nLe Travail est long chez Dubois. Chez nous le travail est court.\n"})
    written = {"Le Travail": "Labour is long here.", "Chez nous": "With us the labour is short."}
    reader = Reader(
        lambda request: next((written[key] for key in written if key in request.messages[-1].content), "It")
    )
    first, _ = counter.work(Task.TRANSLATE, "règlement; travail", reader).sections[0].told[-2:]
    assert first.lost == (Why(Doubt.NAME, "Dubois"),)


def test_how_far_it_is_is_told_and_what_is_not_translated_counted(
    rules: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translating, "SENTENCES_MAX", 1)
    events = rules.events(Task.TRANSLATE, "règlement", Reader(told))
    assert [event for event in events if isinstance(event, Progressed)] == [Progressed(0, 1)]
    assert rules.work(Task.TRANSLATE, "règlement", Reader(told)).sections[0].more == 1


def test_a_page_that_is_not_there_is_told(rules: Counter) -> None:
    assert rules.work(Task.TRANSLATE, "règlement; page 4").trouble is Trouble.NO_SUCH_PAGE
    assert rules.work(Task.TRANSLATE, "règlement; un badge perdu", Reader(told)).sections[0].told
