"""Servers inside the house that write answers: which addresses may be asked, with which key, over TLS alone.

What is sent there are questions and passages in clear, so nothing goes where `egress.allowed` does not list it, and
nothing crosses a network without TLS (ADR 20).
"""

import ssl
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from chat.errors import SettingsWrong
from chat.settings import Settings
from models.served.address import ServerAddress, parse_address
from security.egress import is_here, is_listed, parse_entry
from security.files import read_private

if TYPE_CHECKING:
    from models.served.dialect import Facts
    from models.served.generator import ServedGenerator
    from models.served.server import Server

KEY_BYTES_MAX = 4096


def addresses_of(settings: Settings) -> Sequence[ServerAddress]:
    """The servers that the settings name; raises SettingsWrong for what is no address, or may not be asked."""
    addresses = [_parsed(text) for text in settings.models.servers]
    allowed = tuple(map(parse_entry, settings.egress.allowed))
    for address in addresses:
        shown = f"setting models.servers ({address.shown})"
        if not is_listed(allowed, address.host, address.port):
            raise SettingsWrong(f"{shown}: the address is not listed; add {address.authority} to egress.allowed")
        if not (address.has_tls or is_here(address.host)):
            raise SettingsWrong(
                f"{shown}: questions and passages would cross a network in clear; give it TLS and https"
            )
    if len(set(addresses)) < len(addresses):
        raise SettingsWrong("setting models.servers names a server twice; name each once")
    return addresses


def open_served(settings: Settings) -> "ServedGenerator":
    """The generator over those servers; raises SettingsWrong, and EngineFailed where none answers."""
    from models.served.generator import open_servers

    wanted, addresses = settings.models, addresses_of(settings)
    return open_servers(
        addresses,
        model=wanted.server_model,
        key=_key(settings),
        tls=_tls(settings),
        context_tokens=wanted.context_tokens,
        queue_max=wanted.queue_max,
        slots=wanted.server_requests,
    )


def looked_at(settings: Settings) -> Iterator["Server"]:
    """Each server after a look, which takes LOOK_SECONDS_MAX at most; raises SettingsWrong."""
    from models.served.server import Server

    addresses = addresses_of(settings)
    key, tls = _key(settings), _tls(settings)
    for address in addresses:
        server = Server(address, key, tls, settings.models.server_model)
        server.look(threading.Event())
        server.wire.close()
        yield server


def room(facts: "Facts") -> str:
    """How much a server says that it takes."""
    context = f"a context of {facts.context_tokens}" if facts.context_tokens else "a context it does not tell"
    return context + (f", {facts.slots} at once" if facts.slots else "")


def _parsed(text: str) -> ServerAddress:
    try:
        return parse_address(text)
    except ValueError as error:
        raise SettingsWrong(f"setting models.servers: {error}") from error


def _key(settings: Settings) -> str:
    """The key that the servers ask for; none where no file is named."""
    path = settings.models.server_key_file
    if path is None:
        return ""
    try:
        key = read_private(path, KEY_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsWrong(
            f"setting models.server_key_file: {path} cannot be read; write the servers' key into it, mode 0600"
        ) from error
    if not (key.isascii() and key.isprintable() and key):
        raise SettingsWrong(f"setting models.server_key_file: {path} holds no key; write the servers' key into it")
    return key


def _tls(settings: Settings) -> ssl.SSLContext:
    """Certificates and names are checked, by the system's authorities or by the one named."""
    path = settings.models.server_ca_file
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise SettingsWrong(
            f"setting models.server_ca_file: {path} cannot be read; name a PEM file of certificates"
        ) from error
