"""Egress: connections and look-ups outside the listed addresses are stopped in the process, and recorded.

An audit hook (PEP 578) sees every connect, send and look-up made through Python's `socket` module before it happens,
whichever library asks, and cannot be removed; it consults the guard armed at the moment. It does not see native code
that opens its own sockets, nor stop the look-up of a host name given straight to `socket.connect` (C resolves it
before the event, though the connection is stopped): the service unit's IPAddressDeny stands behind this.
"""

import ipaddress
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from security.clock import Clock, utc_now
from security.errors import EgressDenied

ATTEMPTS_MAX = 1000
"""Attempts remembered; older ones fall off."""

HOST_CHARACTERS_MAX = 255
_OWN_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection or look-up that was stopped."""

    host: str
    port: int | None
    when: datetime


@dataclass(frozen=True, slots=True)
class AllowedEntry:
    """One listed address: a network or (where that is None) a name, on one port or (None) on all."""

    network: IpNetwork | None
    name: str
    port: int | None

    def allows(self, address: IpAddress, port: int | None) -> bool:
        """Tell whether a connection to this address is listed by number."""
        return self.network is not None and address in self.network and self.port in (None, port)


def parse_entry(text: str) -> AllowedEntry:
    """Read `host`, `host:port`, `[v6]:port`, an address or a network. Raises ValueError for anything else."""
    whole = _network(text)
    if whole is not None:
        return AllowedEntry(whole, "", None)
    host, separator, digits = text.rpartition(":")
    if not separator:
        return AllowedEntry(None, _listed_name(text, text), None)
    network, port = _network(host), _listed_port(text, digits)
    return AllowedEntry(network, "" if network else _listed_name(text, host), port)


def is_here(host: str) -> bool:
    """Whether a host is this machine: `localhost`, or a number of its own."""
    address = _address(host)
    return _is_here(address) if address else host.rstrip(".").lower() in _OWN_NAMES


def is_listed(allowed: Iterable[AllowedEntry], host: str, port: int) -> bool:
    """Whether a connection there would pass the guard, said without looking anything up: a name by its name alone."""
    address, name = _address(host), host.rstrip(".").lower()
    if address is not None:
        return _is_here(address) or any(entry.allows(address, port) for entry in allowed)
    return name in _OWN_NAMES or any(
        entry.network is None and entry.name == name and entry.port in (None, port) for entry in allowed
    )


class EgressGuard:
    """Decides about addresses and remembers what it stopped, newest last. Safe to use from several threads."""

    def __init__(self, allowed: tuple[str, ...] = (), clock: Clock = utc_now) -> None:
        self.allowed = tuple(parse_entry(text) for text in allowed)
        self.attempts: deque[Attempt] = deque(maxlen=ATTEMPTS_MAX)
        self._clock = clock
        self._resolved: dict[IpAddress, frozenset[int | None]] = {}
        self._resolving = threading.local()

    def check_connection(self, host: str, port: int | None) -> None:
        """Raise EgressDenied unless the address is this machine, listed, or what a listed name resolves to."""
        address = _address(host)
        if address is None:
            self.check_look_up(host, port)
            return
        ports = self._resolved.get(address, frozenset())
        is_listed = any(entry.allows(address, port) for entry in self.allowed)
        if not (_is_here(address) or is_listed or None in ports or port in ports):
            self._deny(host, port)

    def check_look_up(self, host: str, port: int | None) -> None:
        """Raise EgressDenied unless the name is `localhost`, a number (nothing is sent for one), or listed."""
        name = host.rstrip(".").lower()
        if not name or name in _OWN_NAMES or _address(host) is not None:
            return
        ports = frozenset(entry.port for entry in self.allowed if entry.network is None and entry.name == name)
        if not ports:
            self._deny(host, port)
        self._resolve(host, ports)

    def _resolve(self, host: str, ports: frozenset[int | None]) -> None:
        """Learn the addresses of a listed name: a connection shows only numbers."""
        if getattr(self._resolving, "is_on", False):
            return
        self._resolving.is_on = True
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return  # whoever asked gets the same answer in a moment
        finally:
            self._resolving.is_on = False
        for *_, where in found:
            address = _address(str(where[0]))
            if address is not None:
                self._resolved[address] = self._resolved.get(address, frozenset()) | ports

    def _deny(self, host: str, port: int | None) -> NoReturn:
        shown = host[:HOST_CHARACTERS_MAX]
        self.attempts.append(Attempt(shown, port, self._clock()))
        raise EgressDenied(shown, port)


class _Hook:
    """The one audit hook of the process. Python cannot remove a hook, so it asks which guard is armed."""

    def __init__(self) -> None:
        self.guard: EgressGuard | None = None
        self.is_added = False
        self.change = threading.Lock()

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        guard = self.guard
        if guard is not None and event in _CHECKS:
            _CHECKS[event](guard, arguments)


def install(allowed: tuple[str, ...] = (), clock: Clock = utc_now) -> EgressGuard:
    """Guard the whole process from now on, replacing an earlier guard. Raises ValueError for a bad entry."""
    guard = EgressGuard(allowed, clock)
    with _hook.change:
        if not _hook.is_added:
            sys.addaudithook(_hook)
            _hook.is_added = True
        _hook.guard = guard
    return guard


def armed_guard() -> EgressGuard | None:
    """Give the guard of the process, for reading what it stopped; None where none was installed."""
    return _hook.guard


@contextmanager
def egress_guard(allowed: tuple[str, ...] = ()) -> Iterator[EgressGuard]:
    """Guard the process within a block, then put back what was before. For tests and set-up commands."""
    before = _hook.guard
    try:
        yield install(allowed)
    finally:
        _hook.guard = before


def _on_connection(guard: EgressGuard, arguments: tuple[object, ...]) -> None:
    """Judge connect, sendto and sendmsg: (socket, address). No address: the socket is connected already."""
    family, where = getattr(arguments[0], "family", None), arguments[1]
    if where is None or family in _LOCAL_FAMILIES:
        return
    if isinstance(where, tuple) and len(where) > 1:
        guard.check_connection(_text(where[0]), where[1] if isinstance(where[1], int) else None)
    else:
        guard.check_connection(f"family {family}", None)  # packet sockets and the like: never listed


def _on_look_up(guard: EgressGuard, arguments: tuple[object, ...]) -> None:
    """Judge getaddrinfo (host, port, …) and gethostbyname (host)."""
    port = str(arguments[1]) if len(arguments) > 1 else ""
    guard.check_look_up(_text(arguments[0]), int(port) if port.isdecimal() else None)


def _on_reverse_look_up(guard: EgressGuard, arguments: tuple[object, ...]) -> None:
    """Judge gethostbyaddr (host) and getnameinfo (address): the number goes to a name server."""
    where = arguments[0]
    guard.check_connection(_text(where[0] if isinstance(where, tuple) else where), None)


_LOCAL_FAMILIES = frozenset({socket.AF_UNIX, socket.AF_NETLINK, socket.AF_ALG})

_CHECKS: dict[str, Callable[[EgressGuard, tuple[object, ...]], None]] = {
    "socket.connect": _on_connection,
    "socket.sendto": _on_connection,
    "socket.sendmsg": _on_connection,
    "socket.getaddrinfo": _on_look_up,
    "socket.gethostbyname": _on_look_up,
    "socket.gethostbyaddr": _on_reverse_look_up,
    "socket.getnameinfo": _on_reverse_look_up,
}

_hook = _Hook()


def _text(host: object) -> str:
    if host is None:
        return ""
    return host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host)


def _address(host: str) -> IpAddress | None:
    """Read a number; `::ffff:1.2.3.4` is 1.2.3.4 and a zone does not matter."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> IpNetwork | None:
    try:
        return ipaddress.ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None


def _is_here(address: IpAddress) -> bool:
    """Loopback, or the unspecified address, which Linux takes for this machine."""
    return address.is_loopback or address.is_unspecified


def _listed_port(text: str, digits: str) -> int:
    if not digits.isdecimal() or not 0 < int(digits) < 2**16:
        raise ValueError(f"egress.allowed {text!r}: expected host, host:port or a network such as 10.0.0.0/8")
    return int(digits)


def _listed_name(text: str, host: str) -> str:
    name = host.rstrip(".").lower()
    if not all(label and label.replace("-", "").replace("_", "").isalnum() for label in name.split(".")):
        raise ValueError(f"egress.allowed {text!r}: expected host, host:port or a network such as 10.0.0.0/8")
    return name
