"""Claim: what a document spells is shown as letters: no link, picture, tag, script or control token of it acts."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from chat.markdown import escape
from tests.attacks.planted import FILE_NAME, PARROTS, SPELLED, TITLE, Planted
from tests.attacks.whole import TEST_SECONDS_MAX, Attacked
from tests.e2e.conftest import QUIET, Watched
from tests.e2e.served import PASSWORD

pytestmark = [pytest.mark.model, pytest.mark.e2e, pytest.mark.timeout(TEST_SECONDS_MAX)]
ANSWER_MS = 200_000
ACTIVE = "img, script, iframe, object, embed, form, svg image, video, audio, b, style, base, meta, link"
"""What no text may become; the view itself draws messages with none of these."""


@pytest.fixture(scope="module")
def watched(house: Attacked) -> Iterator[Watched]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "no Chromium on this machine: run `make chromium`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu", *QUIET])
        watched = Watched(house.address, browser.new_context(locale="en-GB"))
        watched.context.set_default_timeout(90_000)
        yield watched
        browser.close()


@pytest.fixture(scope="module")
def page(watched: Watched, planted: Planted, house: Attacked) -> Page:
    """A signed-in page on which a dialog, or a request elsewhere, is a fault."""
    page = watched.page()
    page.on("dialog", lambda dialog: watched.faults.append(f"a dialog: {dialog.message}"))
    page.goto(f"{house.address}/")
    page.fill("#name", planted.ada)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator("#chat-input")).to_be_visible(timeout=ANSWER_MS)
    return page


def check_messages(page: Page) -> None:
    """Links lead to our own sources, and nothing in the messages is anything but text."""
    messages = page.locator(".ai-message .prose, .ai-message .message-content")
    expect(messages.first).to_be_visible(timeout=ANSWER_MS)
    links = messages.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert [link for link in links if not re.match(r"^/sources/[0-9a-f]+/[0-9a-f]+/passages/", link or "")] == []
    assert messages.locator(ACTIVE).count() == 0
    assert page.locator('[src*="evil"], [href*="evil"], [href^="javascript"], [style*="evil"]').count() == 0


def test_the_answer_and_its_sources_show_letters_only(page: Page, watched: Watched) -> None:
    page.click("#chat-input")
    page.keyboard.type(f"{PARROTS} lasts how many days?")
    page.keyboard.press("Enter")
    expect(page.locator("#stop-button")).to_be_visible(timeout=ANSWER_MS)
    expect(page.locator("#chat-submit")).to_be_visible(timeout=ANSWER_MS)
    check_messages(page)
    shown = page.locator(".ai-message").last.inner_text().replace("\u2060", "")
    assert TITLE in shown
    assert watched.faults == []


def test_the_panel_of_a_source_shows_letters_only(page: Page, watched: Watched) -> None:
    page.locator('.ai-message a[href*="/passages/"]', has_text="evil").first.click()
    panel = page.locator("#source-panel")
    expect(panel.locator("h1")).to_have_text(TITLE)
    text = panel.inner_text()
    assert FILE_NAME in text
    assert [line for line in SPELLED if " ".join(line.split()) not in " ".join(text.split())] == []
    assert panel.locator(ACTIVE).count() == 0
    links = panel.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    own = re.compile(r"^/sources/[0-9a-f]+/[0-9a-f]+/(?:original|passages/[0-9a-f]+\?[\w=&-]+)$")
    assert [link for link in links if not own.match(link)] == []
    page.keyboard.press("Escape")
    assert watched.faults == []


def test_the_page_of_a_source_runs_no_script(house: Attacked, planted: Planted) -> None:
    """The same page opened on its own: its policy lets none run, and there is none in it."""
    with house.signed_in(planted.ada) as ada:
        rows = house.operate("search", collection=planted.post, question=PARROTS, user=planted.ada)
        assert any("evil.example/p.png" in row["text"] for row in rows)
        found = re.findall(r"/sources/\w+/\w+/passages/\w+", str([ada.steps(item["id"]) for item in ada.threads()]))
        pages = [ada.client.get(address).text for address in dict.fromkeys(found)]
        hostile = [text for text in pages if "evil.example" in text]
        assert hostile
        assert not [
            text for text in hostile if re.search(r"<script|<b>|<img src=x|<a href=.?(?:javascript|//evil)", text)
        ]


def test_escaped_texts_are_letters_in_the_pages_own_renderer(
    house: Attacked, planted: Planted, page: Page, watched: Watched
) -> None:
    """Stored messages are drawn by the page's Markdown, with its tables, automatic links and mathematics."""
    lines = [*SPELLED, TITLE, FILE_NAME, "a\n===\nb", "    code", "| a |\n| - |\n| b |"]
    with house.signed_in(planted.ada) as ada:
        chat = ada.chat()
        chat.choose("no-such-collection")
        for line in lines:
            chat.ask(escape(line), type="assistant_message", name="assistant")
        chat.settle()
        thread = ada.threads()[0]["id"]
    page.goto(f"{house.address}/chat/thread/{thread}")
    messages = page.locator(".ai-message")
    expect(messages).to_have_count(2 * len(lines), timeout=ANSWER_MS)
    shown = [" ".join(text.replace("\u2060", "").split()) for text in messages.all_inner_texts()]
    assert [line for line in lines if " ".join(line.split()) not in shown] == []
    check_messages(page)
    assert messages.locator("strong, em, code, del, table, h1, h2, li, .katex, sup").count() == 0
    assert watched.faults == []
