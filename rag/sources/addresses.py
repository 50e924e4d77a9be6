"""Addresses of sources: of one form, without secrets in them, and listed by IT or refused."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from rag.errors import SourceRefused
from security.egress import AllowedEntry, is_here, is_listed

WEB_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a source is: `path` as it was written, beginning with a slash or empty."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port as a URL without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def host_header(self) -> str:
        """The host as HTTP names it: without the port where that is the scheme's own."""
        return self.origin.partition("://")[2].removesuffix(f":{WEB_PORTS.get(self.scheme, 0)}")

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path, decoded."""
        return tuple(unquote(part) for part in self.path.split("/") if part)


def parse_address(text: str, ports: Mapping[str, int]) -> Address:
    """Read a URL of one of the schemes, each with the port it has by itself. Raises SourceRefused."""
    forms = " or ".join(f"{scheme}://HOST/PATH" for scheme in ports)
    try:
        parts = urlsplit(text)
        port = parts.port or ports.get(parts.scheme, 0)
    except ValueError as error:
        raise SourceRefused(f"this is no address: expected {forms}") from error
    if parts.username or parts.password or "@" in parts.netloc:
        raise SourceRefused("an address holds no name and no secret: use --user, and --secret-file or --secret-stdin")
    is_plain = text.isascii() and text.isprintable() and " " not in text and not parts.query and not parts.fragment
    if parts.scheme not in ports or not parts.hostname or not is_plain:
        raise SourceRefused(f"this is no address of such a source: expected {forms}, other characters as %20")
    return Address(parts.scheme, parts.hostname, port, parts.path)


def require_listed(address: Address, allowed: Iterable[AllowedEntry]) -> None:
    """Raise SourceRefused for an address that IT did not list, with what to add."""
    if not is_listed(allowed, address.host, address.port):
        where = address.origin.partition("://")[2]
        raise SourceRefused(
            f'{where} is not listed: add "{where}" to egress.allowed in huisclos.toml (docs/settings.md), start the '
            "server again, and repeat the command"
        )


def require_sealed(address: Address, sealed: str) -> None:
    """Raise SourceRefused where what is said on the way could be read: everything but this machine wants TLS."""
    if address.scheme != sealed and not is_here(address.host):
        raise SourceRefused(f"{address.scheme}:// is readable on its way: expected {sealed}://; the server needs TLS")


def web_address(text: str, allowed: Iterable[AllowedEntry]) -> Address:
    """An address of HTTP, listed and sealed on the way. Raises SourceRefused."""
    address = parse_address(text, WEB_PORTS)
    require_listed(address, allowed)
    require_sealed(address, "https")
    if {".", ".."} & set(address.segments):
        raise SourceRefused("an address goes straight to its place, without . and ..")
    return address


def path_of(segments: Iterable[str]) -> str:
    """A path out of its decoded parts, everything but letters, digits and -._~ as %XX."""
    return "".join("/" + quote(part.encode("utf-8", "surrogateescape"), safe="") for part in segments)
