"""Chainlit inside our application. One house a process: the view reads its folder and environment when imported."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from chat.assembly import House
from chat.texts import preferred, texts
from chat.ui.configuration import write_configuration, write_translations
from chat.ui.page import clean_page, content_policy, in_language
from chat.visitor import VISITOR, current_visitor
from security.access import Right
from security.identity import Principal

ROOT = "/chat"
ENTRY = Path(__file__).parent / "entry" / "page.py"
_HOUSES: list[House] = []


@dataclass(frozen=True, slots=True)
class ChatView:
    """The mounted view: its page and where its built assets lie."""

    page: str
    assets: Path

    @property
    def policy(self) -> str:
        """The Content-Security-Policy of everything we serve."""
        return content_policy(self.page)


def house() -> House:
    """The house behind the chat view; Chainlit loads our handlers by path and hands them nothing."""
    return _HOUSES[-1]


def mount_chat(application: FastAPI, served: House) -> ChatView:
    """Mount the view under /chat, with our page instead of its own."""
    _HOUSES.append(served)
    folder = served.memory_dir / "ui"
    write_configuration(folder)
    from chainlit.config import TRANSLATIONS_DIR
    from chainlit.server import build_dir, get_html_template
    from chainlit.utils import mount_chainlit

    logging.getLogger("chainlit").setLevel(logging.ERROR)  # it warns of each language it has no texts in
    write_translations(folder, Path(TRANSLATIONS_DIR))
    view = ChatView(clean_page(get_html_template(ROOT), ROOT), Path(build_dir) / "assets")
    _add_page(application, view)
    mount_chainlit(application, str(ENTRY), ROOT)
    return view


def _add_page(application: FastAPI, view: ChatView) -> None:
    """Routes that come before the mounted view's own: its page, and the PDF worker it asks for at the wrong place."""

    @application.get(f"{ROOT}/")
    @application.get(f"{ROOT}/thread/{{thread_id}}")
    def page(request: Request) -> HTMLResponse:
        language = preferred(request.headers.get("accept-language", ""))
        owns = house().policy.grants(current_visitor().principal, Right.MANAGE)
        return HTMLResponse(in_language(view.page, language, texts(language)["owners"]["title"] if owns else ""))

    @application.get(f"{ROOT}/auth/config")
    def sign_in_ways() -> dict[str, Any]:
        """What the view asks before anything else: sign-in is not its business, and the theme follows the machine."""
        ways = {"requireLogin": True, "passwordAuth": False, "headerAuth": False, "oauthProviders": []}
        return {**ways, "default_theme": "system", "ui": {}}

    @application.post(f"{ROOT}/set-session-cookie")
    def no_session_cookie() -> Response:
        """The view asks for a cookie that balancers would need; it gets none."""
        return Response("{}", media_type="application/json")

    @application.get("/assets/{name}")
    def pdf_worker(name: str) -> Response:
        path = view.assets / name
        is_worker = name.startswith("pdf.worker") and path.parent == view.assets and path.is_file()
        return FileResponse(path, media_type="text/javascript") if is_worker else Response(status_code=404)


def socket_opener(socket_id: str) -> str | None:
    """The session's token of the person who opened this engine.io socket; None when no such socket is open."""
    from chainlit.server import sio

    scope = sio.environ.get(socket_id, {}).get("asgi.scope", {})
    visitor = scope.get(VISITOR)
    return visitor.token if visitor else None


def mint_token(principal: Principal) -> str:
    """A token for the chat view, valid minutes, never sent to a browser. Holds the user's id and nothing else."""
    from chainlit.auth import create_jwt
    from chainlit.user import User

    return str(create_jwt(User(identifier=principal.user_id)))
