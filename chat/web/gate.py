"""The outermost layer: who may pass, where from, and with which headers the answer leaves.

The browser holds one opaque cookie of ours. For each request of a signed-in person the gate puts a short-lived token
for the chat view into the request itself; the view's own cookie never exists outside this process, so that signing
out ends everything.
"""

import asyncio
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat.visitor import VISITOR, Visitor, set_visitor
from security.identity import Principal

COOKIE = "huisclos"
INNER_COOKIE = "access_token"
_OPEN = re.compile(r"^/(?:sign-in|health|static/[\w.-]+)$")
_CHAT_ALLOWED = (
    (
        "GET",
        re.compile(r"^/chat/(?:assets|public)/.*|^/chat/(?:favicon|logo|avatars/[\w %.-]+|user|auth/config|health)$"),
    ),
    ("GET", re.compile(r"^/chat/project/(?:settings|translations|thread/[\w-]+)$")),
    ("GET", re.compile(r"^/chat/?$|^/chat/thread/[\w-]+$")),
    ("POST", re.compile(r"^/chat/(?:project/threads|logout|set-session-cookie)$")),
    ("PUT", re.compile(r"^/chat/(?:feedback|project/thread)$")),
    ("DELETE", re.compile(r"^/chat/(?:feedback|project/thread)$")),
)
_VIEWS_SIGN_IN = "/chat/login"
"""Where the view goes by itself once a session has ended. Ours stands elsewhere."""
_SOCKET = re.compile(r"^/chat/ws/socket\.io/?$")
_HASHED = re.compile(r"^/(?:chat/assets|assets)/")
_OURS = re.compile(r"^/static/")
_LENGTH = re.compile(r"[0-9]{1,6}")  # int() refuses thousands of digits
_NOT_FROM_THE_VIEW = ("set-cookie", "access-control-allow-origin", "access-control-allow-credentials")
BODY_BYTES_MAX = 256 * 1024
"""No form or call of the page is larger; documents do not come this way."""
FindSession = Callable[[str], Principal | None]
MintToken = Callable[[Principal], str]
SocketOpener = Callable[[str], str | None]


class Gate:
    """ASGI middleware around everything that is served on TCP."""

    def __init__(
        self, app: ASGIApp, *, find: FindSession, mint: MintToken, socket_opener: SocketOpener, policy: str
    ) -> None:
        self._app, self._find, self._mint, self._policy = app, find, mint, policy
        self._socket_opener = socket_opener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, redirect, or pass on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        visitor = await self._visitor(headers)
        refusal = _refusal(scope, headers, visitor) or self._not_their_socket(scope, visitor)
        set_visitor(visitor)
        inner = {**scope, "headers": self._headers(scope, visitor), VISITOR: visitor}
        await (refusal or self._app)(inner, receive, self._dressed(scope, send))

    async def _visitor(self, headers: Headers) -> Visitor | None:
        token = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        principal = await asyncio.to_thread(self._find, token) if token else None
        return Visitor(principal, token) if principal and token else None

    def _not_their_socket(self, scope: Scope, visitor: Visitor | None) -> Response | None:
        """Whoever opened a socket alone goes on with it: its id is no right, and a later session must not use it."""
        for socket_id in parse_qs(scope["query_string"].decode("latin-1")).get("sid", ()):
            opener = self._socket_opener(socket_id)
            if opener is not None and (visitor is None or opener != visitor.token):
                return JSONResponse({"detail": "not found"}, 404)
        return None

    def _headers(self, scope: Scope, visitor: Visitor | None) -> list[tuple[bytes, bytes]]:
        """The request's headers without any credential of the client's making, with ours for the chat view."""
        dropped = (b"authorization", b"cookie")
        kept = [(name, value) for name, value in scope["headers"] if name.lower() not in dropped]
        if visitor and scope["path"].startswith("/chat"):
            kept.append((b"cookie", f"{INNER_COOKIE}={self._mint(visitor.principal)}".encode()))
        elif visitor:
            kept.append((b"cookie", f"{COOKIE}={visitor.token}".encode()))
        return kept

    def _dressed(self, scope: Scope, send: Send) -> Send:
        """A send that adds our headers. Only our own routes may have set one of them otherwise."""
        is_view = scope["path"].startswith("/chat")

        async def dressed(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name in _NOT_FROM_THE_VIEW if is_view else ():
                    del headers[name]
                for name, value in self._response_headers(scope["path"]).items():
                    if is_view or name not in headers:
                        headers[name] = value
            await send(message)

        return dressed

    def _response_headers(self, path: str) -> dict[str, str]:
        cache = "no-cache" if _OURS.match(path) else "no-store"
        cache = "public, max-age=31536000, immutable" if _HASHED.match(path) else cache
        return {
            "content-security-policy": self._policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=()",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "cache-control": cache,
        }


def _refusal(scope: Scope, headers: Headers, visitor: Visitor | None) -> Response | None:
    """Why a request does not pass, or None."""
    path, method, is_socket = scope["path"], scope.get("method", "GET"), bool(_SOCKET.match(scope["path"]))
    is_change = scope["type"] == "websocket" or method not in ("GET", "HEAD")
    if scope["type"] == "websocket" and not is_socket:
        return JSONResponse({"detail": "not found"}, 404)
    if (is_change or is_socket) and not _is_own_origin(headers, required=is_change):
        return JSONResponse({"detail": "not from this page"}, 403)
    if not _is_bounded(headers):
        return JSONResponse({"detail": f"a request has at most {BODY_BYTES_MAX} bytes, and says how many"}, 413)
    if method == "GET" and path == _VIEWS_SIGN_IN:
        return RedirectResponse("/sign-in", 303)
    if path.startswith("/chat") and not is_socket and not _is_allowed(method, path):
        return JSONResponse({"detail": "not found"}, 404)
    if visitor is None and not _OPEN.match(path):
        wants_page = method == "GET" and "text/html" in headers.get("accept", "")
        return RedirectResponse("/sign-in", 303) if wants_page else JSONResponse({"detail": "sign in"}, 401)
    return None


def _is_bounded(headers: Headers) -> bool:
    length = headers.get("content-length", "0")
    is_length = _LENGTH.fullmatch(length) is not None and int(length) <= BODY_BYTES_MAX
    return is_length and "transfer-encoding" not in headers


def _is_own_origin(headers: Headers, *, required: bool) -> bool:
    origin = headers.get("origin")
    if origin is None:
        return not required or headers.get("sec-fetch-site") in ("same-origin", "none")
    return urlsplit(origin).netloc == headers.get("host")


def _is_allowed(method: str, path: str) -> bool:
    return any(verb == ("GET" if method == "HEAD" else method) and form.match(path) for verb, form in _CHAT_ALLOWED)
