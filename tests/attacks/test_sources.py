"""Claim: a source goes to its listed address alone, its credentials to it alone, and a hostile one costs a bound.

Whatever a server says, nothing that was loaded before is lost, time and memory are bounded, and no name leaves.
"""

import base64
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from chat.logs import configure_logs
from chat.syncing import Syncing
from rag.confinement import Limits
from rag.errors import DocumentRejected, RagError, SourceRefused, SourceUnavailable
from rag.folders import ELSEWHERE, FoundFile
from rag.sources import multistatus, patience, webdav
from rag.sources.opening import Surroundings, open_source
from rag.sources.patience import Patience
from rag.sources.record import SourceKind, SourceRecord
from security.audit import AuditLog
from security.egress import AllowedEntry, egress_guard, parse_entry
from security.errors import EgressDenied
from tests.attacks.hostile import Talk, hostile
from tests.attacks.scan import files_since, word_needles
from tests.attacks.sourced import (
    FOLDER,
    GREETING,
    HELD,
    SECONDS_MAX,
    SECRET,
    another_list,
    compressed,
    cut,
    denied,
    dripped_body,
    dripped_head,
    endless_answer,
    endless_depth,
    endless_field,
    endless_head,
    endless_interim,
    endless_space,
    entity_bomb,
    entity_file,
    entry,
    no_http,
    opened,
    record,
    renamed,
    sent_in,
    silence,
)
from tests.chat.test_syncing import folder_rights
from tests.rag.conftest import Shelf, memory_dir, shelf  # noqa: F401 - fixtures
from tests.rag.sources.servers import git_over_http

ANSWERS = (
    *(
        endless_answer,
        endless_space,
        endless_field,
        endless_depth,
        endless_head,
        endless_interim,
        dripped_head,
        dripped_body,
    ),
    *(silence, entity_bomb, entity_file, compressed, no_http, another_list, cut),
)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda each: each.__name__)
@pytest.mark.usefixtures("short")
def test_a_hostile_listing_costs_a_bound_and_loses_nothing(loaded: Shelf, answer: Callable[[Talk], None]) -> None:
    began = time.monotonic()
    with hostile(answer) as server, closing(opened(SourceKind.WEBDAV, server.port, loaded.memory)) as source:
        with suppress(SourceUnavailable):
            list(loaded.loader.load(loaded.managing, renamed(source)))
        assert time.monotonic() - began < SECONDS_MAX
    assert server.sent < 20_000_000  # what the bound lets in, and what lay in buffers
    assert loaded.documents.counts(loaded.collection_id) == HELD


def test_a_folder_that_holds_itself_ends(loaded: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdav, "FOLDERS_MAX", 50)

    def answer(talk: Talk) -> None:
        path = talk.request.split(b" ")[1].decode()
        talk.multistatus(entry(path, FOLDER) + entry(f"{path}a/", FOLDER) + entry(f"{path}b/", FOLDER))

    with hostile(answer) as server, closing(opened(SourceKind.WEBDAV, server.port, loaded.memory)) as source:
        ended = list(loaded.loader.load(loaded.managing, renamed(source)))
        assert len(server.requests) <= 50
    assert any("in each other" in str(file.reason) for file in ended)
    assert loaded.documents.counts(loaded.collection_id) == HELD


LEAVING = (
    *("/share/../etc/passwd", "/etc/passwd", "/share/%2e%2e/x", "/share/a%2fb", "/share/x%00y", "/share/sub/deep.txt"),
    *("http://127.0.0.1:1/share/x", "https://127.0.0.1/share/x", "file:///etc/hostname", "//evil.example/share/x"),
)


@pytest.mark.parametrize("href", LEAVING)
def test_a_name_that_leaves_is_left_out_and_forgets_nothing(loaded: Shelf, href: str) -> None:
    def answer(talk: Talk) -> None:
        talk.multistatus(entry("/share/", FOLDER) + entry(href) + entry("/share/.hidden") + entry("/share/fine.txt"))

    with hostile(answer) as server, closing(opened(SourceKind.WEBDAV, server.port, loaded.memory)) as source:
        found = source.survey()
        assert [file.place for file in found.files if not file.problem] == ["fine.txt"]
        assert not found.is_complete
        assert all(file.path == ELSEWHERE for file in found.files)


def lying_length(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx")


def endless_file(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        talk.say(b"x" * 65536)


def short_file(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nQuinces")
    talk.connection.close()


def dripped_file(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    while True:
        talk.say(b"q")
        time.sleep(0.2)


@pytest.mark.parametrize("body", [lying_length, endless_file, short_file, dripped_file], ids=lambda each: each.__name__)
@pytest.mark.usefixtures("short")
def test_a_hostile_file_costs_a_bound_and_what_was_loaded_of_it_is_never_half_replaced(
    loaded: Shelf, body: Callable[[Talk], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.reading.Limits", lambda: Limits(file_bytes=500_000))

    def answer(talk: Talk) -> None:
        if talk.request.startswith(b"PROPFIND"):
            etag = '<d:getetag>"2"</d:getetag>'
            talk.multistatus(entry("/share/", FOLDER) + entry("/share/apples.txt", more=etag))
        else:
            body(talk)

    began = time.monotonic()
    with hostile(answer) as server, closing(opened(SourceKind.WEBDAV, server.port, loaded.memory)) as source:
        (ended,) = list(loaded.loader.load(loaded.managing, renamed(source)))
    assert time.monotonic() - began < SECONDS_MAX
    assert ended.state == "rejected"
    assert server.sent < 20_000_000
    held = {info.path for info in loaded.documents.documents(loaded.reading)}
    assert held == {"apples.txt"}
    assert "Quinces" not in str(loaded.find("quinces"))


def test_a_source_whose_files_all_fail_is_left_alone_after_a_few(shelf: Shelf, short: None) -> None:  # noqa: F811
    def answer(talk: Talk) -> None:
        if talk.request.startswith(b"PROPFIND"):
            talk.multistatus(entry("/share/", FOLDER) + "".join(entry(f"/share/{n}.txt") for n in range(200)))
        else:
            talk.say(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")

    with hostile(answer) as server, closing(opened(SourceKind.WEBDAV, server.port, shelf.memory)) as source:
        ended = list(shelf.loader.load(shelf.managing, source))
        assert len(server.requests) <= 1 + patience.FAILURES_MAX + 4
    assert len(ended) == 200


@pytest.mark.parametrize("status", [b"301", b"302", b"303", b"307", b"308"])
@pytest.mark.parametrize("kind", [SourceKind.WEBDAV, SourceKind.GIT, SourceKind.S3, SourceKind.SITEMAP])
def test_a_redirect_is_not_followed(loaded: Shelf, kind: SourceKind, status: bytes) -> None:
    with hostile(silence) as target:

        def answer(talk: Talk) -> None:
            where = f"http://127.0.0.1:{target.port}/share/info/refs?service=git-upload-pack".encode()
            talk.say(b"HTTP/1.1 %b X\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, where))

        with (
            hostile(answer) as server,
            closing(opened(kind, server.port, loaded.memory)) as source,
            pytest.raises(SourceUnavailable),
        ):
            list(loaded.loader.load(loaded.managing, renamed(source)))
        assert server.requests
        assert target.requests == []
    assert loaded.documents.counts(loaded.collection_id) == HELD


def test_an_address_that_is_not_listed_is_refused_when_added_and_when_synced(loaded: Shelf) -> None:
    addresses = {
        SourceKind.WEBDAV: "https://192.0.2.1/share/",
        SourceKind.IMAP: "imaps://192.0.2.1/INBOX",
        SourceKind.GIT: "https://192.0.2.1/x.git",
        SourceKind.S3: "https://192.0.2.1/house/",
        SourceKind.SITEMAP: "https://192.0.2.1/sitemap.xml",
        SourceKind.KAFKA: "kafkas://192.0.2.1/notes",
    }
    ports = {SourceKind.IMAP: 993, SourceKind.KAFKA: 9093}
    for kind, address in addresses.items():
        source = replace(record(kind, 1), address=address)
        port = ports.get(kind, 443)
        with egress_guard() as guard:
            allowed = (parse_entry(f"192.0.2.1:{port}"),)
            synced = syncing(loaded, allowed)
            with pytest.raises(SourceRefused, match=rf'add "192.0.2.1:{port}" to egress.allowed'):
                syncing(loaded).add(loaded.managing, source)
            synced.add(loaded.managing, source)  # listed then
            with pytest.raises(SourceRefused, match=r"egress\.allowed"):
                list(syncing(loaded).run(loaded.managing, source))  # and not any more
            assert list(guard.attempts) == []
            loaded.documents.change_sources(loaded.managing, lambda _: ())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the socket that the guard stopped
def test_behind_the_list_stands_the_guard_of_the_process(loaded: Shelf) -> None:
    """Were the list not looked at, Python's own connections would still be stopped."""
    allowed = (parse_entry("192.0.2.1"),)
    source = replace(record(SourceKind.WEBDAV, 1), address="https://192.0.2.1/share/")
    with egress_guard() as guard, closing(open_source(source, Surroundings(allowed, loaded.memory, Patience()))) as it:
        with pytest.raises((EgressDenied, SourceUnavailable)):
            it.survey()
        assert [attempt.host for attempt in guard.attempts] == ["192.0.2.1"]


def syncing(shelf: Shelf, allowed: tuple[AllowedEntry, ...] = ()) -> Syncing:  # noqa: F811
    audit = AuditLog(shelf.engine, shelf.keyring)
    parts = (audit, shelf.policy, shelf.collections, allowed, shelf.memory)
    return Syncing(*parts, lambda: shelf.documents, lambda: shelf.loader, rights=folder_rights(shelf))


def imap_endless_lines(talk: Talk) -> None:
    while True:
        talk.say(b"* 1 FETCH (UID 1 RFC822.SIZE 5)\r\n" * 100)


def imap_endless_line(talk: Talk) -> None:
    talk.say(b"* OK ")
    while True:
        talk.say(b"x" * 10_000)


def imap_lying_literal(talk: Talk) -> None:
    talk.say(b"* 1 FETCH (UID 1 BODY[] {99999999999}\r\nx")
    silence(talk)


def imap_drip(talk: Talk) -> None:
    while True:
        talk.say(b"x")
        time.sleep(0.2)


def imap_garbage(talk: Talk) -> None:
    talk.say(os.urandom(4096) + b"\r\n")


HOSTILE_MAIL = (imap_endless_lines, imap_endless_line, imap_lying_literal, imap_drip, imap_garbage, silence)


def signed_in_first(then: Callable[[Talk], None], signed_in: int) -> Callable[[Talk], None]:
    """Answer the first commands as a server does, and turn hostile after so many."""

    def answer(talk: Talk) -> None:
        count = len(talk.server.requests)
        if count > signed_in:
            then(talk)
            return
        tag = talk.request.split(b" ")[0]
        if b"AUTHENTICATE" in talk.request:
            talk.say(b"+ \r\n")
        elif b"EXAMINE" in talk.request:
            talk.say(b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n" + tag + b" OK [READ-ONLY] done\r\n")
        else:
            last = tag if len(tag) < 10 else talk.server.requests[-2].split(b" ")[0]
            talk.say(last + b" OK done\r\n")

    return answer


@pytest.mark.parametrize("signed_in", [0, 3], ids=["before signing in", "when it lists"])
@pytest.mark.parametrize("then", HOSTILE_MAIL, ids=lambda each: each.__name__)
@pytest.mark.usefixtures("short")
def test_a_hostile_mail_server_costs_a_bound_and_loses_nothing(
    loaded: Shelf, then: Callable[[Talk], None], signed_in: int
) -> None:
    began = time.monotonic()
    answer = signed_in_first(then, signed_in)
    with hostile(answer, GREETING) as server, closing(opened(SourceKind.IMAP, server.port, loaded.memory)) as source:
        with pytest.raises(SourceUnavailable):
            list(loaded.loader.load(loaded.managing, renamed(source)))
        assert time.monotonic() - began < SECONDS_MAX
    assert server.sent < 20_000_000
    assert loaded.documents.counts(loaded.collection_id) == HELD


@pytest.mark.parametrize("answer", [silence, dripped_head, endless_file, no_http], ids=lambda each: each.__name__)
@pytest.mark.usefixtures("short")
def test_a_hostile_git_server_costs_a_bound_and_loses_nothing(loaded: Shelf, answer: Callable[[Talk], None]) -> None:
    began = time.monotonic()
    with hostile(answer) as server, closing(opened(SourceKind.GIT, server.port, loaded.memory)) as source:
        with pytest.raises(SourceUnavailable):
            list(loaded.loader.load(loaded.managing, renamed(source)))
        assert time.monotonic() - began < SECONDS_MAX
    assert loaded.documents.counts(loaded.collection_id) == HELD


def test_a_wait_ends_at_once_when_the_house_stops(loaded: Shelf) -> None:
    stopped = threading.Event()
    with (
        hostile(silence) as server,
        closing(
            open_source(record(SourceKind.WEBDAV, server.port), Surroundings((), loaded.memory, Patience(stopped)))
        ) as source,
    ):
        threading.Timer(0.5, stopped.set).start()
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match="stopped"):
            source.survey()
        assert time.monotonic() - began < 5
        server.stopped.set()


class ProcessList:
    """Looks, again and again, at the arguments and the environment of every process of this user."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self.found: set[str] = set()
        self.seen: set[str] = set()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "ProcessList":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        encoded = base64.b64encode(f"bot:{SECRET}".encode())
        while not self._over.is_set():
            for folder in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    arguments = (folder / "cmdline").read_bytes()
                    if b"git" in arguments:
                        self.seen.add(arguments.split(b"\0")[0].decode())
                    if int(folder.name) == os.getpid():
                        continue
                    for content in (arguments, (folder / "environ").read_bytes()):
                        if SECRET.encode() in content or encoded in content:
                            self.found.add(arguments.decode())


@pytest.fixture
def log() -> Iterator[StringIO]:
    stream = StringIO()
    configure_logs(stream)
    yield stream
    configure_logs()


def test_credentials_are_in_no_file_log_process_list_or_error(
    loaded: Shelf, tmp_path: Path, log: StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    began = time.time()
    errors: list[str] = []
    (tmp_path / "repositories").mkdir()
    with ProcessList() as processes, git_over_http(tmp_path / "repositories") as port:
        for kind, answer in ((SourceKind.WEBDAV, denied), (SourceKind.IMAP, signed_in_first(imap_garbage, 2))):
            with hostile(answer, GREETING if kind is SourceKind.IMAP else b"") as server:
                errors += failed(loaded, record(kind, server.port))
                assert any(sent_in(server))
        with hostile(denied) as server:
            errors += failed(loaded, record(SourceKind.S3, server.port))
        errors += failed(loaded, record(SourceKind.GIT, port, "/absent.git"))
        errors += failed(loaded, record(SourceKind.GIT, 1, "/absent.git"))
    assert len(errors) == 5
    assert processes.seen
    assert processes.found == set()
    logged = log.getvalue() + "".join(each.getMessage() for each in caplog.records if each.name != "httpcore.http11")
    needles = word_needles([SECRET])
    for text in (*errors, logged):
        assert [what for needle, what in needles.items() if needle in text.encode()] == []
    for path in files_since([loaded.state, loaded.memory, tmp_path], began):
        assert [what for needle, what in needles.items() if needle in path.read_bytes()] == [], path


def failed(shelf: Shelf, source: SourceRecord) -> list[str]:  # noqa: F811
    """A sync that fails: what is said at once, what is said later, and every error in the chain."""
    made = syncing(shelf)
    shelf.documents.change_sources(shelf.managing, lambda _: (source,))
    try:
        list(made.run(shelf.managing, source))
    except RagError as error:
        (kept,) = shelf.documents.sources(shelf.managing)
        chain: BaseException | None = error
        said = [str(kept.last), *(finding.remedy for finding in made.findings())]
        while chain is not None:
            said.append(repr(chain))
            chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
        return ["\n".join(said)]
    return []


def test_an_answer_is_read_by_a_parser_that_knows_no_entities() -> None:
    with pytest.raises(SourceUnavailable, match="document type"):
        multistatus.read_multistatus([b'<!DOCTYPE d SYSTEM "file:///etc/hostname"><d/>'], 10)
    whole = f'<d:multistatus xmlns:d="DAV:">{entry("/a") * 2}</d:multistatus>'
    with pytest.raises(SourceUnavailable, match="over 1 files"):
        multistatus.read_multistatus([whole.encode()], 1)


def test_a_mail_server_that_announces_a_huge_message_gets_no_memory(memory_dir: Path, short: None) -> None:  # noqa: F811
    answer = signed_in_first(imap_lying_literal, 3)
    file = FoundFile(ELSEWHERE, "7/1.eml", "1.eml")
    with (
        hostile(answer, GREETING) as server,
        closing(opened(SourceKind.IMAP, server.port, memory_dir)) as source,
        pytest.raises(RagError, match="more than it was asked for"),
    ):
        source.read(file, 1000)
    with pytest.raises(DocumentRejected):
        source.read(replace(file, size=2000), 1000)
