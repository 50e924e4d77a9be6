"""A collection that holds what sources gave before they turned hostile, and answers that a hostile server gives."""

import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.folders import ELSEWHERE, FileContent, FoundFile, Survey
from rag.sources import git, imap, kafka, patience, s3, webdav, website
from rag.sources.opening import Surroundings, open_source
from rag.sources.patience import Patience
from rag.sources.record import Credentials, SourceKind, SourceRecord
from rag.sources.source import Source
from security.egress import AllowedEntry
from security.withheld import Withheld
from tests.attacks.hostile import Hostile, Talk
from tests.rag.conftest import Shelf

SECRET = "wombat-pass-4711"
SECONDS_MAX = 10
"""Far more than the bounds that the tests set, far less than what a server would take."""

SCHEMES = {SourceKind.WEBDAV: "http", SourceKind.IMAP: "imap", SourceKind.GIT: "http"}
SCHEMES |= {SourceKind.S3: "http", SourceKind.SITEMAP: "http", SourceKind.KAFKA: "kafka"}
HELD = (len(SCHEMES), len(SCHEMES))
"""Documents and passages of a collection that holds one of each kind."""

GREETING = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"


def record(kind: SourceKind, port: int, path: str = "/share/") -> SourceRecord:
    address = f"{SCHEMES[kind]}://127.0.0.1:{port}{path}"
    return SourceRecord("1", kind, address, Credentials("bot", Withheld(SECRET)))


def opened(kind: SourceKind, port: int, memory: Path, *allowed: AllowedEntry) -> Source:
    return open_source(record(kind, port), Surroundings(allowed, memory, Patience()))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds small enough to be reached in a test."""
    for module in (webdav, imap, git, s3, website, kafka):
        monkeypatch.setattr(module, "LISTING_SECONDS_MAX", 2.0)
        monkeypatch.setattr(module, "LISTING_BYTES_MAX", 1_000_000)
    monkeypatch.setattr(patience, "FILE_SECONDS_MAX", 1.0)


@pytest.fixture
def loaded(shelf: Shelf) -> Shelf:
    """A collection that holds what each kind of source gave before; see `of`."""
    for kind in SCHEMES:
        list(shelf.loader.load(shelf.managing, Before(kind)))
    return shelf


class Before:
    """What a source gave before it turned hostile."""

    def __init__(self, kind: SourceKind, port: int = 0) -> None:
        self._name, self._kind = record(kind, port).name, kind

    def survey(self) -> Survey:
        return Survey(self._name, (FoundFile(ELSEWHERE, "apples.txt", "apples.txt", version="1"),), is_complete=True)

    def read(self, _file: FoundFile, _bytes_max: int) -> FileContent:
        return FileContent(f"Apples ripen in the cellar, says {self._kind}.".encode(), None)

    def close(self) -> None:
        pass


def entry(href: str, kind: str = "", more: str = "") -> str:
    return (
        f"<d:response><d:href>{href}</d:href><d:propstat><d:prop><d:resourcetype>{kind}</d:resourcetype>{more}"
        "</d:prop></d:propstat></d:response>"
    )


FOLDER = "<d:collection/>"


def endless_answer(talk: Talk) -> None:
    talk.say(b'HTTP/1.1 207 M\r\n\r\n<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">')
    while True:
        talk.say(entry("/share/x.txt").encode() * 100)


def endless_space(talk: Talk) -> None:
    talk.say(b'HTTP/1.1 207 M\r\n\r\n<d:multistatus xmlns:d="DAV:">')
    while True:
        talk.say(b" " * 65536)


def endless_field(talk: Talk) -> None:
    talk.say(b'HTTP/1.1 207 M\r\n\r\n<d:multistatus xmlns:d="DAV:"><d:response><d:href>')
    while True:
        talk.say(b"x" * 10_000)


def endless_depth(talk: Talk) -> None:
    talk.say(b'HTTP/1.1 207 M\r\n\r\n<d:multistatus xmlns:d="DAV:">')
    while True:
        talk.say(b"<a>" * 10_000)


def endless_head(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 207 M\r\n")
    while True:
        talk.say(b"X-More: 1\r\n" * 100)


def endless_interim(talk: Talk) -> None:
    while True:
        talk.say(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10)
        time.sleep(0.001)


def dripped_head(talk: Talk) -> None:
    for byte in b"HTTP/1.1 207 Multi-Status\r\nX-Slow: " + b"x" * 10_000:
        talk.say(bytes([byte]))
        time.sleep(0.2)


def dripped_body(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 207 M\r\nContent-Length: 100000\r\n\r\n")
    while True:
        talk.say(b" ")
        time.sleep(0.2)


def silence(talk: Talk) -> None:
    talk.server.stopped.wait(20)


def entity_bomb(talk: Talk) -> None:
    lols = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    talk.multistatus(entry("/share/&l9;"), f'<!DOCTYPE d [<!ENTITY l0 "lol">{lols}]>')


def entity_file(talk: Talk) -> None:
    talk.multistatus(entry("/share/&f;"), '<!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/hostname">]>')


def compressed(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 207 M\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")


def no_http(talk: Talk) -> None:
    talk.say(os.urandom(4096))


def another_list(talk: Talk) -> None:
    talk.multistatus(entry("/other/", FOLDER))


def cut(talk: Talk) -> None:
    talk.say(b'HTTP/1.1 207 M\r\nContent-Length: 9999\r\n\r\n<d:multistatus xmlns:d="DAV:">')
    talk.connection.close()


def renamed(source: Source) -> Source:
    """The source under the name that its documents were loaded with: the port is another each time."""
    source._name = record(kind_of(source), 0).name  # type: ignore[attr-defined]
    return source


def kind_of(source: Source) -> SourceKind:
    kinds: dict[type, SourceKind] = {
        webdav.WebDav: SourceKind.WEBDAV,
        imap.Mailbox: SourceKind.IMAP,
        git.GitRepository: SourceKind.GIT,
        s3.Bucket: SourceKind.S3,
        website.Website: SourceKind.SITEMAP,
        kafka.Topic: SourceKind.KAFKA,
    }
    return kinds[type(source)]


def denied(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


def sent_in(server: Hostile) -> Iterator[bool]:
    """Whether the server itself got the credentials: else the test would look for what was never there."""
    for request in server.requests:
        for part in (b"bot:", b"\0bot\0"):
            whole = base64.b64encode(part + SECRET.encode())
            yield whole in request
