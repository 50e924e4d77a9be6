"""What is asked beside questions, by its command, at a desk and on a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.served import House
from tests.e2e.test_axe import faults
from tests.e2e.test_walk import ANSWER_MS, ask, home

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("browser", ["open"], indirect=True)]
Visit = Callable[..., Page]


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
    page.keyboard.press("Enter")
    page.keyboard.type("annual leave")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Documents that say it: 1")).to_be_visible(timeout=ANSWER_MS)
