"""What an employee does in the browser, from sign-in to sign-out, in both languages."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.served import PASSWORD, House

pytestmark = pytest.mark.e2e
Visit = Callable[..., Page]
FRENCH = "Comment s'opposer à la prospection commerciale ?"
ENGLISH = "How many annual leave hours can I carry over?"
ANSWER_MS = 120_000


def sign_in(page: Page, house: House, name: str = "camille", password: str = PASSWORD) -> None:
    page.goto(f"{house.address}/")
    page.fill("#name", name)
    page.fill("#password", password)
    page.click("button[type=submit]")


def home(visit: Visit, house: House, locale: str = "fr-FR", **options: object) -> Page:
    page = visit(locale, **options)
    sign_in(page, house)
    expect(page.locator("#chat-input")).to_be_visible()
    return page


def send(page: Page, question: str) -> None:
    page.click("#chat-input")
    page.keyboard.type(question)
    page.keyboard.press("Enter")


def ask(page: Page, question: str) -> str:
    """Ask and wait for the end; gives the text of the last answer."""
    answers = page.locator('[data-step-type="assistant_message"]')
    known = answers.count()
    send(page, question)
    expect(answers).to_have_count(known + 1, timeout=ANSWER_MS)
    expect(page.locator("#chat-submit")).to_be_visible(timeout=ANSWER_MS)
    return answers.last.inner_text()


def test_a_wrong_password_is_one_sentence_in_the_persons_language(visit: Visit, house: House) -> None:
    page = visit("fr-FR", tolerated="status of 401")
    page.goto(f"{house.address}/sign-in")
    page.fill("#name", "camille")
    page.fill("#password", "wrong")
    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        page.click("button[type=submit]")
    assert answered.value.status == 401
    expect(page.get_by_role("alert")).to_contain_text("inconnu")


def test_a_french_question_is_answered_in_french_with_a_source_that_opens_at_its_page(
    visit: Visit, house: House
) -> None:
    page = home(visit, house)
    send(page, FRENCH)
    expect(page.get_by_text("Recherche dans vos documents")).to_be_visible(timeout=ANSWER_MS)
    expect(page.get_by_text(re.compile(r"Lecture de \d passages"))).to_be_visible(timeout=ANSWER_MS)
    expect(page.locator("#chat-submit")).to_be_visible(timeout=ANSWER_MS)
    page.locator('a[href*="/passages/"]').first.click()
    panel = page.locator("#source-panel")
    expect(panel.locator("h1")).not_to_be_empty()
    expect(panel.locator("p.cited")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def test_a_pdf_source_shows_its_page_and_leads_to_the_original_there(visit: Visit, house: House) -> None:
    page = home(visit, house)
    ask(page, "Comment lutter contre les spams par SMS ou MMS ?")
    link = page.locator('a[href*="/passages/"]', has_text=re.compile("page"))
    link.first.click()
    panel = page.locator("#source-panel")
    expect(panel.locator("img.sheet")).to_be_visible()
    assert panel.locator("img.sheet").evaluate("image => image.decode().then(() => image.naturalWidth)") == 1000
    address = panel.locator("a.original").get_attribute("href") or ""
    assert re.search(r"/original#page=\d+$", address)
    original = page.request.get(f"{house.address}{address}")
    assert original.body().startswith(b"%PDF-")


def test_an_english_question_is_answered_in_english_and_its_quote_is_marked(visit: Visit, house: House) -> None:
    page = home(visit, house, "en-GB")
    answer = ask(page, ENGLISH)
    assert "240" in answer
    page.locator('a[href*="quote="]').first.click()
    expect(page.locator("#source-panel mark")).to_be_visible()
    page.keyboard.press("Escape")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("button:has(svg.lucide-copy)").last.click()
    page.wait_for_function("() => navigator.clipboard.readText()")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "240" in copied
    assert "/sources/" not in copied
    assert "\\" not in copied


def test_what_the_documents_do_not_say_is_refused_with_the_nearest_passages(visit: Visit, house: House) -> None:
    page = home(visit, house, "en-GB")
    answer = ask(page, "What is the zymurgy of the xylophone quasar?")
    assert "do not answer" in answer
    assert "nearest passages" in answer
    page.locator('a[href*="/passages/"]').first.click()
    expect(page.locator("#source-panel p.cited")).to_be_visible()


def test_stopping_ends_the_answer_and_the_next_question_is_heard(visit: Visit, house: House) -> None:
    page = home(visit, house)
    send(page, FRENCH)
    page.locator("#stop-button").click(timeout=ANSWER_MS)
    expect(page.get_by_text("Arrêté.")).to_be_visible(timeout=ANSWER_MS)
    expect(page.locator("#chat-submit")).to_be_visible(timeout=ANSWER_MS)
    assert ask(page, "Que dit le xylophone du quasar ?")


def test_a_question_entered_before_the_connection_stands_is_asked_when_it_does(visit: Visit, house: House) -> None:
    page = visit("fr-FR")
    page.route("**/ws/socket.io/**", lambda _: None)
    sign_in(page, house)
    expect(page.locator("#chat-input")).to_be_visible()
    send(page, "Que dit le xylophone du quasar ?")
    expect(page.locator("#chat-submit")).to_be_disabled()
    page.unroute("**/ws/socket.io/**")  # what waited goes on
    expect(page.locator('[data-step-type="assistant_message"]')).to_have_count(1, timeout=ANSWER_MS)


def test_a_conversation_is_found_renamed_resumed_after_a_restart_and_deleted(
    visit: Visit, house: House, unique: str
) -> None:
    page = home(visit, house)
    question = f"{unique} : {FRENCH}"
    ask(page, question)
    page.context.close()
    house.stop()
    house.start()
    page = home(visit, house)
    page.locator(f'#thread-history a:has-text("{unique}")').click()
    expect(page.get_by_text(question).last).to_be_visible()
    expect(page.locator('a[href*="/passages/"]').first).to_be_visible()
    page.locator(f'#thread-history li:has-text("{unique}")').hover()
    page.locator(f'#thread-history li:has-text("{unique}") #thread-options').click()
    page.locator("#rename-thread").click()
    page.get_by_role("textbox", name="Nom").fill(f"{unique} renommé")
    page.get_by_role("button", name="Confirmer").click()
    expect(page.locator(f'#thread-history a:has-text("{unique} renommé")')).to_be_visible()
    page.locator("#search-chats-button").click()
    page.get_by_placeholder("Rechercher des conversations...").fill(unique)
    expect(page.get_by_role("option", name=re.compile(unique))).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(f'#thread-history li:has-text("{unique}")').hover()
    page.locator(f'#thread-history li:has-text("{unique}") #thread-options').click()
    page.locator("#delete-thread").click()
    page.get_by_role("button", name="Confirmer").click()
    expect(page.locator(f'#thread-history a:has-text("{unique}")')).to_have_count(0)


def test_a_thumb_with_a_comment_is_kept(visit: Visit, house: House, unique: str) -> None:
    page = home(visit, house)
    ask(page, f"Que dit le xylophone {unique} ?")
    page.get_by_role("button", name="Utile", exact=True).last.click()
    page.get_by_placeholder("Votre avis...").fill("merci beaucoup")
    page.locator("#submit-feedback").click()
    expect(page.locator(".positive-feedback-on")).to_be_visible()
    page.goto(f"{house.address}/chat/")
    page.locator(f'#thread-history a:has-text("{unique}")').click()
    expect(page.locator(".positive-feedback-on")).to_be_visible()


def test_only_the_chosen_collections_are_asked(visit: Visit, house: House) -> None:
    page = home(visit, house, "en-GB")
    page.locator("#chat-settings-open-modal").click()
    page.get_by_role("dialog").get_by_text("handbook", exact=True).locator("button").click()
    page.get_by_role("button", name="Confirm").click()
    ask(page, ENGLISH)
    titles = page.locator('[data-step-type="assistant_message"] a[href*="/passages/"]').all_inner_texts()
    assert set(titles) == {"Opening hours"}


@pytest.fixture
def vault(house: House, tmp_path: Path) -> Iterator[str]:
    """A collection whose one passage somebody changed in the database."""
    (tmp_path / "safe.md").write_text("# The safe\n\nThe safe of the vault is opened by two people on Mondays.\n")
    house.run("collection", "create", "vault")
    house.run("collection", "load", "vault", str(tmp_path))
    house.run("collection", "grant", "vault", "camille")
    with closing(sqlite3.connect(house.state / "truth.db", timeout=30)) as database, database:
        (own,) = next(database.execute("SELECT id FROM collections ORDER BY created_at DESC LIMIT 1"))
        database.execute("UPDATE passages SET body = ? WHERE collection_id = ?", (bytes(100), own))
    yield "vault"
    house.run("collection", "remove", "vault", "--yes")


def test_a_collection_that_was_changed_is_closed_and_said_and_the_others_answer(
    visit: Visit, house: House, vault: str
) -> None:
    page = home(visit, house, "en-GB")
    send(page, "When is the safe of the vault opened, and how many annual leave hours can I carry over?")
    told = page.locator('[data-step-type="assistant_message"]').filter(
        has_text=re.compile(f"Collection closed.*{vault}")
    )
    expect(told).to_be_visible(timeout=ANSWER_MS)
    expect(page.locator("#chat-submit")).to_be_visible(timeout=ANSWER_MS)
    assert "240" in ask(page, ENGLISH)
    expect(told).to_have_count(1)
    assert "is closed" in house.run("collection", "show", vault, code=1)
    house.run("repair", vault, "--yes")
    house.run("collection", "show", vault)


def test_signing_out_ends_the_session_for_good(visit: Visit, house: House) -> None:
    page = home(visit, house)
    page.wait_for_load_state("networkidle")  # what it asks for as it opens is not to meet a session that ended
    cookies = page.context.cookies()
    page.locator("#user-nav-button").click()
    page.get_by_role("menuitem", name="Se déconnecter").click()
    page.wait_for_url("**/sign-in")
    page.context.add_cookies(cookies)  # type: ignore[arg-type]  # the same shape comes out and goes in
    page.goto(f"{house.address}/chat/")
    expect(page).to_have_url(f"{house.address}/sign-in")


def test_once_signed_out_the_view_asks_for_nothing_more(visit: Visit, house: House) -> None:
    page = home(visit, house)
    page.wait_for_load_state("networkidle")
    asked: list[str] = []

    def slowly(route: Route) -> None:
        page.wait_for_timeout(2000)
        route.continue_()

    page.route("**/sign-in", slowly)
    page.locator("#user-nav-button").click()
    with page.expect_response("**/logout"):
        page.get_by_role("menuitem", name="Se déconnecter").click()
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_url("**/sign-in")
    assert not [address for address in asked if "/chat/" in address and "socket.io" not in address]


def test_a_visit_that_asks_nothing_leaves_no_conversation(visit: Visit, house: House) -> None:
    page = home(visit, house)
    ask(page, "Que dit le xylophone du quasar ?")
    home(visit, house).wait_for_timeout(1000)
    page.reload()
    expect(page.locator("#thread-history a").first).to_be_visible()
    expect(page.locator("#thread-history a", has_text="sans titre")).to_have_count(0)


@pytest.mark.parametrize(("locale", "word"), [("fr-FR", "Posez une question"), ("en-GB", "Ask your documents")])
def test_the_page_speaks_the_browsers_language(visit: Visit, house: House, locale: str, word: str) -> None:
    page = home(visit, house, locale)
    expect(page.locator("#chat-input")).to_have_attribute("placeholder", re.compile(word))
    assert page.locator("html").get_attribute("lang") == locale[:2]


def test_the_page_fits_a_phone_in_the_dark(visit: Visit, house: House) -> None:
    page = home(visit, house, viewport={"width": 390, "height": 800}, color_scheme="dark")
    assert "dark" in (page.locator("html").get_attribute("class") or "")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
