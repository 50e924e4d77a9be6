"""A folder of an IMAP mailbox, each message a file: `.eml`, with what is attached inside it (RFC 3501).

A message never changes: UIDVALIDITY and UID name it for ever, and are its place and its version. Where a server draws
another UIDVALIDITY, every message moves, and none is read again. Nothing is marked as read.
"""

import base64
import imaplib
import io
import re
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from rag.errors import DocumentRejected, FileUnavailable, SourceRefused, SourceUnavailable
from rag.folders import ELSEWHERE, FileContent, FoundFile, Survey
from rag.sources.addresses import Address, parse_address, require_listed, require_sealed
from rag.sources.line import PatientRaw, connected, in_our_words
from rag.sources.patience import LISTING_SECONDS_MAX, Patience
from rag.sources.record import Credentials
from security.egress import AllowedEntry

if TYPE_CHECKING:
    from typing_extensions import Buffer

MESSAGES_MAX = 200_000
LISTING_BYTES_MAX = 64 * 1024 * 1024
"""What a server says while its messages are listed: 40 bytes each."""

LINE_BYTES_MAX = 1024 * 1024
TALK_BYTES_MAX = 64 * 1024
"""What a server says around a message."""

_MB = 1024 * 1024
_PORTS = {"imaps": 993, "imap": 143}
_FOUND = re.compile(rb"^\d+ \(.*?\bUID (\d{1,10})\b", re.ASCII)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,18})\b", re.ASCII)


def address_of(text: str, allowed: Iterable[AllowedEntry]) -> Address:
    """The address of a mailbox folder, listed and sealed on the way. Raises SourceRefused."""
    address = parse_address(text, _PORTS)
    require_listed(address, allowed)
    require_sealed(address, "imaps")
    mailbox_of(address)
    return address


def mailbox_of(address: Address) -> str:
    """The name of the folder as the protocol writes it, quoted. Raises SourceRefused."""
    name = "/".join(address.segments) or "INBOX"
    if not name.isprintable():
        raise SourceRefused("the name of a mailbox folder has no control characters")
    quoted = modified_utf7(name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


class Mailbox:
    """One folder of one mailbox, over one connection."""

    def __init__(
        self, name: str, address: Address, credentials: Credentials, context: ssl.SSLContext | None, patience: Patience
    ) -> None:
        self._name, self._address, self._credentials = name, address, credentials
        self._context, self._patience = context, patience
        self._talking = threading.Lock()
        self._server: _Bounded | None = None
        self._validity = ""

    def survey(self) -> Survey:
        """Every message. Raises SourceUnavailable."""
        with self._talking, self._patience.within(LISTING_SECONDS_MAX), in_our_words(self.close, _told):
            server = self._opened()
            server.allow(LISTING_BYTES_MAX)
            status, lines = server.uid("FETCH", "1:*", "(UID RFC822.SIZE)")
            if status != "OK":
                raise SourceUnavailable("the server does not list the messages; look at its log")
            files = tuple(self._messages(lines))
        return Survey(self._name, files, is_complete=True)

    def read(self, file: FoundFile, bytes_max: int) -> FileContent:
        """The bytes of one message."""
        if file.size > bytes_max:
            raise DocumentRejected(
                f"the message has {file.size // _MB} MB; the limit is {bytes_max // _MB} MB: take out what is attached"
            )
        uid = file.place.rpartition("/")[2].removesuffix(".eml")
        with self._talking, self._patience.fetching():
            try:
                with in_our_words(self.close, _told):
                    return FileContent(self._fetched(uid, bytes_max), None)
            except SourceUnavailable as error:
                raise FileUnavailable(f"not fetched: {error}") from error

    def close(self) -> None:
        """Hang up, without waiting for an answer."""
        if self._server:
            self._server.shutdown()
        self._server = None

    def _messages(self, lines: list[bytes | tuple[bytes, bytes] | None]) -> Iterator[FoundFile]:
        seen: set[bytes] = set()
        for line in lines:
            found = _FOUND.match(line) if isinstance(line, bytes) else None
            if found is None or found[1] in seen or not isinstance(line, bytes):
                continue
            seen.add(found[1])
            if len(seen) > MESSAGES_MAX:
                raise SourceUnavailable(f"the folder has over {MESSAGES_MAX} messages; divide it")
            size, uid = _SIZE.search(line), found[1].decode()
            place = f"{self._validity}/{uid}.eml"
            yield FoundFile(ELSEWHERE, place, f"{uid}.eml", version=place, size=int(size[1]) if size else 0)

    def _fetched(self, uid: str, bytes_max: int) -> bytes:
        server = self._opened()
        server.allow(bytes_max + TALK_BYTES_MAX)
        _, parts = server.uid("FETCH", uid, "(UID BODY.PEEK[])")
        for part in parts:
            found = _FOUND.match(part[0]) if isinstance(part, tuple) else None
            if found and found[1].decode() == uid:
                return bytes(part[1])
        raise FileUnavailable("the message is gone; the next sync forgets it")

    def _opened(self) -> "_Bounded":
        """The connection, signed in, at the folder. A new one where the last broke."""
        if self._server:
            return self._server
        server = self._server = _Bounded(self._address, self._context, self._patience)
        self._sign_in(server)
        status, _ = server.select(mailbox_of(self._address), readonly=True)
        if status != "OK":
            raise SourceUnavailable("the mailbox has no such folder, or these credentials do not open it")
        validity = server.untagged_responses.get("UIDVALIDITY", [b""])[-1]
        found = validity.decode("ascii", "replace") if isinstance(validity, bytes) else ""
        if not found.isdecimal() or self._validity not in ("", found):
            raise SourceUnavailable("the server numbered its messages anew while it was asked; sync again")
        self._validity = found
        return server

    def _sign_in(self, server: "_Bounded") -> None:
        user, secret = self._credentials.user, self._credentials.secret
        try:
            if "AUTH=PLAIN" in server.capabilities:
                server.authenticate("PLAIN", lambda _: f"\0{user}\0".encode() + secret.encode())
            else:
                server.login(user, secret)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            raise SourceUnavailable("the server refuses these credentials; add the source again with others") from None


class _Bounded(imaplib.IMAP4):
    """A connection whose every wait is patient and every answer bounded. No length is trusted that is told."""

    def __init__(self, address: Address, context: ssl.SSLContext | None, patience: Patience) -> None:
        self._address, self._context, self._patience = address, context, patience
        self._left = TALK_BYTES_MAX
        super().__init__(address.host, address.port)

    def allow(self, size: int) -> None:
        """Let the server say so many bytes from now on."""
        self._left = size

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        """Connect, over TLS where there is a context."""
        self.host, self.port = host, port
        self.sock = connected(self._address, self._context, self._patience)
        self._reader = io.BufferedReader(PatientRaw(self.sock, self._patience))

    def read(self, size: int) -> bytes:
        """So many bytes, where so many are allowed."""
        self._spend(size)
        return self._reader.read(size)

    def readline(self) -> bytes:
        """A line, where so much is allowed."""
        line = self._reader.readline(min(LINE_BYTES_MAX, self._left + 1))
        self._spend(len(line))
        if not line.endswith(b"\n"):
            raise self.abort("a line without an end")
        return line

    def send(self, data: "Buffer") -> None:
        """Send a command."""
        self.sock.settimeout(self._patience.remaining())
        self.sock.sendall(data)

    def shutdown(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self._reader.close()
        self.sock.close()

    def _spend(self, size: int) -> None:
        if size > self._left:
            raise SourceUnavailable("the server says more than it was asked for, or announces it")
        self._left -= size


def modified_utf7(name: str) -> str:
    """A folder's name as the protocol writes it (RFC 3501, 5.1.3)."""
    parts = re.split(r"([^\x20-\x7e]+)", name.replace("&", "&-"))
    return "".join(_in_base64(part) if number % 2 else part for number, part in enumerate(parts))


def _in_base64(text: str) -> str:
    encoded = base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
    return f"&{encoded}-"


def _told(error: Exception) -> str:
    """What the library's own errors mean; empty for what is none."""
    if isinstance(error, imaplib.IMAP4.error | OSError | ValueError | LookupError | AssertionError):
        return f"the server broke off, or does not speak IMAP ({type(error).__name__}); look at its log"
    return ""
