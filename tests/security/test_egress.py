import ipaddress
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from security.egress import ATTEMPTS_MAX, AllowedEntry, EgressGuard, egress_guard, install, parse_entry
from security.errors import EgressDenied

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("10.0.0.0/8", AllowedEntry(ipaddress.ip_network("10.0.0.0/8"), "", None)),
        ("10.1.2.3", AllowedEntry(ipaddress.ip_network("10.1.2.3/32"), "", None)),
        ("10.1.2.3:443", AllowedEntry(ipaddress.ip_network("10.1.2.3/32"), "", 443)),
        ("fd00::1", AllowedEntry(ipaddress.ip_network("fd00::1/128"), "", None)),
        ("[fd00::1]:443", AllowedEntry(ipaddress.ip_network("fd00::1/128"), "", 443)),
        ("Models.Corp.", AllowedEntry(None, "models.corp", None)),
        ("models.corp:8080", AllowedEntry(None, "models.corp", 8080)),
    ],
)
def test_entries_are_hosts_ports_and_networks(text: str, entry: AllowedEntry) -> None:
    assert parse_entry(text) == entry


@pytest.mark.parametrize("text", ["", "*", "a b", "host:", "host:0", "host:70000", "host:http", "https://host", "a..b"])
def test_an_entry_that_is_neither_stops_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="expected host, host:port or a network"):
        install((text,))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "localhost"])
def test_this_machine_is_always_allowed(host: str) -> None:
    EgressGuard().check_connection(host, 80)


def test_a_listed_address_is_allowed_on_its_port_only() -> None:
    guard = EgressGuard(("10.1.0.0/16", "10.2.0.1:443"))
    guard.check_connection("10.1.2.3", 80)
    guard.check_connection("::ffff:10.1.2.3", 80)
    guard.check_connection("10.2.0.1", 443)
    for host, port in (("10.2.0.1", 80), ("10.3.0.1", 443), ("fd00::1", 443)):
        with pytest.raises(EgressDenied):
            guard.check_connection(host, port)


def test_looking_up_a_number_sends_nothing_and_is_allowed() -> None:
    EgressGuard().check_look_up("8.8.8.8", 53)


def test_the_addresses_of_a_listed_name_may_be_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.7.7.7", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)  # there is no name server here
    guard = EgressGuard(("models.corp:8080",))
    with pytest.raises(EgressDenied):
        guard.check_connection("10.7.7.7", 8080)
    guard.check_look_up("MODELS.corp.", 8080)
    guard.check_connection("10.7.7.7", 8080)
    with pytest.raises(EgressDenied):
        guard.check_connection("10.7.7.7", 22)


def test_only_the_latest_attempts_are_remembered() -> None:
    guard = EgressGuard()
    for port in range(ATTEMPTS_MAX + 5):
        with pytest.raises(EgressDenied):
            guard.check_connection("8.8.8.8", port)
    assert len(guard.attempts) == ATTEMPTS_MAX
    assert guard.attempts[-1].port == ATTEMPTS_MAX + 4


def test_blocks_nest_and_the_earlier_guard_comes_back() -> None:
    with egress_guard() as outer, egress_guard(("10.0.0.0/8",)) as inner:
        with pytest.raises(EgressDenied):
            socket.gethostbyname("outside.example")
        assert (len(outer.attempts), len(inner.attempts)) == (0, 1)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_loopback_connects_under_the_guard(listener: socket.socket) -> None:
    with egress_guard() as guard, closing(socket.create_connection(listener.getsockname(), timeout=5)):
        pass
    assert not guard.attempts


def test_a_unix_socket_connects_under_the_guard(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client, egress_guard() as guard:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))
    assert not guard.attempts
