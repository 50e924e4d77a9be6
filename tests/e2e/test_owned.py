"""From a thumb to the owners of a collection, and from there to a test question, in both languages and themes."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.served import PASSWORD, House
from tests.e2e.test_axe import PHONE, faults
from tests.e2e.test_walk import ANSWER_MS, ENGLISH, FRENCH, ask, home, send, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("browser", ["open"], indirect=True)]
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def owner(house: House) -> str:
    """Somebody who manages the handbook."""
    house.run("user", "add", "lena", "--password-stdin", given=f"{PASSWORD}\n")
    house.run("collection", "grant", "handbook", "lena", "--manage")
    return "lena"


def rate(page: Page, comment: str, index: int = -1) -> None:
    """A thumb up with a comment, under one of the answers."""
    page.locator(".positive-feedback-off").nth(index).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.locator("textarea").fill(comment)
    page.locator("#submit-feedback").click()


def offered(page: Page) -> Page:
    """The page that shows what would be sent, which opens beside the conversation."""
    with page.expect_popup() as opened:
        page.locator('a[href^="/feedback/"]').last.click()
    expect(opened.value.locator("form button")).to_be_visible()
    return opened.value


def owned(page: Page, house: House, name: str) -> None:
    """Sign in and follow the way to one's collections."""
    sign_in(page, house, name)
    expect(page.locator("#starters button").first).to_be_visible()
    assert faults(page) == []
    page.locator("#owned-link").click()
    expect(page.locator(".owned h1")).to_be_visible()


@pytest.mark.parametrize(("locale", "scheme", "question"), [("fr-FR", "dark", FRENCH), ("en-GB", "light", ENGLISH)])
def test_what_a_person_sends_becomes_a_test_question_of_the_owner(
    visit: Visit, house: House, owner: str, unique: str, locale: str, scheme: str, question: str
) -> None:
    page = home(visit, house, locale, color_scheme=scheme)
    expect(page.locator("#owned-link")).to_have_count(0)
    ask(page, question)
    rate(page, unique)
    page = offered(page)
    assert unique in page.content()
    assert faults(page) == []
    page.locator("form button").click()
    expect(page.get_by_text(re.compile("handbook"))).to_be_visible()
    assert faults(page) == []

    page = visit(locale, color_scheme=scheme, viewport=PHONE)
    owned(page, house, owner)
    assert faults(page) == []
    page.get_by_role("link", name="handbook").click()
    expect(page.get_by_text(unique)).to_be_visible()
    assert faults(page) == []
    page.locator("li", has_text=unique).get_by_role("link").click()
    expect(page.locator(".owned mark").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert faults(page) == []
    page.locator("form[action$='#question'] button").click()
    expect(page.locator(".told")).to_be_visible()
    assert faults(page) == []
    kept = [json.loads(line) for line in house.run("question", "list", "handbook", "--json").splitlines()]
    assert question in [each["text"] for each in kept]

    page.get_by_role("link", name=question).first.click()
    page.locator('.owned a[href*="quote="]').first.click()
    expect(page.locator("mark").first).to_be_visible()


def test_what_says_nothing_of_an_answer_is_told_and_keeps_what_was_filled_in(
    visit: Visit, house: House, owner: str, unique: str
) -> None:
    page = home(visit, house, "en-GB")
    ask(page, ENGLISH)
    rate(page, unique)
    offered(page).locator("form button").click()
    page = visit("en-GB", color_scheme="dark", tolerated="status of 422")
    owned(page, house, owner)
    page.get_by_role("link", name="handbook").click()
    page.locator("li", has_text=unique).get_by_role("link").click()
    page.locator("#golds").fill("no such document")
    page.locator("#answers").fill("240 hours")
    page.locator("form[action$='#question'] button").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was kept")
    expect(page.locator("#golds")).to_have_value("no such document")
    assert faults(page) == []
    page.get_by_role("button", name="Remove this feedback").click()
    expect(page.get_by_role("status")).to_be_visible()
    expect(page.get_by_text(unique)).to_have_count(0)


def test_a_thumb_given_while_the_next_answer_runs_is_offered_to_the_owners(
    visit: Visit, house: House, unique: str
) -> None:
    page = home(visit, house, "en-GB")
    ask(page, ENGLISH)
    send(page, f"How many annual leave hours can be carried over by {unique}?")
    expect(page.locator("#stop-button")).to_be_visible(timeout=ANSWER_MS)
    rate(page, unique, 0)
    expect(page.locator('a[href^="/feedback/"]')).to_be_visible(timeout=ANSWER_MS)
    expect(page.locator("#chat-submit")).to_be_visible(timeout=ANSWER_MS)
    assert unique in offered(page).content()
