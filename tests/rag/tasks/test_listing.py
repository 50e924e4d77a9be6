"""A list is every document that says it, verified and quoted, without a model."""

import threading
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.answering.answer import Language, Searching
from rag.personal.policy import Policy
from rag.retrieval.filters import Filter
from rag.retrieval.words import language_of
from rag.tasks import listing
from rag.tasks.phrases import Phrase
from rag.tasks.work import Progressed, Standing, Task, Trouble
from tests.rag.tasks.conftest import Counter

TEXTS = {
    "a.md": "# Leave\n\nThe notice period is a month.\n",
    "b.md": "# Badges\n\nLost badges are replaced.\n",
    "sub/c.md": "# Contract\n\nNotice periods are agreed upon.\n\n## Notice periods\n\nThey end in June.\n",
    "d.md": "# Period\n\nThe period of a notice on the board.\n",
}


@pytest.fixture
def listed(counter: Counter) -> Counter:
    counter.load(TEXTS)
    return counter


def test_every_document_that_says_it_is_listed_once_with_its_quotes(listed: Counter) -> None:
    work = listed.work(Task.LIST, "notice period")
    assert [section.heading for section in work.sections] == ["Leave", "Contract"]
    assert work.total == 2
    assert work.more == 0
    first = work.sections[0].told[0]
    assert (first.text, first.standing) == ("The notice period is a month.", Standing.QUOTED)
    assert work.citations[first.citations[0] - 1].passage.document.path == "a.md"


def test_a_heading_that_says_it_is_quoted_and_a_title_counts_once(listed: Counter) -> None:
    lines = listed.work(Task.LIST, "notice period").sections[1].told
    assert [line.text for line in lines] == ["Notice periods are agreed upon.", "Notice periods"]
    listed.load({"Dress code.txt": "\n\n".join(["A tie is worn. " * 60] * 3)})
    (section,) = listed.work(Task.LIST, "dress codes").sections
    assert [line.text for line in section.told] == ["Dress code.txt"]
    assert section.more == 0


def test_what_no_document_says_is_told_so(listed: Counter) -> None:
    assert listed.work(Task.LIST, "parental bonus").trouble is Trouble.NOTHING_FOUND
    assert listed.work(Task.LIST, "of the ?").trouble is Trouble.EMPTY
    assert listed.work(Task.LIST, "x" * 5000).trouble is Trouble.TOO_LONG


def test_the_language_is_that_of_the_words_or_the_pages(listed: Counter) -> None:
    assert listed.work(Task.LIST, "notice", otherwise=Language.FRENCH).language is Language.FRENCH
    assert listed.work(Task.LIST, "notice of the period", otherwise=Language.FRENCH).language is Language.ENGLISH


def test_a_word_that_is_too_common_is_told_and_opens_nothing(listed: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "OPENED_MAX", 1)
    assert listed.work(Task.LIST, "notice").trouble is Trouble.TOO_COMMON


def test_only_documents_that_come_through_the_filter_are_listed(listed: Counter) -> None:
    within = Filter(folders=("sub",))
    work = listed.work(Task.LIST, "notice period", within=within)
    assert [section.heading for section in work.sections] == ["Contract"]
    assert (work.total, work.within) == (1, within)
    assert listed.events(Task.LIST, "notice period", within=within)[0] == Searching(within)
    other = listed.work(Task.LIST, "lost badges", within=within)
    assert (other.trouble, other.within) == (Trouble.NOTHING_FOUND, within)
    assert listed.work(Task.LIST, "notice period", within=Filter(before=date(2001, 1, 1))).trouble
    assert listed.work(Task.LIST, "notice period", within=Filter(after=date(2001, 1, 1))).total == 2
    assert listed.work(Task.LIST, "notice period").within is None


def test_more_than_is_shown_is_counted(listed: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LISTED_MAX", 1)
    monkeypatch.setattr(listing, "QUOTES_MAX", 1)
    work = listed.work(Task.LIST, "notice")
    assert (len(work.sections), work.total, work.more) == (1, 3, 2)


def test_it_is_stopped_between_two_batches(listed: Counter) -> None:
    stop = threading.Event()
    stop.set()
    assert listed.work(Task.LIST, "notice", cancelled=stop).trouble is Trouble.STOPPED
    assert any(isinstance(event, Progressed) for event in listed.events(Task.LIST, "notice"))


def test_what_a_collection_masks_is_not_found_by_it(counter: Counter) -> None:
    counter.load({"a.md": "# Accounts\n\nPay to FR76 3000 6000 0112 3456 7890 189 at once.\n"})
    assert counter.work(Task.LIST, "FR76 3000 6000").total == 1
    counter.shelf.documents.decide(counter.shelf.managing, Policy.MASK)
    assert counter.work(Task.LIST, "FR76 3000 6000").trouble is Trouble.NOTHING_FOUND


word = st.sampled_from(
    ["leave", "badges", "notice", "periods", "contrats", "travail", "congés", "the", "de", "e-mail", "12"]
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(phrase=st.lists(word, min_size=1, max_size=3).map(" ".join))
def test_the_list_is_that_of_whoever_reads_everything(everything: Counter, phrase: str) -> None:
    reading, documents = everything.shelf.reading, everything.shelf.documents
    sought = Phrase.of(phrase)
    said = {
        info.title
        for info in documents.documents(reading)
        for passage in documents.whole(reading, info.id)
        if says(sought, (info.title, *passage.chunk.headings[-2:]), passage.chunk.text)
    }
    assert {section.heading for section in everything.work(Task.LIST, phrase).sections} == said


def says(phrase: Phrase, above: tuple[str, ...], text: str) -> bool:
    language = language_of("\n".join((*above, text)))
    return any(phrase.stands_in(part, language) for part in (*above, text))


@pytest.fixture
def everything(counter: Counter) -> Counter:
    vocabulary = [
        "leave",
        "badge",
        "notice",
        "period",
        "contrats",
        "de",
        "travail",
        "le",
        "congé",
        "the",
        "e-mail",
        "email",
        "12",
        "télé-travail",
    ]
    texts = {
        f"{number}.md": f"# Number {number}\n\n{' '.join(vocabulary[(number * step) % 14] for step in range(1, 9))}.\n"
        for number in range(1, 30)
    }
    counter.load(texts)
    return counter
