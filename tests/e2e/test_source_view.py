"""A source of each kind of file opens at its quote, in the panel and alone, at a desk and on a phone."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import Watched
from tests.e2e.reading_room import KINDS, Room, cookie, opened
from tests.e2e.test_axe import PHONE, faults

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("browser", ["open"], indirect=True)]
DESK = {"width": 1280, "height": 800}
IN_VIEW = "one => { const box = one.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; }"
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with opened(tmp_path_factory.mktemp("room")) as held:
        yield held


@pytest.fixture
def reading(room: Room, browser: Browser) -> Iterator[Open]:
    """Opens a page of somebody who is signed in; what it must not have done fails the test at its end."""
    held: list[Watched] = []

    def open_page(path: str, locale: str = "fr-FR", **options: object) -> Page:
        watched = Watched(room.address, browser.new_context(locale=locale, **options))  # type: ignore[arg-type]
        watched.context.add_cookies([cookie(room)])  # type: ignore[list-item]  # the same shape
        held.append(watched)
        page = watched.page()
        page.goto(f"{room.address}{path}")
        return page

    yield open_page
    found = [fault for watched in held for fault in watched.faults]
    for watched in held:
        watched.context.close()
    assert found == []


def panel_of(page: Page, kind: str) -> Locator:
    """The panel, once what it shows first is drawn."""
    page.get_by_role("link", name=kind, exact=True).click()
    panel = page.locator("#source-panel")
    expect(panel.locator("h1")).not_to_be_empty()
    panel.locator(".strip").evaluate_all("all => Promise.all(all.map(one => one.decode()))")
    return panel


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize(("locale", "language"), [("fr-FR", "fr"), ("en-GB", "en")])
def test_each_kind_of_file_opens_with_its_quote_in_view(
    reading: Open, size: dict[str, int], scheme: str, locale: str, language: str
) -> None:
    page = reading(f"/links?language={language}", locale, viewport=size, color_scheme=scheme)
    for kind in KINDS:
        panel = panel_of(page, kind)
        expect(panel.locator("mark").first).to_be_attached()
        first = panel.locator(".strip, mark").first
        assert first.evaluate(IN_VIEW), kind
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], kind
        assert panel.evaluate("one => one.scrollWidth <= one.clientWidth"), kind
        assert faults(page) == [], kind
        page.keyboard.press("Escape")
        expect(panel).to_have_count(0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_opened_in_a_page_of_its_own_is_clean(reading: Open, room: Room, kind: str) -> None:
    page = reading(room.sources[kind], viewport=PHONE)
    expect(page.locator("mark").first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert faults(page) == []


def test_a_row_stands_in_its_table_below_its_header(reading: Open) -> None:
    panel = panel_of(reading("/links?language=fr"), "sheet")
    expect(panel.locator("mark")).to_have_text("1 240")
    header = panel.locator("th").all_inner_texts()
    row = panel.locator("tr.cited:has(mark) td").all_inner_texts()
    assert dict(zip(header, row, strict=True))["Chiffre d'affaires (k€)"] == "1 240"
    assert panel.locator("th", has_text="Chiffre").evaluate(IN_VIEW)


def test_a_reader_goes_on_in_the_panel_and_its_end_leads_back_to_the_answer(reading: Open) -> None:
    page = reading("/links?language=en", "en-GB")
    panel = panel_of(page, "word")
    expect(panel.locator("p.cited", has_text="trois jours par semaine")).to_be_visible()
    panel.get_by_role("link", name="Later in the document").click()
    expect(panel.locator("h2", has_text="Article 8")).to_be_visible()
    expect(panel.locator("mark")).to_have_count(0)
    panel.get_by_role("link", name="Earlier in the document").click()
    expect(panel.locator("mark")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="word")).to_be_focused()


def test_slides_are_named_in_the_readers_language(reading: Open) -> None:
    panel = panel_of(reading("/links?language=fr"), "slides")
    assert [name.lower() for name in panel.locator("h2.part").all_inner_texts()] == [
        f"diapositive {number}" for number in (1, 2, 3)
    ]
