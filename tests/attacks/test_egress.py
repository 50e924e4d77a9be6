"""Claim: nothing in the process connects to, sends to or looks up an address that is not listed; tries are recorded."""

import asyncio
import socket
import threading
import urllib.request
from collections.abc import Callable

import httpx
import pytest

from security.egress import EgressGuard, egress_guard
from security.errors import EgressDenied

pytestmark = pytest.mark.usefixtures("socket_enabled")

OUTSIDE = "192.0.2.1"  # TEST-NET-1 (RFC 5737): nobody is there, should the guard fail
OUTSIDE_V6 = "2001:db8::1"  # documentation prefix (RFC 3849)


def connect_tcp() -> None:
    with socket.socket() as source:
        source.settimeout(1)
        source.connect((OUTSIDE, 443))


def connect_ex() -> object:
    with socket.socket() as source:
        source.settimeout(1)
        return source.connect_ex((OUTSIDE, 443))


def connect_mapped() -> None:
    with socket.socket(socket.AF_INET6) as source:
        source.settimeout(1)
        source.connect((f"::ffff:{OUTSIDE}", 443))


def connect_v6() -> None:
    with socket.socket(socket.AF_INET6) as source:
        source.settimeout(1)
        source.connect((OUTSIDE_V6, 443))


def send_udp() -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
        return source.sendto(b"secret", (OUTSIDE, 53))


def send_message() -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
        return source.sendmsg([b"secret"], [], 0, (OUTSIDE, 53))


def with_httpx() -> object:
    with httpx.Client(trust_env=False, timeout=1) as client:
        return client.get(f"http://{OUTSIDE}/")


def with_asyncio() -> object:
    return asyncio.run(asyncio.open_connection(OUTSIDE, 443))


# A library that closes its socket on OSError only leaves it to the garbage collector: EgressDenied is none, on purpose.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "attack", [connect_tcp, connect_ex, connect_mapped, connect_v6, send_udp, send_message, with_httpx, with_asyncio]
)
def test_a_connection_outside_is_stopped_and_recorded(attack: Callable[[], object]) -> None:
    with egress_guard(("10.0.0.0/8",)) as guard:
        with pytest.raises(EgressDenied, match=r"not listed in egress\.allowed"):
            attack()
        host, port = guard.attempts[0].host, guard.attempts[0].port
    assert OUTSIDE in host or host == OUTSIDE_V6
    assert port in (443, 53, 80)
    assert guard.attempts[0].when.tzinfo is not None


@pytest.mark.parametrize(
    "look_up",
    [
        lambda: socket.getaddrinfo("secret-words.outside.example", 443),
        lambda: socket.getaddrinfo(b"secret-words.outside.example", "443"),
        lambda: socket.gethostbyname("secret-words.outside.example"),
        lambda: socket.gethostbyname_ex("secret-words.outside.example"),
        lambda: socket.gethostbyaddr(OUTSIDE),
        lambda: socket.getnameinfo((OUTSIDE, 80), 0),
        lambda: socket.create_connection(("secret-words.outside.example", 443), timeout=1),
        lambda: urllib.request.urlopen("http://secret-words.outside.example/", timeout=1),
    ],
)
def test_a_look_up_of_a_name_that_is_not_listed_is_stopped(look_up: Callable[[], object]) -> None:
    """A name server is outside too: words hidden in a name would leave with the question."""
    with egress_guard(("models.corp",)) as guard:
        with pytest.raises(EgressDenied):
            look_up()
        assert len(guard.attempts) == 1


@pytest.mark.parametrize(
    "name", ["models.corp.outside.example", "xmodels.corp", "corp", "models.corp.x", "localhost.x"]
)
def test_a_name_like_a_listed_one_is_not_listed(name: str) -> None:
    with pytest.raises(EgressDenied):
        EgressGuard(("models.corp",)).check_look_up(name, 443)


def test_other_threads_are_guarded_too() -> None:
    seen: list[type[BaseException]] = []

    def attack() -> None:
        try:
            connect_tcp()
        except EgressDenied as error:
            seen.append(type(error))

    with egress_guard() as guard:
        thread = threading.Thread(target=attack)
        thread.start()
        thread.join()
    assert seen == [EgressDenied]
    assert len(guard.attempts) == 1
