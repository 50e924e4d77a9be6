"""The application on TCP: our sign-in and sources, the chat view mounted under /chat, the gate around it all."""

from pathlib import Path

from fastapi import FastAPI, Form, Request, Response, status
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from chat.assembly import House
from chat.logs import record, record_failure
from chat.texts import preferred, texts
from chat.ui.mount import mint_token, mount_chat, socket_opener
from chat.visitor import current_visitor
from chat.web.feedback import create_feedback
from chat.web.gate import COOKIE, Gate
from chat.web.owned import create_owned
from chat.web.pages import render
from chat.web.sources import create_sources
from security.errors import TooManyAttempts
from security.sessions import AGE_MAX

_HERE = Path(__file__).parent
_CLEAR = '"cache", "cookies", "storage"'


def create_application(house: House) -> ASGIApp:
    """Everything a browser reaches."""
    application = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    application.mount("/static", StaticFiles(directory=_HERE / "static"))
    application.include_router(create_sources(house))
    application.include_router(create_feedback(house))
    application.include_router(create_owned(house))
    _add_home(application)
    _add_errors(application)
    _add_sign_in(application, house)
    _add_sign_out(application, house)
    view = mount_chat(application, house)
    find = house.directory.session
    return Gate(application, find=find, mint=mint_token, socket_opener=socket_opener, policy=view.policy)


def _add_home(application: FastAPI) -> None:
    @application.get("/")
    def home() -> Response:
        return RedirectResponse("/chat/", 303)

    @application.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}


def _add_errors(application: FastAPI) -> None:
    """What fails is one sentence that says what to do, in the person's language; never a trace."""

    @application.exception_handler(HTTPException)
    def not_found(request: Request, error: HTTPException) -> Response:
        return _message(
            request, "not_found" if error.status_code == status.HTTP_404_NOT_FOUND else "failed", error.status_code
        )

    @application.exception_handler(Exception)
    def failed(request: Request, error: Exception) -> Response:
        record_failure("request_failed", error)
        return _message(request, "failed", 500)


def _message(request: Request, text: str, code: int) -> Response:
    language = preferred(request.headers.get("accept-language", ""))
    words = texts(language)
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": words[text]}, code)
    return HTMLResponse(render("message.html", language=language.value, t=words, text=words[text]), code)


def _add_sign_in(application: FastAPI, house: House) -> None:
    @application.get("/sign-in")
    def show(request: Request) -> Response:
        return _form(request)

    @application.post("/sign-in")
    def sign_in(request: Request, name: str = Form(max_length=200), password: str = Form(max_length=1000)) -> Response:
        words = texts(preferred(request.headers.get("accept-language", "")))
        try:
            principal = house.directory.check_password(name, password)
        except TooManyAttempts as error:
            record("sign_in_refused", reason="attempts")
            return _form(request, words["wait"].format(seconds=error.seconds), name, 429)
        if principal is None:
            record("sign_in_refused", reason="credentials")
            return _form(request, words["wrong"], name, 401)
        house.audit.record(principal.user_id, "session.open", principal.user_id, "done")
        response = RedirectResponse("/chat/", 303)
        is_secure = house.settings.server.secure_cookies or request.url.scheme == "https"
        response.set_cookie(
            COOKIE,
            house.directory.open_session(principal),
            max_age=int(AGE_MAX.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=is_secure,
            path="/",
        )
        return response


def _add_sign_out(application: FastAPI, house: House) -> None:
    @application.post("/chat/logout")
    def sign_out() -> Response:
        visitor = current_visitor()
        house.directory.end_session(visitor.token)
        house.audit.record(visitor.principal.user_id, "session.end", visitor.principal.user_id, "done")
        return Response('{"success": true}', media_type="application/json", headers={"clear-site-data": _CLEAR})


def _form(request: Request, message: str = "", name: str = "", code: int = 200) -> HTMLResponse:
    language = preferred(request.headers.get("accept-language", ""))
    return HTMLResponse(
        render("sign_in.html", language=language.value, t=texts(language), message=message, name=name), code
    )
