"""Takes the pictures of docs/screenshots from a demo that is being served: `python -m tests.e2e.shoot ADDRESS NAME`.

The password is read from standard input. Real answers of the weights in use; run it after every change of a page.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.conftest import QUIET

PICTURES = Path(__file__).parents[2] / "docs" / "screenshots"
ANSWER_MS = 300_000
FRENCH = "Mon employeur peut-il écouter mes conversations téléphoniques ?"
ENGLISH = "How many annual leave hours can I carry over?"
UNKNOWN = "Quelle est la capitale de la Mongolie ?"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def main() -> None:
    """Shoot every picture, each in a session of its own."""
    address, name = sys.argv[1:3]
    password = sys.stdin.readline().rstrip("\n")
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu", *QUIET])

        def visit(locale: str, size: dict[str, int], scheme: str = "light") -> Page:
            return _signed_in(browser, (address, name, password), locale, size, scheme)

        _sign_in(browser, address)
        _french(visit("fr-FR", DESKTOP))
        _english(visit("en-GB", DESKTOP, "dark"))
        _refusal(visit("fr-FR", DESKTOP))
        _phone(visit("fr-FR", PHONE))


def _signed_in(browser: Browser, who: tuple[str, str, str], locale: str, size: dict[str, int], scheme: str) -> Page:
    context = browser.new_context(locale=locale, viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(ANSWER_MS)
    page = context.new_page()
    page.goto(who[0])
    page.fill("#name", who[1])
    page.fill("#password", who[2])
    page.click("button[type=submit]")
    expect(page.locator("#starters button").first).to_be_visible(timeout=ANSWER_MS)
    return page


def _sign_in(browser: Browser, address: str) -> None:
    page = browser.new_context(locale="en-GB", viewport=DESKTOP).new_page()  # type: ignore[arg-type]
    page.goto(address)
    page.screenshot(path=PICTURES / "sign-in.png")


def _french(page: Page) -> None:
    page.screenshot(path=PICTURES / "french-home.png")
    _ask(page, FRENCH)
    page.locator('a[href*="quote="]').first.click()
    expect(page.locator("#source-panel mark")).to_be_visible()
    page.screenshot(path=PICTURES / "french-source.png")


def _english(page: Page) -> None:
    _ask(page, ENGLISH)
    page.screenshot(path=PICTURES / "dark-answer.png")


def _refusal(page: Page) -> None:
    _ask(page, UNKNOWN)
    page.screenshot(path=PICTURES / "refusal.png")


def _phone(page: Page) -> None:
    page.screenshot(path=PICTURES / "phone-home.png")
    _ask(page, FRENCH)
    page.screenshot(path=PICTURES / "phone-answer.png")


def _ask(page: Page, question: str) -> None:
    answers = page.locator('[data-step-type="assistant_message"]')
    page.click("#chat-input")
    page.keyboard.type(question)
    page.keyboard.press("Enter")
    expect(answers).to_have_count(1, timeout=ANSWER_MS)
    expect(page.locator("#chat-submit")).to_be_visible(timeout=ANSWER_MS)
    page.wait_for_timeout(500)


if __name__ == "__main__":
    main()
