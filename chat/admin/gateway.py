"""Runs an operation: in this process, or through the server that holds the state folder, over its Unix socket."""

import json
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from chat.admin.operations import OPERATIONS, Event
from chat.assembly import House, open_house
from chat.errors import ChatError, Refused, StateInUse
from chat.settings import Settings
from models.errors import ModelError
from rag.errors import RagError
from security.errors import AccessDenied, SecurityError
from security.slots import Secret

SOCKET = "admin.sock"
FAILURES = (ChatError, ModelError, RagError, SecurityError)
REFUSALS = (Refused, AccessDenied)


class RemoteFailure(ChatError):
    """The server's answer to an operation that failed; `is_refusal` as REFUSALS in process."""

    def __init__(self, message: str, *, is_refusal: bool) -> None:
        super().__init__(message)
        self.is_refusal = is_refusal


def run(
    state: Path, settings: Settings, name: str, arguments: dict[str, Any], secret: Secret | None
) -> Iterator[Event]:
    """The operation's events; a running server is preferred, because it holds the index."""
    path = settings.memory_for(state) / SOCKET
    if path.exists() and _is_alive(path):
        yield from _remote(path, name, arguments)
        return
    with open_house(state, settings, secret) as house:
        yield from run_here(house, name, arguments)


def run_here(house: House, name: str, arguments: dict[str, Any]) -> Iterator[Event]:
    """The operation's events, in this process."""
    return OPERATIONS[name](house, **arguments)


def _remote(path: Path, name: str, arguments: dict[str, Any]) -> Iterator[Event]:
    transport = httpx.HTTPTransport(uds=str(path))
    with (
        httpx.Client(transport=transport, base_url="http://house", timeout=None) as client,  # noqa: S113 - a load takes hours
        client.stream("POST", f"/operations/{name}", json=arguments) as answer,
    ):
        for line in answer.iter_lines():
            event: Event = json.loads(line)
            if "error" in event:
                raise RemoteFailure(event["error"]["message"], is_refusal=event["error"]["is_refusal"])
            yield event


def _is_alive(path: Path) -> bool:
    """Whether our own server listens there; a socket of somebody else's is refused."""
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
