"""Without a model the page searches and says so, in both languages; asked again, it answers once there is one."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from chat.settings import Settings
from models.reopening import REOPEN_SECONDS
from models.store import ModelStore
from tests.e2e.served import DOCUMENTS, PASSWORD, SMALL, House, free_port
from tests.e2e.test_axe import PHONE, faults
from tests.e2e.test_walk import ANSWER_MS, ENGLISH, FRENCH, ask, home, send
from tests.warm import ended

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("browser", ["open"], indirect=True)]
Visit = Callable[..., Page]
NOTICE = {"fr-FR": "Pas de réponse rédigée pour le moment", "en-GB": "No answers are written at the moment"}
SAID = {"fr-FR": "Aucune réponse ne peut être rédigée", "en-GB": "No answer can be written"}
ASKED = {"fr-FR": FRENCH, "en-GB": ENGLISH}
AGAIN = "Ask the question again"
CROWD = 6
TRIES = 5
"""How often a question meets a line that others keep full."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the weights that answer belong; those that embed lie there."""
    store, folder = ModelStore(Settings().models.folder), tmp_path_factory.mktemp("weights")
    embedding = store.catalogue.entry("multilingual-e5-small")
    (folder / embedding.file).symlink_to(store.folder / embedding.file)
    return folder / store.catalogue.entry(SMALL).file


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Iterator[House]:
    """A house that is served without the weights that answer, and with a short line."""
    folder = tmp_path_factory.mktemp("away")
    served = House(folder / "state", free_port(), folder / "serve.log")
    served.settings["HUISCLOS__MODELS__FOLDER"] = str(weights.parent)
    served.settings |= {"HUISCLOS__MODELS__QUEUE_MAX": "1", "HUISCLOS__MODELS__SLOTS": "1"}
    served.run("init")
    served.run("collection", "create", "handbook")
    served.run("collection", "load", "handbook", str(DOCUMENTS))
    served.run("user", "add", "camille", "--password-stdin", given=f"{PASSWORD}\n")
    served.run("collection", "grant", "handbook", "camille")
    served.start()
    yield served
    served.stop()


@pytest.fixture
def without_model(weights: Path) -> None:
    assert not weights.exists(), "the tests of a house without a model come first"


@pytest.mark.usefixtures("without_model")
@pytest.mark.parametrize("locale", list(NOTICE))
def test_without_weights_the_page_greets_says_so_and_gives_passages_that_open_at_their_quotes(
    visit: Visit, house: House, locale: str
) -> None:
    page = home(visit, house, locale)
    notice = page.get_by_role("status").filter(has_text=NOTICE[locale])
    expect(notice).to_be_visible()
    expect(page.locator("#starters button").first).to_be_visible()
    assert faults(page) == []
    answer = ask(page, ASKED[locale])
    assert SAID[locale] in answer
    assert ".gguf" not in page.content()
    links = page.locator('[data-step-type="assistant_message"] a[href*="quote="]')
    assert links.count() > 3
    links.first.click()
    expect(page.locator("#source-panel mark").first).to_be_visible()
    expect(notice).to_be_visible()
    assert faults(page) == []


@pytest.mark.usefixtures("without_model")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_without_a_model_is_clean(visit: Visit, house: House, scheme: str) -> None:
    page = home(visit, house, "fr-FR", viewport=PHONE, color_scheme=scheme)
    expect(page.locator("#model-notice")).to_be_visible()
    assert faults(page) == []
    ask(page, FRENCH)
    assert faults(page) == []


@pytest.mark.usefixtures("without_model")
def test_a_task_that_needs_the_model_says_that_it_is_away_and_others_work(visit: Visit, house: House) -> None:
    page = home(visit, house, "en-GB")
    assert "The model is not available" in ask(page, "/draft How many annual leave hours can be carried over?")
    assert "annual leave" in ask(page, "/list annual leave")


@pytest.mark.usefixtures("without_model")
def test_weights_that_are_cut_short_and_then_put_right_answer_without_a_restart(
    visit: Visit, house: House, weights: Path
) -> None:
    page = home(visit, house, "en-GB")
    whole = Settings().models.folder / weights.name
    with whole.open("rb") as source:
        weights.write_bytes(source.read(5_000_000))
    time.sleep(REOPEN_SECONDS)
    assert SAID["en-GB"] in ask(page, ENGLISH)
    assert '"error": "WeightsCorrupt"' in house.log.read_text()
    said, out, _ = ended(("doctor",), house.environment)
    assert (said, "people get passages and no answers" in out, "delete the file and run" in out) == (1, True, True)
    weights.unlink()
    weights.symlink_to(whole)
    time.sleep(2 * REOPEN_SECONDS)
    assert "240" in ask(page, ENGLISH)
    expect(page.locator("#model-notice")).to_have_count(0)
    assert '"event": "model_back"' in house.log.read_text()


@pytest.fixture
def with_model(house: House, weights: Path) -> None:
    """Whatever ran before: the weights are there, and the house has opened them."""
    if not weights.exists():
        weights.symlink_to(Settings().models.folder / weights.name)
    until = time.monotonic() + 10 * REOPEN_SECONDS
    while "NOT FINE  model that answers" in ended(("doctor",), house.environment)[1]:
        assert time.monotonic() < until, "the weights were not opened in time"
        time.sleep(0.5)


@contextmanager
def crowd(house: House, size: int) -> Iterator[None]:
    """So many people who ask one question after the other."""
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.is_set():
            ended(("ask", "-c", "handbook", "What types of leave are there?"), house.environment)

    threads = [threading.Thread(target=go_on) for _ in range(size)]
    for thread in threads:
        thread.start()
    yield
    is_over.set()
    for thread in threads:
        thread.join()


@pytest.mark.usefixtures("with_model")
def test_who_waits_in_line_reads_what_was_found_meanwhile(visit: Visit, house: House) -> None:
    page = home(visit, house, "en-GB")
    waiting = page.get_by_role("button", name=re.compile(r"Waiting, place \d+"))
    answers = page.locator('[data-step-type="assistant_message"]')
    with crowd(house, 1):
        for tried in range(TRIES):
            send(page, ENGLISH)
            expect(waiting.or_(answers.nth(tried)).first).to_be_visible(timeout=ANSWER_MS)
            if waiting.count():
                break
            expect(page.locator("#chat-submit")).to_be_visible(timeout=ANSWER_MS)
        expect(page.locator('a[href*="/passages/"]').last).to_be_visible()
        expect(page.locator("#stop-button")).to_be_visible()
        expect(waiting).to_have_attribute("aria-expanded", "true")
    expect(waiting).to_have_attribute("aria-expanded", "false", timeout=ANSWER_MS)
    expect(page.locator("#chat-submit")).to_be_visible(timeout=ANSWER_MS)


@pytest.mark.usefixtures("with_model")
def test_a_full_line_is_told_with_passages_and_the_question_is_asked_again_by_a_click(
    visit: Visit, house: House
) -> None:
    page = home(visit, house, "en-GB")
    with crowd(house, CROWD):
        tries = (ask(page, ENGLISH) for _ in range(TRIES))
        assert next((answer for answer in tries if "in great demand" in answer), "")
        assert faults(page) == []
    expect(page.locator("#model-notice")).to_have_count(0)
    known = page.locator('[data-step-type="assistant_message"]').count()
    page.get_by_role("link", name=AGAIN).last.click()
    answers = page.locator('[data-step-type="assistant_message"]')
    expect(answers).to_have_count(known + 1, timeout=ANSWER_MS)
    expect(page.locator("#chat-submit")).to_be_visible(timeout=ANSWER_MS)
    assert "240" in answers.last.inner_text()
    assert page.locator('[data-step-type="user_message"]').last.inner_text().strip() == ENGLISH
