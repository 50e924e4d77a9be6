"""Runs operations on a state folder: through the server that holds it, over its Unix socket, or in this process.

The house and everything under it is imported only where it is opened: asking a running server, or being told that a
folder is not a state folder, must not wait three seconds for engines that are not used.
"""

import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from chat.admin.outcomes import ExitCode, Failure, RemoteFailure
from chat.errors import ChatError, StateInUse

if TYPE_CHECKING:
    import httpx

    from chat.assembly import House
    from chat.settings import Settings
    from security.slots import Secret

SOCKET = "admin.sock"
Event = dict[str, Any]
Report = Callable[[str], None]

OPENING = "opening the house"
SEALING = "sealing the index"
WARMING = {
    "index": "restoring the index from the sealed truth",
    "embedder": "checking and loading the weights that embed",
    "generator": "checking and loading the weights that answer",
}
_NEEDS: dict[str, tuple[str, ...]] = {
    "search": ("index", "embedder"),
    "ask": ("index", "embedder", "generator"),
    "eval": ("index", "embedder"),
    "eval.answers": ("index", "embedder", "generator"),
    "task.list": ("index",),
    "task.summarise": ("generator",),
    "task.compare": (),
    "task.translate": ("generator",),
    "task.draft": ("index", "embedder", "generator"),
    "collection.load": ("index", "embedder"),
    "collection.remove": ("index",),
    "source.sync": ("index", "embedder"),
    "keys.shred_collection": ("index",),
}

WORKING = "working"
_DOING = {"search": "searching", "ask": "searching", "collection.load": "loading the first documents"}


class ServerLost(ChatError):
    """The server went away, or is of another version, in the middle of an operation."""


class Operate(Protocol):
    """Runs an operation by name; its events come as they happen."""

    def __call__(self, name: str, /, **arguments: Any) -> Iterator[Event]:
        """Give the operation's events. Closing the iterator stops the operation."""
        ...


@contextmanager
def opened(state: Path, settings: "Settings", secret: "Callable[[], Secret]", report: Report) -> Iterator[Operate]:
    """What runs operations until the end of the block; the house, where it must be opened, is opened once.

    `secret` is asked for only then: a running server has its own.
    """
    path = settings.memory_for(state) / SOCKET
    if is_alive(path):
        with remote(path) as operate:
            yield operate
        return
    report(OPENING)
    from chat.opening import open_house

    with open_house(state, settings, secret()) as house:
        yield local(house, report)
        if house.upkeep and house.upkeep.due:
            report(SEALING)
            house.upkeep.finish()


def local(house: "House", report: Report) -> Operate:
    """Operations in this process, telling which parts of the house are opened for them."""

    def operate(name: str, /, **arguments: Any) -> Iterator[Event]:
        if name in _NEEDS:
            warm(house, report, _NEEDS[name])
        report(_DOING.get(name, WORKING))
        yield from run_here(house, name, arguments)

    return operate


def warm(
    house: "House",
    report: Report,
    parts: Collection[str] = tuple(WARMING),
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Open parts of the house now, telling each that is waited for. What is open stays as it is.

    The index is opened beside the weights, and `meanwhile` is done beside both: hashing and unsealing leave the
    interpreter to others.
    """
    missing = [part for part in parts if part not in house.__dict__]  # where cached_property keeps what it made
    _ = house.models
    with ThreadPoolExecutor(1) as index, ThreadPoolExecutor(1) as weights:
        tasks = {part: weights.submit(getattr, house, part) for part in missing if part != "index"}
        if "index" in missing:
            _ = house.documents  # what the pages hold too is opened once, here
            tasks = {"index": index.submit(getattr, house, "index"), **tasks}
        meanwhile()
        for part, task in tasks.items():
            report(WARMING[part])
            task.result()


def run_here(
    house: "House", name: str, arguments: Mapping[str, Any], cancelled: threading.Event | None = None
) -> Iterator[Event]:
    """The operation's events, in this process; setting `cancelled` stops it at its next step."""
    from chat.admin.registry import CANCELLABLE, OPERATIONS

    extra = {"cancelled": cancelled} if cancelled and name in CANCELLABLE else {}
    return OPERATIONS[name](house, **arguments, **extra)


@contextmanager
def remote(path: Path) -> Iterator[Operate]:
    """Operations through the server that listens at `path`."""
    import httpx

    transport = httpx.HTTPTransport(uds=str(path))
    with httpx.Client(transport=transport, base_url="http://house", timeout=None) as client:  # noqa: S113 - a load takes hours

        def operate(name: str, /, **arguments: Any) -> Iterator[Event]:
            try:
                yield from _stream(client, name, arguments)
            except httpx.HTTPError as error:
                raise ServerLost(
                    "the server stopped before the end; what was done is kept: start it, or not, and run the "
                    "command again"
                ) from error

        yield operate


def _stream(client: "httpx.Client", name: str, arguments: Mapping[str, Any]) -> Iterator[Event]:
    with client.stream("POST", f"/operations/{name}", json=arguments) as answer:
        if answer.status_code != 200:  # noqa: PLR2004 - HTTP OK
            raise ServerLost(f"the running server does not know {name}; restart it, it is of another version")
        for line in answer.iter_lines():
            event: Event = json.loads(line)
            if "error" in event:
                raise RemoteFailure(Failure(ExitCode(event["error"]["code"]), event["error"]["message"]))
            yield event


def is_alive(path: Path) -> bool:
    """Whether our own server listens there. A stale socket is no server; a socket of somebody else's is refused."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        owner = struct.unpack("3i", credentials)[1]
    if owner != os.getuid():
        raise StateInUse(f"{path} belongs to user {owner}; run the command as that user")
    return True


@contextmanager
def closing_at_end(events: Iterator[Event]) -> Iterator[Iterator[Event]]:
    """The events, stopped at the end of the block even when they were not all taken."""
    try:
        yield events
    finally:
        close = getattr(events, "close", None)
        if close:
            with contextlib.suppress(ValueError):  # it runs in another thread, which is told otherwise
                close()
