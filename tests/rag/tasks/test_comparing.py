"""Two documents are compared in their own words, aspect by aspect."""

import pytest

from rag.tasks.work import Note, Standing, Task, Trouble
from tests.rag.tasks.conftest import Counter

OLD = (
    "# Rules of 2024\n\n## Annual leave\n\nEmployees have 25 days of annual leave a year.\n\n## Badges\n\n"
    "A lost badge is replaced by the front desk.\n\n## Parking\n\nCars are parked behind the house at night.\n"
)
NEW = (
    "# Rules of 2025\n\n## Annual leave\n\nEmployees now have 30 days of annual leave a year.\n\n## Badges\n\n"
    "A lost badge is replaced by the front desk.\n\n## Canteen\n\nLunch is served from noon to two each day.\n"
)


@pytest.fixture
def rules(counter: Counter) -> Counter:
    counter.load({"old.md": OLD, "new.md": NEW, "poem.md": "# Poem\n\nRoses are red and violets are blue tonight.\n"})
    return counter


@pytest.mark.parametrize("text", ["Rules of 2024 and Rules of 2025", "old.md; new.md", "rules 2024 vs rules 2025"])
def test_what_both_have_under_a_heading_stands_side_by_side(rules: Counter, text: str) -> None:
    work = rules.work(Task.COMPARE, text)
    assert [info.path for info in work.documents] == ["old.md", "new.md"]
    assert [section.heading for section in work.sections][:2] == ["Annual leave", "Badges"]
    leave, badges = work.sections[:2]
    assert [line.text for line in leave.told] == [
        "Employees have 25 days of annual leave a year.",
        "Employees now have 30 days of annual leave a year.",
    ]
    assert {line.standing for section in work.sections for line in section.told} == {Standing.QUOTED}
    assert (leave.note, badges.note) == (Note.OTHER_FIGURES, Note.SAME_WORDS)


def test_what_is_asked_is_the_aspect_and_who_does_not_speak_of_it_is_told(rules: Counter) -> None:
    (section,) = rules.work(Task.COMPARE, "old.md; new.md: parking of cars").sections
    assert section.heading == "parking of cars"
    assert section.lines[0]
    assert section.lines[0].text.startswith("Cars are parked")
    assert section.lines[1] is None


def test_fewer_than_two_documents_are_told(rules: Counter) -> None:
    assert rules.work(Task.COMPARE, "old.md").trouble is Trouble.TWO_WANTED
    assert rules.work(Task.COMPARE, "old.md; old.md").trouble is Trouble.TWO_WANTED
    assert rules.work(Task.COMPARE, "old.md; xylophone").trouble is Trouble.NO_SUCH_DOCUMENT
    assert rules.work(Task.COMPARE, "old.md; poem.md: xylophone").trouble is Trouble.NOTHING_SHARED


def test_a_name_that_means_two_is_asked_back_and_picked(rules: Counter) -> None:
    work = rules.work(Task.COMPARE, "the rules; poem.md: colour of roses")
    assert work.trouble is Trouble.WHICH_DOCUMENT
    assert [info.path for info in work.candidates] == ["old.md", "new.md"]
    assert rules.work(Task.COMPARE, "the rules; poem.md: roses", picks=(2,)).documents[0].path == "new.md"
