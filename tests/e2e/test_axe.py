"""Every screen is clean to axe-core, by day and by night, at a desk and on a phone."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.served import House
from tests.e2e.test_walk import ask, home

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("browser", ["open"], indirect=True)]
Visit = Callable[..., Page]
PHONE = {"width": 390, "height": 800}


def faults(page: Page) -> list[str]:
    """Each rule that the page breaks, and where."""
    page.wait_for_timeout(600)  # colours are judged as drawn: a fade must have ended
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']} ({rule['impact']}): {node['html'][:300]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_page_is_clean(visit: Visit, house: House, scheme: str) -> None:
    page = visit("fr-FR", color_scheme=scheme)
    page.goto(f"{house.address}/sign-in")
    assert faults(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_chat_is_clean_from_its_first_screen_to_an_open_source(visit: Visit, house: House, scheme: str) -> None:
    page = home(visit, house, "en-GB", color_scheme=scheme)
    expect(page.locator("#starters button").first).to_be_visible()
    assert faults(page) == []
    ask(page, "How many annual leave hours can I carry over?")
    assert faults(page) == []
    page.locator('a[href*="quote="]').first.click()
    expect(page.locator("#source-panel mark")).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_opens_over_the_chat_is_clean(visit: Visit, house: House, scheme: str) -> None:
    page = home(visit, house, "fr-FR", color_scheme=scheme)
    ask(page, "Que dit le xylophone du quasar ?")
    for opened_by in ("#chat-settings-open-modal", "#search-chats-button", ".positive-feedback-off"):
        page.locator(opened_by).last.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert faults(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_past_conversation_is_renamed_by_key_alone(visit: Visit, house: House, unique: str) -> None:
    page = home(visit, house)
    ask(page, f"Que dit le xylophone {unique} ?")
    page.locator(f'#thread-history li:has-text("{unique}") #thread-options').focus()
    page.keyboard.press("Enter")
    expect(page.locator("#rename-thread")).to_be_visible()
    page.keyboard.press("Home")  # the menu takes the focus to its first line by itself, a moment after it is there
    expect(page.locator("#rename-thread")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Nom")).to_be_visible()
    assert faults(page) == []


def test_a_phone_is_clean(visit: Visit, house: House) -> None:
    page = home(visit, house, "fr-FR", tolerated="DialogTitle", viewport=PHONE)  # the view's own side bar has none
    expect(page.locator("#starters button").first).to_be_visible()
    assert faults(page) == []
    ask(page, "Que dit le xylophone du quasar ?")
    assert faults(page) == []
    page.locator("#sidebar-trigger-button").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert faults(page) == []
