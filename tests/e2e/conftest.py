"""A real server with the small weights, and a real Chromium that notes whatever it asks for elsewhere."""

import contextlib
import secrets
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.e2e.served import DOCUMENTS, PASSWORD, House, free_port

QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


@dataclass
class Watched:
    """A browser context and everything in it that must not be."""

    address: str
    context: BrowserContext
    tolerated: str = "\0"
    faults: list[str] = field(default_factory=list)

    def page(self) -> Page:
        page = self.context.new_page()
        page.on("request", lambda request: self._check(request.url))
        page.on("websocket", lambda socket: self._check(socket.url.replace("ws://", "http://")))
        page.on("console", self._check_console)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', e => console.error(e.violatedDirective, e.blockedURI))"
        )
        return page

    def _check_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and self.tolerated not in message.text:
            self.faults.append(message.text)

    def _check(self, address: str) -> None:
        if not address.startswith((f"{self.address}/", "data:", "blob:")):
            self.faults.append(f"asked elsewhere: {address}")


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("e2e")
    served = House(folder / "state", free_port(), folder / "serve.log")
    served.settings["HUISCLOS__ANSWERING__WITHOUT_DOCUMENTS"] = "true"
    served.run("init")
    annex = folder / "annex"
    annex.mkdir()
    (annex / "hours.md").write_text(
        "# Opening hours\n\nThe canteen serves lunch from 11:45 to 14:00 on working days.\n"
    )
    for name, documents in (("handbook", DOCUMENTS), ("annex", annex)):
        served.run("collection", "create", name)
        served.run("collection", "load", name, str(documents))
    served.run("user", "add", "camille", "--password-stdin", given=f"{PASSWORD}\n")
    for name in ("handbook", "annex"):
        served.run("collection", "grant", name, "camille")
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="session")
def black_hole() -> Iterator[str]:
    """A proxy that takes every connection and never answers, as a firewall that drops."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hold() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(listener.accept()[0])

        threading.Thread(target=hold, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    for connection in held:
        connection.close()


@pytest.fixture(scope="module", params=["open", "black-holed"])
def browser(request: pytest.FixtureRequest, black_hole: str) -> Iterator[Browser]:
    """A browser for the tests of one module: while Playwright runs, no other test can run an event loop."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "no Chromium on this machine: run `make chromium`"
    arguments = ["--no-sandbox", "--disable-gpu", *QUIET]
    if request.param == "black-holed":
        arguments += [f"--proxy-server={black_hole}", "--proxy-bypass-list=127.0.0.1"]
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=found, args=arguments)


@pytest.fixture
def visit(house: House, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page in a context of its own; what it must not have done fails the test at its end."""
    contexts: list[Watched] = []

    def open_page(locale: str = "fr-FR", tolerated: str = "\0", **options: object) -> Page:
        watched = Watched(house.address, browser.new_context(locale=locale, **options), tolerated)  # type: ignore[arg-type]
        watched.context.set_default_timeout(90_000)
        contexts.append(watched)
        return watched.page()

    yield open_page
    faults = [fault for watched in contexts for fault in watched.faults]
    for watched in contexts:
        watched.context.close()
    assert faults == []


@pytest.fixture
def unique() -> str:
    """A word that no other conversation holds."""
    return f"mot{secrets.token_hex(4)}"
