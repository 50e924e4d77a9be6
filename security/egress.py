"""The egress guard: a connection or look-up outside the listed addresses raises and is recorded.

An audit hook (PEP 578) sees every socket call made through Python and cannot be removed; it consults the guard armed
at the moment. Native code that opens sockets by itself is not seen here: the threat model says so, and the whole path
is tested without a network.
"""

import ipaddress
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from security.errors import EgressDenied

_SOCKET_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKUP_EVENTS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyname_ex"})
_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
ATTEMPTS_KEPT_MAX = 1000


@dataclass(frozen=True, slots=True)
class Attempt:
    """A refused connection: where to, and when (seconds since 1970)."""

    host: str
    port: int | None
    at: float


@dataclass(slots=True)
class EgressGuard:
    """What may be reached: `host`, `host:port` or a network such as 10.1.0.0/16; loopback always."""

    allowed: tuple[str, ...] = ()
    attempts: list[Attempt] = field(default_factory=list)

    def check(self, host: str, port: int | None) -> None:
        """Raise EgressDenied, and keep the attempt, unless the address is listed."""
        if _is_loopback(host) or any(_matches(entry, host, port) for entry in self.allowed):
            return
        if len(self.attempts) < ATTEMPTS_KEPT_MAX:
            self.attempts.append(Attempt(host, port, time.time()))
        raise EgressDenied(f"{host}:{port} is not a listed address; if it is meant, add it to egress.allowed")


_lock = threading.Lock()
_armed: list[EgressGuard] = []
_hooked: list[bool] = []


def install(allowed: tuple[str, ...] = ()) -> EgressGuard:
    """Arm a guard for the rest of the process."""
    guard = EgressGuard(allowed)
    with _lock:
        _armed.append(guard)
        if not _hooked:
            sys.addaudithook(_watch)
            _hooked.append(True)
    return guard


@contextmanager
def egress_guard(allowed: tuple[str, ...] = ()) -> Iterator[EgressGuard]:
    """Arm a guard for a block, for tests and set-up commands."""
    guard = install(allowed)
    try:
        yield guard
    finally:
        with _lock:
            _armed.remove(guard)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _armed or not event.startswith("socket."):
        return
    if event in _SOCKET_EVENTS:
        _watch_socket(arguments)
    elif event in _LOOKUP_EVENTS and arguments[0] is not None:
        port = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], int) else None
        _armed[-1].check(_text(arguments[0]), port)


def _watch_socket(arguments: tuple[Any, ...]) -> None:
    opened, address = arguments[0], arguments[1]
    if getattr(opened, "family", None) in (socket.AF_UNIX, socket.AF_NETLINK) or address is None:
        return
    _armed[-1].check(_text(address[0]), int(address[1]))


def _text(host: object) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host.lower() in _LOCAL_NAMES if address is None else address.is_loopback


def _matches(entry: str, host: str, port: int | None) -> bool:
    if "/" in entry:
        address = _address(host)
        return address is not None and address in ipaddress.ip_network(entry, strict=False)
    name, separator, wanted = entry.rpartition(":")
    if separator and wanted.isdigit():
        return name.strip("[]").lower() == host.lower() and port in (int(wanted), None)
    return entry.lower() == host.lower()
