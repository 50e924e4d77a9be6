"""Where a server is: a base address with scheme, host, port, and perhaps a path before /v1."""

from dataclasses import dataclass
from urllib.parse import urlsplit

SERVERS_MAX = 16
"""Servers that one house asks."""
_PORTS = {"http": 80, "https": 443}
_EXPECTED = "expected http://HOST:PORT or https://HOST:PORT, perhaps with a path"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A base address; `path` is empty or begins with a slash, and /v1 follows it."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def has_tls(self) -> bool:
        """Whether what is sent there is encrypted on the way."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port, as `egress.allowed` lists them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def shown(self) -> str:
        """The address, as messages name it."""
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_address(text: str) -> ServerAddress:
    """Read a base address, also one that ends with /v1. Raises ValueError, which does not repeat a password."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise ValueError(f"a server's address is not understood; {_EXPECTED}") from error
    if parts.username or parts.password:
        raise ValueError("a server's address holds a password; write a key into a file: models.server_key_file")
    is_plain = parts.hostname and parts.hostname.isascii() and not (parts.query or parts.fragment)
    if parts.scheme not in _PORTS or not is_plain or not parts.path.isascii() or " " in parts.path:
        raise ValueError(f"server {text.partition('?')[0]!r} is not understood; {_EXPECTED}")
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return ServerAddress(parts.scheme, str(parts.hostname), port, path)
