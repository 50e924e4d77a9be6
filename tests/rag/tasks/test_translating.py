"""A translation stands beside its original, and says where its figures are not the original's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.generation import GenerationRequest
from rag.answering.answer import Language
from rag.tasks import translating
from rag.tasks.translating import is_faithful
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
    assert work.language is Language.ENGLISH


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


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("The budget is 1,250.5 euros for 12 people.", True),
        ("The budget is 1,250 euros for 12 people.", False),
        ("The budget is 1,250.5 euros for 12 people in 2025.", False),
        ("Le budget est de 1 250,5 euros pour 12 personnes.", False),
        ("1250.5 12", False),
        ("", False),
    ],
)
def test_a_translation_has_the_language_the_length_and_the_figures(text: str, is_it: bool) -> None:
    assert is_faithful("Le budget est de 1 250,5 euros pour 12 personnes.", text, Language.ENGLISH) is is_it


@settings(deadline=None)
@given(number=st.integers(2, 10**6), other=st.integers(2, 10**6))
def test_another_figure_is_never_faithful(number: int, other: int) -> None:
    original, text = f"Il y a {number} jours dans le mois.", f"There are {other} days in the month."
    assert is_faithful(original, text, Language.ENGLISH) is (number == other)
