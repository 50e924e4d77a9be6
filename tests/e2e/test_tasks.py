"""What is asked beside questions, by its command, at a desk and on a phone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.served import House
from tests.e2e.test_axe import PHONE, faults
from tests.e2e.test_filter import ENGLISH, FRENCH, Words, narrow
from tests.e2e.test_walk import ANSWER_MS, ask, home, send

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("browser", ["open"], indirect=True)]
Visit = Callable[..., Page]
DESK = {"width": 1280, "height": 800}


@pytest.mark.parametrize(
    ("locale", "command", "phrase", "said"),
    [
        ("en-GB", "list", "annual leave", "Documents that say it: 1"),
        ("fr-FR", "lister", "courriers publicitaires", "Documents qui le disent"),
    ],
)
def test_a_list_is_asked_for_by_its_command_and_its_quotes_open(
    visit: Visit, house: House, locale: str, command: str, phrase: str, said: str
) -> None:
    page = home(visit, house, locale, viewport={"width": 390, "height": 800})
    assert said in ask(page, f"/{command} {phrase}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults(page) == []
    page.locator('[data-step-type="assistant_message"] a[href*="quote="]').first.click()
    expect(page.locator("#source-panel mark")).to_be_visible()


def test_a_command_is_picked_from_the_list_that_a_slash_opens(visit: Visit, house: House) -> None:
    page = home(visit, house, "en-GB")
    page.click("#chat-input")
    page.keyboard.type("/")
    expect(page.get_by_text("Every document that mentions a phrase")).to_be_visible()
    page.keyboard.type("list")
    submit = page.locator("#chat-submit")
    submit.evaluate("button => { button.disabled = true }")  # as it is until the greeting is over
    page.keyboard.press("Enter")
    expect(page.locator(".command-item")).to_have_count(0)
    submit.evaluate("button => { button.disabled = false }")
    page.keyboard.type("annual leave")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Documents that say it: 1")).to_be_visible(timeout=ANSWER_MS)


def test_a_comparison_stands_side_by_side_at_a_desk(visit: Visit, house: House) -> None:
    page = home(visit, house, "en-GB", viewport=DESK)
    told = ask(page, "/compare leave.md; faq-publicite.md: courriers publicitaires")
    assert "On what" in told
    table = page.locator("table")
    for cell in table.locator("td > .italic").all():
        expect(cell).to_be_hidden()
    assert faults(page) == []
    table.locator('a[href*="quote="]').first.click()
    expect(page.locator("#source-panel mark")).to_be_visible()


def test_a_comparison_is_read_from_top_to_bottom_on_a_phone(visit: Visit, house: House) -> None:
    page = home(visit, house, "fr-FR", viewport=PHONE)
    told = ask(page, "/comparer leave.md ; faq-publicite.md : courriers publicitaires")
    assert "n'en dit rien" in told
    table = page.locator("table")
    assert table.evaluate("table => table.parentElement.scrollWidth - table.parentElement.clientWidth") == 0
    expect(table.locator("thead")).to_be_hidden()
    for cell in table.locator("td > .italic").all():
        expect(cell).to_be_visible()
    assert faults(page) == []
    table.locator('a[href*="quote="]').first.click()
    expect(page.locator("#source-panel mark")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "size", "said", "yes", "told", "found"),
    [
        ("fr-FR", PHONE, "/liste courriers publicitaires", "oui", "/lister", "Documents qui le disent"),
        ("en-GB", DESK, "/lists annual leave", "Yes", "/list", "Documents that say it: 1"),
    ],
)
def test_a_mistyped_command_is_met_with_the_nearest_and_a_yes_begins_it(
    visit: Visit, house: House, locale: str, size: dict[str, int], said: str, yes: str, told: str, found: str
) -> None:
    page = home(visit, house, locale, viewport=size)
    assert told in ask(page, said)
    assert faults(page) == []
    assert found in ask(page, yes)


@pytest.mark.parametrize(
    ("words", "size", "command", "nothing", "told"),
    [
        (FRENCH, PHONE, "/lister courriers publicitaires", "ne le dit", "Seuls les documents du filtre ont été lus"),
        (ENGLISH, DESK, "/list annual leave", "says that", "Only documents of the filter were read"),
    ],
)
def test_a_list_says_what_it_was_narrowed_to(
    visit: Visit, house: House, words: Words, size: dict[str, int], command: str, nothing: str, told: str
) -> None:
    page = home(visit, house, words.locale, viewport=size)
    narrow(page, words, "2001")
    said = ask(page, command)
    assert nothing in said
    assert told in said
    expect(page.get_by_text(words.told)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert faults(page) == []


@pytest.mark.parametrize(
    ("locale", "size", "asked", "alone", "first", "last"),
    [
        ("fr-FR", PHONE, "/libre Dis merci.", "Le modèle répond seul", "Sans documents", "Fin d'une réponse sans"),
        (
            "en-GB",
            DESK,
            "/free Say thanks.",
            "The model answers alone",
            "Without documents",
            "End of an answer without",
        ),
    ],
)
def test_an_answer_without_documents_says_so_before_its_first_word_and_after_its_last(
    visit: Visit, house: House, locale: str, size: dict[str, int], asked: str, alone: str, first: str, last: str
) -> None:
    page = home(visit, house, locale, viewport=size)
    ask(page, asked)
    answer = page.locator('[data-step-type="assistant_message"]').last
    expect(answer).to_contain_text(last, timeout=ANSWER_MS)
    lines = [line for line in answer.inner_text().splitlines() if line.strip()]
    assert lines[0].startswith(first)
    assert lines[-1].startswith(last)
    expect(page.get_by_text(alone)).to_be_visible()
    assert page.locator('[data-step-type="assistant_message"] a[href^="/sources/"]').count() == 0
    assert faults(page) == []


@pytest.mark.parametrize(
    ("locale", "size", "asked", "read", "said"),
    [
        (
            "fr-FR",
            PHONE,
            "/rédiger Bonjour, comment s'opposer à la prospection commerciale ?",
            r"Lecture d",
            r"formule, sans source|n'en disent pas assez",
        ),
        (
            "en-GB",
            DESK,
            "/draft Hello, how many annual leave hours can I carry over?",
            r"Reading (\d|one) passage",
            r"formula, without a source|do not say enough",
        ),
    ],
)
def test_a_draft_shows_what_is_read_and_marks_its_formulas(
    visit: Visit, house: House, locale: str, size: dict[str, int], asked: str, read: str, said: str
) -> None:
    page = home(visit, house, locale, viewport=size)
    send(page, asked)
    expect(page.get_by_text(re.compile(read))).to_be_visible(timeout=ANSWER_MS)
    expect(page.locator("#chat-submit")).to_be_visible(timeout=ANSWER_MS)
    assert re.search(said, page.locator('[data-step-type="assistant_message"]').last.inner_text())
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert faults(page) == []
