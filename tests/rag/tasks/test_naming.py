"""A document is named by words of its title or path; where several are meant, whoever asks picks one."""

from datetime import date

import pytest

from rag.facets import DocumentType
from rag.personal.policy import Policy
from rag.retrieval.filters import Filter
from rag.tasks.errors import TaskFailed
from rag.tasks.naming import Shelf, split_names
from rag.tasks.work import Request, Trouble
from tests.rag.tasks.conftest import Counter

TEXTS = {
    "hr/leave-policy.md": "# Annual leave policy\n\nLeave is granted.\n",
    "hr/telework.md": "# Telework policy\n\nTelework is granted.\n",
    "it/Charte.md": "# Charte informatique\n\nLes mots de passe sont longs.\n",
}


@pytest.fixture
def shelf_of(counter: Counter) -> Counter:
    counter.load(TEXTS)
    return counter


def named(counter: Counter, name: str, *picks: int, within: Filter | None = None) -> str:
    request = Request(name, picks=picks, within=within)
    return Shelf(counter.shelf.documents, [counter.shelf.reading], request).find(name).info.path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("the annual leave policy", "hr/leave-policy.md"),
        ("la charte informatique", "it/Charte.md"),
        ("telework.md", "hr/telework.md"),
        ("policies on telework", "hr/telework.md"),
    ],
)
def test_it_is_found_by_words_of_its_title_or_path(shelf_of: Counter, name: str, path: str) -> None:
    assert named(shelf_of, name) == path


def test_two_that_are_meant_are_offered_by_title_and_one_is_picked(shelf_of: Counter) -> None:
    with pytest.raises(TaskFailed) as caught:
        named(shelf_of, "the policy")
    assert caught.value.trouble is Trouble.WHICH_DOCUMENT
    assert [info.title for info in caught.value.candidates] == ["Annual leave policy", "Telework policy"]
    assert named(shelf_of, "the policy", 2) == "hr/telework.md"
    for wrong in (0, 3, -1):
        with pytest.raises(TaskFailed):
            named(shelf_of, "the policy", wrong)


@pytest.mark.parametrize("name", ["xylophone", "", "the", "xylophone quasar zymurgy policy"])
def test_what_names_no_document_is_told(shelf_of: Counter, name: str) -> None:
    with pytest.raises(TaskFailed) as caught:
        named(shelf_of, name)
    assert caught.value.trouble is Trouble.NO_SUCH_DOCUMENT


def test_no_document_is_named_without_a_grant(shelf_of: Counter) -> None:
    with pytest.raises(TaskFailed):
        Shelf(shelf_of.shelf.documents, [], Request("")).find("telework.md")


def test_only_what_comes_through_the_filter_is_named(shelf_of: Counter) -> None:
    assert named(shelf_of, "informatique", within=Filter(folders=("IT",))) == "it/Charte.md"
    with pytest.raises(TaskFailed) as caught:
        named(shelf_of, "informatique", within=Filter(folders=("hr",)))
    assert caught.value.trouble is Trouble.NO_SUCH_DOCUMENT
    for narrow in (
        Filter(folders=("h",)),
        Filter(types=frozenset({DocumentType.PDF})),
        Filter(before=date(2001, 1, 1)),
    ):
        with pytest.raises(TaskFailed) as caught:
            named(shelf_of, "informatique", within=narrow)
        assert caught.value.trouble is Trouble.FILTERED_OUT


def test_a_filter_tells_two_of_one_name_apart(shelf_of: Counter) -> None:
    shelf_of.load({"old/telework.md": "# Telework policy\n\nIt was granted.\n"})
    with pytest.raises(TaskFailed):
        named(shelf_of, "telework.md")
    assert named(shelf_of, "telework.md", within=Filter(folders=("old",))) == "old/telework.md"


def test_a_folder_is_not_found_by_what_its_collection_masks(counter: Counter) -> None:
    counter.load({"06 12 34 56 78/notes.md": "# Notes\n\nNothing.\n"})
    assert named(counter, "notes.md", within=Filter(folders=("06 12 34 56 78",))) == "06 12 34 56 78/notes.md"
    counter.shelf.documents.decide(counter.shelf.managing, Policy.MASK)
    assert "12" not in named(counter, "notes.md", within=Filter(folders=("06 12 34 56 99",)))


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("a plan; b plan", [("a plan", "b plan")]),
        ("bail et statuts", [("bail", "statuts")]),
        ("terms and rules and leave", [("terms", "rules and leave"), ("terms and rules", "leave")]),
        ("leave", []),
        ("and leave", []),
    ],
)
def test_a_text_is_taken_as_two_names_in_each_way(text: str, ways: list[tuple[str, str]]) -> None:
    assert list(split_names(text)) == ways
