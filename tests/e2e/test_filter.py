"""A conversation is narrowed by its settings: the page says to what, says when nothing is left, and remembers it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.served import House
from tests.e2e.test_axe import PHONE, faults
from tests.e2e.test_walk import ask, home

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("browser", ["open"], indirect=True)]
Visit = Callable[..., Page]


@dataclass(frozen=True, slots=True)
class Words:
    """What the page says in one language."""

    locale: str
    before: str
    folder: str
    mail: str
    confirm: str
    question: str
    told: str
    refusal: str


FRENCH = Words(
    "fr-FR",
    "Modifiés jusqu'au",
    "Dans le dossier",
    "Courriel",
    "Confirmer",
    "À quelle heure la cantine sert-elle le repas ?",
    "Recherche dans vos documents (jusqu'au 31/12/2001, Courriel, dossier rh/congés)",
    "Aucun document ne correspond au filtre",
)
ENGLISH = Words(
    "en-GB",
    "Changed on or before",
    "In the folder",
    "Mail",
    "Confirm",
    "When does the canteen serve lunch?",
    "Searching your documents (until 31 December 2001, Mail, folder rh/congés)",
    "No document matches the filter",
)


def narrow(page: Page, words: Words, before: str) -> None:
    """Fill the dialog, by its labels alone, and close it; it must be clean as it stands."""
    page.locator("#chat-settings-open-modal").click()
    page.get_by_label(words.before).fill(before)
    page.get_by_label(words.folder).fill("rh/congés")
    page.get_by_role("dialog").locator("[cmdk-input]").last.click()
    page.get_by_role("option", name=words.mail).click()
    page.get_by_label(words.folder).focus()  # which closes the list over it
    assert faults(page) == []
    page.get_by_role("button", name=words.confirm).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize(("words", "size"), [(FRENCH, PHONE), (ENGLISH, {"width": 1280, "height": 800})])
def test_what_is_left_is_said_and_that_nothing_is(
    visit: Visit, house: House, words: Words, size: dict[str, int]
) -> None:
    page = home(visit, house, words.locale, viewport=size)
    narrow(page, words, "2001")
    assert words.refusal in ask(page, words.question)
    expect(page.get_by_text(words.told)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert faults(page) == []


def test_a_date_that_is_none_is_said_and_the_filter_stays_with_its_conversation(
    visit: Visit, house: House, unique: str
) -> None:
    page = home(visit, house, "en-GB")
    narrow(page, ENGLISH, "yesterday")
    assert "Write a date as 31/12/2024" in ask(page, f"{ENGLISH.question} {unique}")
    page.context.close()
    page = home(visit, house, "en-GB")
    page.locator(f'#thread-history a:has-text("{unique}")').click()
    expect(page.get_by_text(unique).last).to_be_visible()
    page.locator("#chat-settings-open-modal").click()
    expect(page.get_by_label(ENGLISH.before)).to_have_value("yesterday")
