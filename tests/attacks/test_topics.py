"""Claim: a hostile Kafka broker costs a bound and loses nothing, leads nowhere that IT did not list, hears no password.

It hears the password only where it offers no sign-in that proves it, and nobody named one.
"""

import gzip
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from io import StringIO
from pathlib import Path

import cramjam
import pytest

from chat.logs import configure_logs
from rag.errors import SourceRefused, SourceUnavailable
from rag.sources import brokers, cluster, kafka, wire
from rag.sources.opening import Surroundings, open_source
from rag.sources.patience import Patience
from rag.sources.record import SourceKind
from security.egress import AllowedEntry, egress_guard, parse_entry
from security.errors import EgressDenied
from tests.attacks.hostile import Answer, Hostile, Talk, hostile
from tests.attacks.scan import word_needles
from tests.attacks.sourced import SECONDS_MAX, SECRET, Before, opened, record, renamed, silence
from tests.rag.conftest import Shelf, memory_dir, shelf  # noqa: F401 - fixtures
from tests.rag.sources.spoken import (
    AUTHENTICATE,
    FETCH,
    HANDSHAKE,
    METADATA,
    OFFSETS,
    asked,
    batch,
    batch_of,
    fetched,
    message,
    metadata,
    offset,
    offset_of,
    say,
    spoken,
)

MB = 1_000_000
HELD = (1, 1)
FINE = batch_of(0, ("apples.txt", "Apples keep in straw."))


@pytest.fixture
def loaded(shelf: Shelf) -> Shelf:  # noqa: F811
    """A collection that holds what the topic gave before."""
    list(shelf.loader.load(shelf.managing, Before(SourceKind.KAFKA)))
    return shelf


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds small enough to be reached in a test."""
    monkeypatch.setattr(brokers, "ANSWER_BYTES_MAX", 2 * MB)
    monkeypatch.setattr(kafka, "BATCH_BYTES_MAX", 2 * MB)
    monkeypatch.setattr(kafka, "KEYS_MAX", 10_000)


def no_kafka(talk: Talk) -> None:
    talk.say(os.urandom(4096))


def huge_frame(talk: Talk) -> None:
    talk.say(struct.pack(">i", 2**31 - 1))
    while True:
        talk.say(b"x" * 65536)


def negative_frame(talk: Talk) -> None:
    talk.say(struct.pack(">i", -1) * 100)


def dripped(talk: Talk) -> None:
    talk.say(struct.pack(">i", 100_000))
    while True:
        talk.say(b"\0")
        time.sleep(0.2)


def cut(talk: Talk) -> None:
    talk.say(struct.pack(">ii", 100, 1))
    talk.connection.close()


def another_number(talk: Talk) -> None:
    talk.say(wire.content(struct.pack(">i", 999) + b"\0" * 50))


def empty(talk: Talk) -> None:
    say(talk, b"")


def endless_lists(talk: Talk) -> None:
    say(talk, struct.pack(">ii", 0, 2**31 - 1) + b"\0" * 100_000)


def an_error(talk: Talk) -> None:
    refused = struct.pack(">h", 58) + wire.text(None) + wire.content(b"")
    says = {METADATA: metadata("127.0.0.1", 1, error=-1), OFFSETS: offset(0, error=99), FETCH: fetched(b"", error=1)}
    say(talk, says.get(asked(talk.request)[0], refused))


RAW = (no_kafka, huge_frame, negative_frame, dripped, cut, another_number, empty, endless_lists, an_error, silence)


def turning(what: int, then: Callable[[Talk], None]) -> Answer:
    """A broker that answers as it should until it is asked for that."""
    fine = spoken(FINE)
    return lambda talk: then(talk) if asked(talk.request)[0] == what else fine(talk)


STEPS = {"handshake": HANDSHAKE, "authenticate": AUTHENTICATE, "metadata": METADATA, "offsets": OFFSETS, "fetch": FETCH}


@pytest.mark.parametrize("what", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("then", RAW, ids=lambda each: each.__name__)
@pytest.mark.usefixtures("short")
def test_an_answer_that_is_none_costs_a_bound_and_loses_nothing(
    loaded: Shelf, what: int, then: Callable[[Talk], None]
) -> None:
    expect_bounded(loaded, turning(what, then))


def expect_bounded(loaded: Shelf, answer: Answer, sentence: str = ".") -> None:
    """A sync fails in time, and what was loaded stays."""
    began = time.monotonic()
    with hostile(answer) as server, closing(opened(SourceKind.KAFKA, server.port, loaded.memory)) as source:
        with pytest.raises(SourceUnavailable, match=sentence):
            list(loaded.loader.load(loaded.managing, renamed(source)))
        assert time.monotonic() - began < SECONDS_MAX
    assert server.sent < 20 * MB
    assert loaded.documents.counts(loaded.collection_id) == HELD


def nothing_for_ever(_: Talk) -> bytes:
    return fetched(b"")


def the_same_for_ever(_: Talk) -> bytes:
    return fetched(FINE)


def another_part(_: Talk) -> bytes:
    return fetched(FINE, part=1)


def no_batch(_: Talk) -> bytes:
    return fetched(b"\xff" * 500)


def old_format(_: Talk) -> bytes:
    return fetched(batch_of(0, ("a", "x"), magic=1))


def many_keys(_: Talk) -> bytes:
    content = b"".join(message(number, b"%d" % number, b"x") for number in range(11_000))
    return fetched(batch(0, content, 11_000))


def many_keys_packed(_: Talk) -> bytes:
    content = b"".join(message(number, b"%d" % number, b"x") for number in range(11_000))
    return fetched(batch(0, bytes(cramjam.zstd.compress(content)), 11_000, attributes=4))


def many_aborted(_: Talk) -> bytes:
    return fetched(FINE, aborted=[(number, 0) for number in range(120_000)])


def a_batch_at_a_time(talk: Talk) -> bytes:
    at = offset_of(talk.request)
    return fetched(batch_of(at, ("apples.txt", "x" * 1000)))


FETCHES = {
    nothing_for_ever: "gives no messages",
    the_same_for_ever: "gives no messages",
    another_part: "does not speak Kafka",
    no_batch: "does not speak Kafka",
    old_format: "before Kafka 0.11",
    many_keys: "over 10000 keys",
    many_keys_packed: "over 10000 keys",
    many_aborted: "does not speak Kafka",
    a_batch_at_a_time: "divide it, or compact it",
}


@pytest.mark.parametrize("fetch", FETCHES, ids=lambda each: each.__name__)
@pytest.mark.usefixtures("short")
def test_messages_without_an_end_cost_a_bound_and_lose_nothing(loaded: Shelf, fetch: Callable[[Talk], bytes]) -> None:
    expect_bounded(loaded, spoken(end=2**60, fetch=fetch), FETCHES[fetch])


BOMBS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "zstd": (4, lambda data: bytes(cramjam.zstd.compress(data))),
    "lz4": (3, lambda data: bytes(cramjam.lz4.compress(data))),
    "snappy": (2, lambda data: bytes(cramjam.snappy.compress_raw(data))),
    "gzip": (1, gzip.compress),
}


@pytest.mark.parametrize("codec", BOMBS)
def test_a_bomb_is_left_out_and_keeps_nothing_else_from_coming_in(loaded: Shelf, codec: str) -> None:
    number, pack = BOMBS[codec]
    bomb = pack(message(0, b"bomb.txt", b"\0" * 30 * MB))
    data = batch(0, bomb, 1, attributes=number) + batch_of(1, ("fine.txt", "Pears are picked early."))
    with (
        hostile(spoken(data, end=2)) as server,
        closing(opened(SourceKind.KAFKA, server.port, loaded.memory)) as source,
    ):
        ended = {file.doc: file for file in loaded.loader.load(loaded.managing, renamed(source))}
    assert ended["fine.txt"].state == "indexed"
    assert "unpacks to over" in str(ended["partition 0, offset 0"].reason)
    assert loaded.documents.counts(loaded.collection_id)[0] == HELD[0] + 1, "and nothing was forgotten"


def test_bombs_in_one_answer_are_left_when_the_time_is_over(loaded: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "LISTING_SECONDS_MAX", 0.5)
    bomb = bytes(cramjam.zstd.compress(b"\0" * 3 * MB))
    data = b"".join(batch(number, bomb, 1, attributes=4) for number in range(4000))
    expect_bounded(loaded, spoken(end=4000, fetch=lambda _: fetched(data)), "takes too long")


def advertised(host: str, port: int, memory: Path, *allowed: AllowedEntry) -> str:
    """What is said of a cluster whose broker names that address as the place of its messages."""
    elsewhere = spoken(FINE, metadata=lambda _: metadata(host, port))
    guarded = egress_guard(tuple(f"{each.network}" for each in allowed))
    with hostile(elsewhere) as server, closing(opened(SourceKind.KAFKA, server.port, memory, *allowed)) as source:
        with guarded as guard, pytest.raises(SourceUnavailable) as caught:
            source.survey()
        assert list(guard.attempts) == [], "it was not even tried"
    return str(caught.value)


def test_a_broker_at_an_address_that_is_not_listed_is_not_asked(loaded: Shelf) -> None:
    listed = parse_entry("192.0.2.1:9093")
    said = advertised("192.0.2.7", 9093, loaded.memory, listed)
    assert 'add "192.0.2.7:9093" to egress.allowed' in said
    assert 'add "other.example:9092"' in advertised("other.example", 9092, loaded.memory, listed)
    assert "readable on its way" in advertised("192.0.2.1", 9093, loaded.memory, listed)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("", 9092),
        ("no host", 9092),
        ("x\x1b[31m", 9092),
        ("http://x/", 9092),
        ("x" * 300, 9092),
        ("192.0.2.1", 0),
        ("192.0.2.1", -1),
    ],
)
def test_an_address_that_is_none_is_not_repeated(loaded: Shelf, host: str, port: int) -> None:
    said = advertised(host, port, loaded.memory)
    assert "names an address that is none" in said
    assert not host or host not in said


def test_a_broker_elsewhere_leads_to_no_service_of_this_machine(loaded: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker of the test stands for one on another machine, which names this one's loopback."""
    monkeypatch.setattr(cluster, "is_here", lambda host: host == "localhost")
    with hostile(silence) as target:
        assert "on this machine" in advertised("localhost", target.port, loaded.memory)
        assert target.requests == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the socket that the guard stopped
def test_behind_the_list_stands_the_guard_of_the_process(loaded: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were an advertised address not looked up in the list, Python's own connections would still be stopped."""
    monkeypatch.setattr(cluster, "require_listed", lambda *_: None)
    monkeypatch.setattr(cluster, "require_sealed", lambda *_: None)
    elsewhere = spoken(FINE, metadata=lambda _: metadata("192.0.2.7", 9092))
    with hostile(elsewhere) as server, closing(opened(SourceKind.KAFKA, server.port, loaded.memory)) as source:
        with egress_guard() as guard, pytest.raises((EgressDenied, SourceUnavailable)):
            source.survey()
        assert [attempt.host for attempt in guard.attempts] == ["192.0.2.7"]


def hears(talk_server: Hostile) -> list[str]:
    """In what form the secret was sent."""
    return [what for needle, what in word_needles([SECRET]).items() if needle in b"".join(talk_server.requests)]


def cheap(talk: Talk) -> bytes:
    nonce = talk.request.rpartition(b"r=")[2]
    return struct.pack(">h", 0) + wire.text(None) + wire.content(b"r=" + nonce + b"more,s=AAAA,i=1")


def endless(talk: Talk) -> bytes:
    return cheap(talk).replace(b"i=1", b"i=999999999")


def unproven(talk: Talk) -> bytes:
    if b"p=" in talk.request:
        return struct.pack(">h", 0) + wire.text(None) + wire.content(b"v=" + b"A" * 86 + b"==")
    nonce = talk.request.rpartition(b"r=")[2]
    return struct.pack(">h", 0) + wire.text(None) + wire.content(b"r=" + nonce + b"more,s=AAAA,i=4096")


@pytest.mark.parametrize("authenticate", [cheap, endless, unproven], ids=lambda each: each.__name__)
def test_a_broker_that_proves_nothing_hears_no_password_and_gives_no_file(
    loaded: Shelf, authenticate: Callable[[Talk], bytes]
) -> None:
    began = time.monotonic()
    welcoming = spoken(FINE, handshake=lambda _: struct.pack(">h", 0) + wire.items([]), authenticate=authenticate)
    with hostile(welcoming) as server, closing(opened(SourceKind.KAFKA, server.port, loaded.memory)) as source:
        with pytest.raises(SourceRefused, match="does not prove"):
            list(loaded.loader.load(loaded.managing, renamed(source)))
        assert hears(server) == []
        assert METADATA not in {asked(request)[0] for request in server.requests}
    assert time.monotonic() - began < SECONDS_MAX


def test_a_mechanism_that_was_named_is_not_talked_down(loaded: Shelf) -> None:
    with hostile(spoken(FINE)) as server:
        made = replace(record(SourceKind.KAFKA, server.port), options={"mechanism": "SCRAM-SHA-512"})
        pinned = open_source(made, Surroundings((), loaded.memory, Patience()))
        with closing(pinned), pytest.raises(SourceUnavailable, match="signs nobody in by SCRAM-SHA-512"):
            pinned.survey()
        assert hears(server) == []
        with closing(opened(SourceKind.KAFKA, server.port, loaded.memory)) as source:
            source.survey()
        assert hears(server), "the test looks for what it would find"


@pytest.fixture
def log() -> Iterator[StringIO]:
    stream = StringIO()
    configure_logs(stream)
    yield stream
    configure_logs()


def test_no_key_no_text_and_no_secret_is_logged_or_said(
    loaded: Shelf, log: StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    said: list[str] = []
    data = batch_of(0, ("zyzzyva-key.txt", "Quokka-text is here."))
    for answer in (spoken(data), spoken(data, end=9), turning(FETCH, no_kafka), turning(AUTHENTICATE, cut)):
        with hostile(answer) as server, closing(opened(SourceKind.KAFKA, server.port, loaded.memory)) as source:
            try:
                list(loaded.loader.load(loaded.managing, renamed(source)))
            except SourceUnavailable as error:
                said += [
                    repr(error),
                    repr(error.__cause__),
                    repr(error.__context__ if not error.__suppress_context__ else ""),
                ]
    text = log.getvalue() + "".join(each.getMessage() for each in caplog.records) + "".join(said)
    assert said
    assert [
        what for needle, what in word_needles(["zyzzyva", "Quokka", SECRET]).items() if needle in text.encode()
    ] == []
