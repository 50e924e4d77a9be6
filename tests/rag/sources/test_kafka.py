"""A topic on a real broker comes into a collection, and stays in step with it."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from rag.errors import DocumentRejected, FileUnavailable, FolderMissing, SourceRefused, SourceUnavailable
from rag.folders import FoundFile
from rag.sources import kafka
from rag.sources.cluster import Piece
from rag.sources.opening import Surroundings, check_source, open_source
from rag.sources.patience import Patience
from rag.sources.record import Credentials, SourceKind, SourceRecord
from rag.sources.source import Source
from security.egress import parse_entry
from security.withheld import Withheld
from tests.attacks.hostile import hostile
from tests.rag.conftest import Shelf
from tests.rag.sources.servers import PASSWORD, USER, made_certificate
from tests.rag.sources.spoken import batch_of, marker, spoken
from tests.rag.sources.synced import noted_reads, sync
from tests.rag.sources.topic_front import front
from tests.rag.sources.topics import NoBroker, TopicServer, topic_server

NUMBERS = count()


@pytest.fixture(scope="module")
def running() -> Iterator[TopicServer]:
    try:
        with topic_server() as server:
            yield server
    except NoBroker as error:
        pytest.skip(str(error))


@pytest.fixture
def topic(running: TopicServer) -> str:
    """A topic of two parts, with three files."""
    name = f"notes-{next(NUMBERS)}"
    running.do("make", name, parts=2)
    running.put(name, ("apples.txt", "Apples ripen in the cellar."), ("ö/été.md", "# Pears\n\nPears are picked early."))
    running.put(name, ("plums.txt", "Plums fall in August."), part=1)
    return name


def record(port: int, topic: str, password: str = "", scheme: str = "kafka", **options: str) -> SourceRecord:
    credentials = Credentials(USER, Withheld(password)) if password else Credentials()
    return SourceRecord("1", SourceKind.KAFKA, f"{scheme}://127.0.0.1:{port}/{topic}", credentials, options)


def opened(port: int, topic: str, password: str = "", scheme: str = "kafka", **options: str) -> Source:
    around = Surroundings((), Path("/dev/shm"), Patience())
    return open_source(record(port, topic, password, scheme, **options), around)


def places(source: Source) -> list[str]:
    with closing(source):
        return [file.place for file in source.survey().files]


def test_the_newest_message_of_each_key_comes_in(shelf: Shelf, running: TopicServer, topic: str) -> None:
    running.put(topic, ("apples.txt", "Apples keep in straw."), ("gone.txt", "Nobody reads this."))
    running.put(topic, ("gone.txt", None))
    ended = sync(shelf, opened(running.port, topic))
    assert ended == {"apples.txt": "indexed", "ö/été.md": "indexed", "plums.txt": "indexed"}
    assert shelf.find("cellar") == {}
    assert set(shelf.find("straw")) == {"apples.txt"}


def test_what_is_unchanged_is_not_fetched_and_every_change_is_followed(
    shelf: Shelf, running: TopicServer, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(shelf, opened(running.port, topic))
    again = opened(running.port, topic)
    fetched = noted_reads(again, monkeypatch)
    assert set(sync(shelf, again).values()) == {"unchanged"}
    assert fetched == []
    embedded = shelf.embedder.embedded
    running.put(topic, ("plums.txt", None), ("fruit/plums.txt", "Plums fall in August."), part=1)
    running.put(topic, ("apples.txt", None))
    assert sync(shelf, opened(running.port, topic)) == {"ö/été.md": "unchanged", "fruit/plums.txt": "indexed"}
    assert shelf.embedder.embedded == embedded, "a moved file keeps its vectors"
    assert shelf.find("cellar") == {}
    running.put(topic, ("fruit/plums.txt", "Quinces are hard, and sour."), part=1)
    sync(shelf, opened(running.port, topic))
    assert set(shelf.find("quinces")) == {"fruit/plums.txt"}


def test_a_topic_that_is_made_anew_or_repeats_itself_changes_nothing(
    shelf: Shelf, running: TopicServer, topic: str
) -> None:
    sync(shelf, opened(running.port, topic))
    embedded = shelf.embedder.embedded
    running.put(topic, ("apples.txt", "Apples ripen in the cellar."), part=1)
    running.do("drop", topic)
    with pytest.raises(SourceUnavailable, match="no such topic"):
        sync(shelf, opened(running.port, topic))
    running.do("make", topic, parts=1)
    with pytest.raises(FolderMissing, match="holds no file"):
        sync(shelf, opened(running.port, topic))
    running.put(topic, ("plums.txt", "Plums fall in August."), ("apples.txt", "Apples ripen in the cellar."))
    assert sync(shelf, opened(running.port, topic)) == {"apples.txt": "unchanged", "plums.txt": "unchanged"}
    assert shelf.embedder.embedded == embedded
    running.do("drop", topic)
    running.do("make", topic, parts=1)
    running.put(topic, ("plums.txt", "Plums fall in July."), ("apples.txt", "Apples ripen in the cellar."))
    assert sync(shelf, opened(running.port, topic))["plums.txt"] == "indexed", "though it lies at the same offset"


def test_a_key_in_two_parts_is_what_was_written_last(running: TopicServer, topic: str) -> None:
    """As where a topic got more parts, and its keys moved to others."""
    running.put(topic, ("moved.txt", "old"), ("kept.txt", "old"), part=1, at_ms=1000)
    running.put(topic, ("moved.txt", "new"), ("kept.txt", "older"), part=0, at_ms=2000)
    running.put(topic, ("kept.txt", "new"), part=1, at_ms=3000)
    with closing(opened(running.port, topic)) as source:
        found = {file.place: file for file in source.survey().files}
        assert [source.read(found[place], 100).data for place in ("moved.txt", "kept.txt")] == [b"new", b"new"]
        assert source.read(found["kept.txt"], 100).modified_at == datetime.fromtimestamp(3, UTC)
    running.put(topic, ("kept.txt", None), part=0, at_ms=4000)
    assert "kept.txt" not in places(opened(running.port, topic))


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_way_of_packing_is_read(running: TopicServer, topic: str, codec: str) -> None:
    texts = [f"{codec} {number} " * 1000 for number in range(30)]
    running.put(topic, *((f"{number}.txt", text) for number, text in enumerate(texts)), codec=codec)
    with closing(opened(running.port, topic)) as source:
        found = {file.place: file for file in source.survey().files}
        read = [source.read(found[f"{number}.txt"], 100_000).data.decode() for number in range(30)]
    assert read == texts


def test_neighbours_in_the_topic_come_with_one_answer(running: TopicServer, topic: str) -> None:
    running.put(topic, *((f"{number:03}.txt", f"Number {number}") for number in range(200)))
    with closing(opened(running.port, topic)) as source:
        assert isinstance(source, kafka.Topic)
        files = source.survey().files
        asked = noted_fetches(source)
        assert [source.read(file, 100).data for file in files if file.place[0].isdecimal()] == [
            f"Number {number}".encode() for number in range(200)
        ]
        assert len(asked) == 1


def noted_fetches(source: kafka.Topic) -> list[int]:
    asked: list[int] = []
    whole = source._cluster.fetch

    def noted(part: int, offset: int) -> tuple[list[Piece], int]:
        asked.append(offset)
        return whole(part, offset)

    source._cluster.fetch = noted  # type: ignore[method-assign]
    return asked


def test_a_large_message_comes_in_and_one_over_the_limit_is_not_asked_for(running: TopicServer, topic: str) -> None:
    running.put(topic, ("large.txt", "x" * 9_000_000), ("behind.txt", "small"))
    with closing(opened(running.port, topic)) as source:
        found = {file.place: file for file in source.survey().files}
        assert len(source.read(found["large.txt"], 9_000_000).data) == 9_000_000
        assert source.read(found["behind.txt"], 10).data == b"small"
        source.close()
        with pytest.raises(DocumentRejected, match="split"):
            source.read(found["large.txt"], 8_999_999)


def test_keys_that_no_path_has_are_told_and_keep_nothing_from_being_forgotten(
    shelf: Shelf, running: TopicServer, topic: str
) -> None:
    odd = ("../up.txt", "/root.txt", "a//b.txt", "a\0b.txt", "\udcff.txt")
    running.put(topic, *((key, "Outside.") for key in odd), (".hidden", "x"), (None, "x"), ("", "x"), ("k" * 1025, "x"))
    ended = sync(shelf, opened(running.port, topic))
    assert {doc for doc, state in ended.items() if state == "rejected"} == {
        *("../up.txt", "/root.txt", "a//b.txt", "a\ufffdb.txt", "\ufffd.txt", "/")
    }
    assert shelf.find("outside") == {}
    running.put(topic, ("apples.txt", None))
    sync(shelf, opened(running.port, topic))
    assert shelf.find("cellar") == {}


@pytest.mark.parametrize("first", [0, 5], ids=["at its offset", "behind it"])
def test_a_message_that_is_replaced_between_listing_and_reading_is_left_to_the_next_sync(first: int) -> None:
    with hostile(spoken(batch_of(0, ("a.txt", "one")))) as server, closing(opened(server.port, "share")) as source:
        (file,) = source.survey().files
    after = hostile(spoken(batch_of(first, ("a.txt", "two")), end=first + 1, first=first))
    with after as server, closing(opened(server.port, "share")) as moved:
        assert isinstance(source, kafka.Topic)
        assert isinstance(moved, kafka.Topic)
        moved.survey()
        moved._entries = source._entries
        with pytest.raises(FileUnavailable, match="next sync"):
            moved.read(file, 100)


def test_what_retention_took_is_gone_and_what_was_aborted_never_was() -> None:
    data = (
        batch_of(10, ("kept.txt", "one"), ("dropped.txt", None), last=15)
        + batch_of(16, ("aborted.txt", "no"), attributes=0x10, producer=7)
        + batch_of(17, ("committed.txt", "yes"), attributes=0x10, producer=8)
        + marker(18, 7, is_abort=True)
        + marker(19, 8, is_abort=False)
        + batch_of(20, ("later.txt", "yes"), attributes=0x10, producer=7)
        + marker(21, 7, is_abort=False)
    )
    with hostile(spoken(data, end=22, first=10, aborted=[(7, 16)])) as server:
        assert places(opened(server.port, "share")) == ["kept.txt", "committed.txt", "later.txt"]


def test_nothing_is_written_to_the_broker() -> None:
    """What is asked for is a description that makes no topic, two offsets and messages that are committed."""
    with hostile(spoken(batch_of(0, ("a.txt", "one")))) as server, closing(opened(server.port, "share")) as source:
        (file,) = source.survey().files
        source.read(file, 100)
        metadata, *offsets, listing, reading = server.requests
    assert [int.from_bytes(request[4:6], "big") for request in server.requests] == [3, 2, 2, 1, 1]
    assert metadata.endswith(b"\x00\x05share\x00"), "no topic is made"
    head, committed_alone = 22, 1
    assert {request[head + 4] for request in offsets} == {committed_alone}
    assert {request[head + 16] for request in (listing, reading)} == {committed_alone}


def test_a_topic_over_the_bounds_is_refused_whole_and_nothing_is_lost(
    shelf: Shelf, running: TopicServer, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(shelf, opened(running.port, topic))
    for bound, value in (("KEYS_MAX", 2), ("LISTING_BYTES_MAX", 100)):
        with monkeypatch.context() as patched:
            patched.setattr(kafka, bound, value)
            with pytest.raises(SourceUnavailable, match="divide it"):
                sync(shelf, opened(running.port, topic))
    assert shelf.documents.counts(shelf.collection_id)[0] == 3


def test_a_gone_topic_and_a_gone_server_are_said(running: TopicServer, topic: str) -> None:
    cases = {
        "no such topic": opened(running.port, "absent"),
        "cannot be reached": opened(1, topic),
    }
    for sentence, source in cases.items():
        with closing(source), pytest.raises(SourceUnavailable, match=sentence):
            source.survey()
    with pytest.raises(SourceUnavailable, match="no such topic"):
        opened(running.port, "absent").survey()  # asking made none


@pytest.mark.parametrize(
    ("offered", "sent_password"),
    [(("SCRAM-SHA-512", "PLAIN"), False), (("SCRAM-SHA-256", "PLAIN"), False), (("PLAIN",), True)],
)
def test_the_strongest_sign_in_that_is_offered_is_taken(
    running: TopicServer, topic: str, tmp_path: Path, offered: tuple[str, ...], sent_password: bool
) -> None:
    certificate = made_certificate(tmp_path)
    with front(running.port, *offered, certificate=certificate) as before:
        found = places(opened(before.port, topic, PASSWORD, "kafkas", ca_file=str(certificate[0])))
        assert "apples.txt" in found
        assert (PASSWORD.encode() in b"".join(before.heard)) == sent_password
        wrong = opened(before.port, topic, "wrong", "kafkas", ca_file=str(certificate[0]))
        with closing(wrong), pytest.raises(SourceUnavailable, match="refuses these credentials"):
            wrong.survey()


def test_a_mechanism_that_is_named_is_the_only_one(running: TopicServer, topic: str) -> None:
    with front(running.port, "PLAIN") as before:
        source = opened(before.port, topic, PASSWORD, mechanism="SCRAM-SHA-256")
        with closing(source), pytest.raises(SourceUnavailable, match="signs nobody in by SCRAM-SHA-256"):
            source.survey()
        assert before.heard == []
    with front(running.port, "PLAIN", "SCRAM-SHA-256") as before:
        assert places(opened(before.port, topic, PASSWORD, mechanism="PLAIN"))


def test_a_certificate_that_is_not_trusted_and_a_line_that_is_no_tls_are_said(
    running: TopicServer, topic: str, tmp_path: Path
) -> None:
    with front(running.port, certificate=made_certificate(tmp_path)) as before:
        for port, sentence in ((before.port, "not trusted"), (running.port, "broke off")):
            source = opened(port, topic, scheme="kafkas")
            with closing(source), pytest.raises(SourceUnavailable, match=sentence):
                source.survey()
        with closing(opened(before.port, topic)) as source, pytest.raises(SourceUnavailable, match="wants TLS"):
            source.survey()


def test_the_version_of_a_message_is_a_digest_of_its_content() -> None:
    with hostile(spoken(batch_of(0, ("a.txt", "one")))) as server, closing(opened(server.port, "share")) as source:
        (file,) = source.survey().files
    assert file == FoundFile(file.path, "a.txt", "a.txt", version=hashlib.sha256(b"one").hexdigest(), size=3)


@pytest.mark.parametrize(
    ("address", "options", "user", "sentence"),
    [
        ("kafkas://broker.example/notes", {}, "", "egress.allowed"),
        ("kafka://listed.example:9093/notes", {}, "", "readable on its way"),
        ("kafkas://listed.example/", {}, "", "HOST:PORT/TOPIC"),
        ("kafkas://listed.example/a/b", {}, "", "HOST:PORT/TOPIC"),
        ("kafkas://listed.example/..", {}, "", "HOST:PORT/TOPIC"),
        ("kafkas://listed.example/a%20b", {}, "", "HOST:PORT/TOPIC"),
        ("kafkas://bot:pass@listed.example/notes", {}, "", "--secret-file"),
        ("https://listed.example/notes", {}, "", "no address"),
        ("kafkas://listed.example/notes", {"branch": "main"}, "", "takes no branch"),
        ("kafkas://listed.example/notes", {"mechanism": "GSSAPI"}, USER, "a mechanism is"),
        ("kafkas://listed.example/notes", {"mechanism": "PLAIN"}, "", "goes with --user"),
        ("kafkas://listed.example/notes", {}, USER, ""),
    ],
)
def test_an_address_that_is_not_one_of_a_topic_is_refused(
    address: str, options: dict[str, str], user: str, sentence: str
) -> None:
    allowed = [parse_entry("listed.example:9093")]
    credentials = Credentials(user, Withheld(PASSWORD if user else ""))
    source = SourceRecord("1", SourceKind.KAFKA, address, credentials, options)
    if not sentence:
        check_source(source, allowed)
        return
    with pytest.raises(SourceRefused, match=sentence):
        check_source(source, allowed)


def test_half_a_sign_in_is_refused() -> None:
    for half in (Credentials(USER), Credentials("", Withheld(PASSWORD))):
        with pytest.raises(SourceRefused, match="or neither"):
            check_source(SourceRecord("1", SourceKind.KAFKA, "kafka://127.0.0.1/notes", half), [])
