"""Claim: nothing passes the gate but the page's own calls, and everything leaves it with the same strict headers."""

import http.client
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest
import websocket
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chat.assembly import House
from chat.settings import Server, Settings
from chat.web.application import _add_sign_in
from chat.web.gate import BODY_BYTES_MAX
from security.audit import AuditLog
from security.directory import Directory
from security.identity import Role
from tests.attacks.planted import Planted
from tests.attacks.whole import TEST_SECONDS_MAX, Attacked, Person
from tests.e2e.served import PASSWORD

pytestmark = [pytest.mark.model, pytest.mark.timeout(TEST_SECONDS_MAX)]
EVIL = "http://evil.example"
SOCKET_PATH = "/chat/ws/socket.io/?EIO=4&transport=websocket"
POLLING = "/chat/ws/socket.io/?EIO=4&transport=polling"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over the wire."""

    status: int
    headers: http.client.HTTPMessage
    body: str


def raw(house: Attacked, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """A request whose path is sent as it stands; `_` in a header's name is a hyphen."""
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=60)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=named)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode(errors="replace"))
    finally:
        connection.close()


@pytest.fixture(scope="module")
def ada(house: Attacked, planted: Planted) -> Iterator[Person]:
    with house.signed_in(planted.ada) as person:
        yield person


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/chat/mcp"),
        ("DELETE", "/chat/mcp"),
        ("POST", "/chat/login"),
        ("POST", "/chat/auth/jwt"),
        ("POST", "/chat/auth/header"),
        ("GET", "/chat/auth/oauth/github"),
        ("GET", "/chat/auth/oauth/github/callback"),
        ("GET", "/chat/project/share/{id}"),
        ("PUT", "/chat/project/thread/share"),
        ("POST", "/chat/project/file"),
        ("GET", "/chat/project/file/{id}"),
        ("PUT", "/chat/project/element"),
        ("DELETE", "/chat/project/element"),
        ("POST", "/chat/project/action"),
        ("GET", "/chat/docs"),
        ("GET", "/chat/docs/oauth2-redirect"),
        ("GET", "/chat/redoc"),
        ("GET", "/chat/openapi.json"),
        ("GET", "/chat/copilot/index.js"),
        ("GET", "/docs"),
        ("GET", "/redoc"),
        ("GET", "/openapi.json"),
        ("POST", "/operations/user.list"),
        ("GET", "/chat/nothing/of/that/name"),
    ],
)
def test_what_the_page_does_not_use_is_not_there_even_for_who_signed_in(
    house: Attacked, ada: Person, method: str, path: str
) -> None:
    address = path.format(id=uuid.uuid4())
    answer = raw(
        house, method, address, b"{}", cookie=ada.cookie, origin=house.address, content_type="application/json"
    )
    assert answer.status == 404, answer.body


@pytest.mark.parametrize(
    "path",
    [
        "//chat/mcp",
        "/chat//mcp",
        "/chat/./mcp",
        "/chat/user/../mcp",
        "/chat/%2e%2e/chat/mcp",
        "/chat%2fmcp",
        "/chat/%6dcp",
        "/CHAT/mcp",
        "/Chat/mcp",
        "/chat/mcp/",
        "/chat/mcp%00",
        "/chat/mcp%0a",
        "/chat/mcp;x=1",
        "/chat\\mcp",
        "/chatmcp",
        "/chat/assets/../mcp",
        "/chat/logout/../mcp",
    ],
)
def test_no_spelling_of_a_path_leads_around_the_gate(house: Attacked, ada: Person, path: str) -> None:
    body = json.dumps({"sessionId": "x", "clientType": "sse", "name": "x", "url": "http://evil.example"}).encode()
    answer = raw(house, "POST", path, body, cookie=ada.cookie, origin=house.address, content_type="application/json")
    assert answer.status in (400, 404, 405), (answer.status, answer.body)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../application.py",
        "/static/%2e%2e/application.py",
        "/static/..%2fapplication.py",
        "/chat/public/../.chainlit/config.toml",
        "/chat/public/%2e%2e/.chainlit/config.toml",
        "/chat/public/..%2f.chainlit/config.toml",
        "/chat/public//etc/passwd",
        "/chat/assets/%2e%2e/%2e%2e/server.py",
        "/chat/avatars/..%2f..%2fetc%2fpasswd",
        "/assets/..%2findex.html",
    ],
)
def test_no_file_outside_the_public_folders_is_given(house: Attacked, ada: Person, path: str) -> None:
    answer = raw(house, "GET", path, cookie=ada.cookie)
    assert answer.status in (400, 404), answer.status
    assert "root:" not in answer.body
    assert "import " not in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("origin", [EVIL, "null", "", "http://127.0.0.1", "http://127.0.0.1:1", "{own}.evil.example"])
def test_a_change_from_another_page_or_from_nowhere_is_refused(
    house: Attacked, ada: Person, method: str, origin: str
) -> None:
    headers = {"origin": origin.format(own=house.address)} if origin else {}
    answer = raw(house, method, "/chat/project/threads", b"{}", cookie=ada.cookie, **headers)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_signing_in_from_another_page_is_refused(house: Attacked, planted: Planted) -> None:
    form = f"name={planted.ada}&password={PASSWORD}".encode()
    kind = "application/x-www-form-urlencoded"
    answer = raw(house, "POST", "/sign-in", form, origin=EVIL, content_type=kind)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers


def test_a_preflight_of_another_page_is_answered_with_no_permission(house: Attacked, ada: Person) -> None:
    asked = {"origin": EVIL, "access_control_request_method": "PUT", "access_control_request_headers": "content-type"}
    answer = raw(house, "OPTIONS", "/chat/feedback", cookie=ada.cookie, **asked)
    assert answer.status == 403
    assert "access-control" not in str(answer.headers).lower()


@pytest.mark.parametrize("path", ["/", "/chat/", "/chat/user", POLLING])
def test_no_answer_lets_another_page_read_it(house: Attacked, ada: Person, path: str) -> None:
    answer = raw(house, "GET", path, cookie=ada.cookie, origin=EVIL)
    assert "access-control" not in str(answer.headers).lower()


@pytest.mark.parametrize("origin", [EVIL, "null", None, "http://127.0.0.1:1"])
def test_a_socket_from_another_page_or_from_nowhere_is_refused(
    house: Attacked, ada: Person, origin: str | None
) -> None:
    assert refused_socket(house, SOCKET_PATH, ada.cookie, origin).status_code == 403


@pytest.mark.parametrize("path", ["/chat/ws/", "/chat/ws/socket.io/x?EIO=4&transport=websocket", "/ws", "/sign-in"])
def test_a_socket_elsewhere_is_refused(house: Attacked, ada: Person, path: str) -> None:
    assert refused_socket(house, path, ada.cookie, house.address).status_code in (403, 404)


def test_a_socket_of_somebody_not_signed_in_is_refused(house: Attacked) -> None:
    assert refused_socket(house, SOCKET_PATH, "", house.address).status_code in (401, 403)
    assert refused_socket(house, SOCKET_PATH, "huisclos=guess; access_token=x", house.address).status_code in (401, 403)


def refused_socket(
    house: Attacked, path: str, cookie: str, origin: str | None
) -> websocket.WebSocketBadStatusException:
    options = {"suppress_origin": True} if origin is None else {"origin": origin}
    address = house.address.replace("http", "ws") + path
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        websocket.create_connection(address, cookie=cookie, timeout=30, **options)
    refusal: websocket.WebSocketBadStatusException = caught.value
    return refusal


@pytest.mark.parametrize("headers", [{}, {"cookie": "access_token={token}"}, {"authorization": "Bearer {token}"}])
@pytest.mark.parametrize("path", ["/", "/chat/", "/chat/user", "/chat/project/settings", "/sources/a/b/original"])
def test_no_credential_but_our_cookie_counts(house: Attacked, headers: dict[str, str], path: str) -> None:
    """A token of the view's own form, even one signed with a key that somebody guessed, is taken out at the gate."""
    token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpZGVudGlmaWVyIjoieCJ9.c2lnbmVk"
    answer = raw(house, "GET", path, **{name: value.format(token=token) for name, value in headers.items()})
    assert answer.status == 401


def test_our_cookie_outweighs_a_forged_token_beside_it(house: Attacked, ada: Person) -> None:
    forged = f"access_token=forged; {ada.cookie}; access_token=forged"
    answer = raw(house, "GET", "/chat/user", cookie=forged, authorization="Bearer forged")
    assert answer.status == 200
    assert json.loads(answer.body)["display_name"] == ada.name


@pytest.mark.parametrize("path", ["/sign-in", "/chat/project/threads", "/chat/feedback"])
def test_a_body_over_the_bound_or_of_unknown_length_is_refused_unread(house: Attacked, ada: Person, path: str) -> None:
    said = {"cookie": ada.cookie, "origin": house.address}
    large = raw(house, "POST", path, None, content_length=str(BODY_BYTES_MAX + 1), **said)
    chunked = raw(house, "POST", path, iter([b"{}"]), **said)
    assert (large.status, chunked.status) == (413, 413)


@pytest.mark.parametrize("length", ["-1", "+5", "0x10", "1e3", "٣", "5, 5"])
def test_a_length_that_is_no_number_is_refused(house: Attacked, ada: Person, length: str) -> None:
    said = {"cookie": ada.cookie, "origin": house.address, "content_length": length.encode().decode("latin-1")}
    assert raw(house, "POST", "/chat/project/threads", None, **said).status in (400, 413)


EVERYWHERE = (
    ("GET", "/sign-in", 200),
    ("GET", "/health", 200),
    ("GET", "/static/chat.js", 200),
    ("GET", "/nothing", 404),
    ("GET", "/chat/", 200),
    ("GET", "/chat/user", 200),
    ("GET", "/chat/mcp", 404),
    ("GET", "/chat/project/thread/none", 404),
    ("HEAD", "/chat/", 200),
    ("POST", "/sign-in", 422),
    ("DELETE", "/chat/feedback", 422),
    ("DELETE", "/sources/a/b/original", 405),
    ("GET", "/sources/a/b/original", 404),
    ("GET", "/sources/a/b/pages/x.png", 422),
    ("GET", POLLING.replace("EIO=4", "EIO=1"), 400),
)


@pytest.mark.parametrize(("method", "path", "status"), EVERYWHERE)
def test_every_answer_leaves_with_the_strict_headers(
    house: Attacked, ada: Person, method: str, path: str, status: int
) -> None:
    answer = raw(house, method, path, cookie=ada.cookie, origin=house.address)
    assert answer.status == status, answer.body
    check_headers(answer.headers)


@pytest.mark.parametrize("path", ["/", "/chat/", "/chat/user", "/sources/a/b/original", "/nothing"])
def test_what_is_refused_leaves_with_them_too(house: Attacked, path: str) -> None:
    answer = raw(house, "GET", path)
    assert answer.status == 401
    check_headers(answer.headers)
    redirect = raw(house, "GET", path, accept="text/html")
    assert (redirect.status, redirect.headers["location"]) == (303, "/sign-in")
    check_headers(redirect.headers)


def test_a_refused_socket_leaves_with_them_too(house: Attacked, ada: Person) -> None:
    refusal = refused_socket(house, SOCKET_PATH, ada.cookie, EVIL)
    assert refusal.resp_headers
    check_headers(refusal.resp_headers)


def test_what_fails_inside_leaves_with_them_and_one_sentence(house: Attacked, ada: Person) -> None:
    """A feedback on nothing makes the view raise; the person gets no trace."""
    body = json.dumps({"feedbackId": "nothing"}).encode()
    said = {"cookie": ada.cookie, "origin": house.address, "content_type": "application/json"}
    answer = raw(house, "DELETE", "/chat/feedback", body, **said)
    assert answer.status == 500
    assert len(answer.body) < 300
    assert "Traceback" not in answer.body
    assert ".py" not in answer.body
    check_headers(answer.headers)


def check_headers(headers: http.client.HTTPMessage | dict[str, str]) -> None:
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "unsafe-inline" not in re.search("script-src ([^;]*)", policy)[1]  # type: ignore[index]
    assert not re.search(r"https?://|\*", policy)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"]


@pytest.mark.parametrize("path", ["/chat/", "/chat/user", "/chat/project/settings", POLLING, "/sign-in"])
def test_no_page_sets_a_cookie(house: Attacked, ada: Person, path: str) -> None:
    assert "set-cookie" not in raw(house, "GET", path, cookie=ada.cookie).headers


def test_what_was_answered_is_not_kept_by_the_browser(house: Attacked, ada: Person) -> None:
    assert raw(house, "GET", "/chat/user", cookie=ada.cookie).headers["cache-control"] == "no-store"


def sign_in(house: Attacked, name: str, password: str, **headers: str) -> Answer:
    kind = "application/x-www-form-urlencoded"
    form = f"name={name}&password={password.replace(' ', '+')}".encode()
    return raw(house, "POST", "/sign-in", form, origin=house.address, content_type=kind, **headers)


def test_the_cookie_is_unreadable_for_scripts_and_stays_on_this_site(house: Attacked, planted: Planted) -> None:
    cookie = sign_in(house, planted.ada, PASSWORD).headers["set-cookie"]
    name, value = cookie.split(";")[0].split("=")
    assert name == "huisclos"
    assert re.fullmatch(r"[0-9a-f]{64}", value)
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    assert "domain" not in cookie.lower()


@pytest.mark.parametrize(
    ("is_set", "scheme", "is_secure"), [(True, "http", True), (False, "https", True), (False, "http", False)]
)
def test_the_cookie_is_secure_where_tls_is_seen_or_said(
    directory: Directory, audit_log: AuditLog, is_set: bool, scheme: str, is_secure: bool
) -> None:
    directory.add_user("Ada", PASSWORD, Role.EMPLOYEE)
    settings = Settings(server=Server(secure_cookies=is_set))
    application = FastAPI()
    _add_sign_in(application, cast(House, SimpleNamespace(directory=directory, audit=audit_log, settings=settings)))
    client = TestClient(application, base_url=f"{scheme}://house", follow_redirects=False)
    cookie = client.post("/sign-in", data={"name": "Ada", "password": PASSWORD}).headers["set-cookie"]
    assert ("secure" in cookie.lower()) == is_secure


def test_a_session_that_was_put_into_the_browser_is_not_taken_over(house: Attacked, planted: Planted) -> None:
    fixed = "f" * 64
    cookie = sign_in(house, planted.ada, PASSWORD, cookie=f"huisclos={fixed}").headers["set-cookie"]
    assert fixed not in cookie
    assert raw(house, "GET", "/chat/user", cookie=f"huisclos={fixed}").status == 401
    again = sign_in(house, planted.ada, PASSWORD, cookie=cookie.split(";")[0]).headers["set-cookie"]
    assert again.split(";")[0] != cookie.split(";")[0]


def test_signing_out_ends_the_session_wherever_the_cookie_was_copied(house: Attacked, planted: Planted) -> None:
    with house.signed_in(planted.ada) as ada, house.signed_in(planted.ada) as elsewhere:
        copied = ada.cookie
        answer = ada.client.post("/chat/logout")
        assert "cookies" in answer.headers["clear-site-data"]
        assert raw(house, "GET", "/chat/user", cookie=copied).status == 401
        assert elsewhere.client.get("/chat/user").status_code == 200


def test_guesses_are_slowed(house: Attacked) -> None:
    name = f"nobody{uuid.uuid4().hex[:8]}"
    told = [sign_in(house, name, f"guess {number}").status for number in range(7)]
    assert told[:5] == [401] * 5
    assert told[-1] == 429
