"""A bucket on a real S3 server that checks signatures comes into a collection, and stays in step with it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rag.errors import DocumentRejected, SourceRefused, SourceUnavailable
from rag.sources import s3
from rag.sources.opening import Surroundings, check_source, open_source
from rag.sources.patience import Patience
from rag.sources.record import Credentials, SourceKind, SourceRecord
from rag.sources.signing import AccessKey, canonical_query, signed_headers
from rag.sources.source import Source
from security.egress import parse_entry
from security.withheld import Withheld
from tests.rag.conftest import Shelf
from tests.rag.sources.bucket import BUCKET, BucketServer, NoBucketServer, bucket_server
from tests.rag.sources.synced import noted_reads, sync

ODD = "contracts/Été & hiver/100% poires+prunes #1 ?x=y~(a)'\"\\.md"


@pytest.fixture(scope="module")
def running() -> Iterator[BucketServer]:
    try:
        with bucket_server() as server:
            yield server
    except NoBucketServer as error:
        pytest.skip(str(error))


@pytest.fixture
def server(running: BucketServer) -> Iterator[BucketServer]:
    running.do("put", "contracts/apples.txt", "Apples ripen in the cellar.")
    running.do("put", ODD, "# Pears\n\nPears are picked early.")
    running.do("put", "contracts/deep/er/plums.txt", "Plums fall in August.")
    running.do("put", "contracts/.hidden.txt", "Nobody reads this.")
    running.do("put", "contracts/deep/", "")
    running.do("put", "contracts-of-others/x.txt", "Not under the prefix.")
    yield running
    for source in listed(running):
        running.do("remove", source)


def listed(server: BucketServer) -> list[str]:
    with closing(opened(server, "")) as source:
        hidden = ["contracts/.hidden.txt", "contracts/deep/"]
        return [file.place for file in source.survey().files] + hidden


def record(server: BucketServer, path: str = "contracts/", key: tuple[str, str] | None = None) -> SourceRecord:
    name, secret = key or server.reader
    address = f"http://127.0.0.1:{server.port}/{BUCKET}/{path}"
    options = {"region": "eu-west-3"}
    return SourceRecord("1", SourceKind.S3, address, Credentials(name, Withheld(secret)), options)


def opened(server: BucketServer, path: str = "contracts/", key: tuple[str, str] | None = None) -> Source:
    return open_source(record(server, path, key), Surroundings((), Path("/dev/shm"), Patience()))


def test_everything_under_the_prefix_comes_in(shelf: Shelf, server: BucketServer) -> None:
    odd = ODD.removeprefix("contracts/")
    assert sync(shelf, opened(server)) == {"apples.txt": "indexed", odd: "indexed", "deep/er/plums.txt": "indexed"}
    assert set(shelf.find("picked")) == {odd}


def test_a_prefix_is_a_folder_whether_a_slash_ends_it_or_not(server: BucketServer) -> None:
    with closing(opened(server, "contracts")) as source:
        assert "apples.txt" in {file.place for file in source.survey().files}


def test_what_is_unchanged_is_not_fetched_and_every_change_is_followed(
    shelf: Shelf, server: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(shelf, opened(server))
    again = opened(server)
    fetched = noted_reads(again, monkeypatch)
    assert set(sync(shelf, again).values()) == {"unchanged"}
    assert fetched == []
    embedded = shelf.embedder.embedded
    server.do("move", "contracts/deep/er/plums.txt", "contracts/moved/plums.txt")
    server.do("remove", "contracts/apples.txt")
    assert sync(shelf, opened(server))["moved/plums.txt"] == "indexed"
    assert shelf.embedder.embedded == embedded
    assert shelf.find("cellar") == {}
    server.do("put", "contracts/moved/plums.txt", "Quinces are hard, and sour.")
    sync(shelf, opened(server))
    assert set(shelf.find("quinces")) == {"moved/plums.txt"}


def test_a_bucket_of_more_than_one_page_is_listed_whole(server: BucketServer) -> None:
    server.do("fill", "many/a & b ", "Number", 1100)
    with closing(opened(server, "many/")) as source:
        found = source.survey()
        assert found.is_complete
        assert [file.place for file in found.files] == [f"a & b {number:05}.txt" for number in range(1100)]
        assert source.read(found.files[1042], 100).data == b"Number 1042"


def test_a_source_over_the_bound_says_so_and_forgets_nothing(
    server: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PAGE_KEYS", 2)
    monkeypatch.setattr(s3, "FILES_MAX", 2)
    with closing(opened(server, "")) as source:
        found = source.survey()
    assert not found.is_complete
    assert any("divide it" in str(file.problem) for file in found.files)


def test_keys_that_no_path_has_are_told_and_never_asked_for(shelf: Shelf, server: BucketServer) -> None:
    server.do("put", "contracts/../outside.txt", "Outside.")
    server.do("put", "contracts//empty.txt", "Empty.")
    server.do("put", "contracts/a/./b.txt", "Dot.")
    ended = sync(shelf, opened(server))
    assert {doc for doc, state in ended.items() if state == "rejected"} == {"../outside.txt", "/empty.txt", "a/./b.txt"}
    assert shelf.find("outside") == {}
    server.do("remove", "contracts/apples.txt")
    sync(shelf, opened(server))
    assert shelf.find("cellar") == {}, "a key that is told keeps nothing else from being forgotten"


def test_wrong_keys_a_gone_bucket_and_a_gone_server_are_said_and_nothing_is_lost(
    shelf: Shelf, server: BucketServer
) -> None:
    sync(shelf, opened(server))
    wrong = (server.reader[0], "wrong")
    cases = {
        "refuses these credentials": opened(server, key=wrong),
        "give it the rights": opened(server, key=server.nobody),
        "no such bucket": open_source(elsewhere(server, f"{server.port}/gone/"), surroundings()),
        "cannot be reached": open_source(elsewhere(server, f"1/{BUCKET}/"), surroundings()),
    }
    for sentence, source in cases.items():
        with pytest.raises(SourceUnavailable, match=sentence):
            sync(shelf, source)
    assert shelf.documents.counts(shelf.collection_id)[0] == 3


def elsewhere(server: BucketServer, where: str) -> SourceRecord:
    credentials = Credentials(server.reader[0], Withheld(server.reader[1]))
    return SourceRecord("1", SourceKind.S3, f"http://127.0.0.1:{where}", credentials)


def surroundings() -> Surroundings:
    return Surroundings((), Path("/dev/shm"), Patience())


def test_an_object_over_the_limit_is_refused_without_being_asked_for(server: BucketServer) -> None:
    server.do("put", "contracts/large.txt", "x" * 5000)
    with closing(opened(server)) as source:
        (large,) = (file for file in source.survey().files if file.place == "large.txt")
        assert len(source.read(large, 5000).data) == 5000
        source.close()
        with pytest.raises(DocumentRejected, match="split it"):
            source.read(large, 4999)


def test_the_environment_of_amazons_programs_is_not_looked_at(
    server: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.setenv(name, "another")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with closing(opened(server)) as source:
        assert source.survey().files


def test_a_signature_is_that_of_amazons_own_example() -> None:
    """The `GET Bucket (List Objects)` of the page that `signing` names, with its host, key and date."""
    key = AccessKey("AKIAIOSFODNN7EXAMPLE", Withheld("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), "us-east-1")
    query = canonical_query({"prefix": "J", "max-keys": "2"})
    at = datetime(2013, 5, 24, tzinfo=UTC)
    made = signed_headers("GET", "examplebucket.s3.amazonaws.com", "/", query, key, at)
    signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    assert made["authorization"].endswith(f"Signature={signature}")
    assert "wJalr" not in repr(key)
    later = signed_headers("GET", "examplebucket.s3.amazonaws.com", "/", query, key, at + timedelta(seconds=1))
    assert later["authorization"] != made["authorization"]


@pytest.mark.parametrize(
    ("address", "options", "sentence"),
    [
        ("https://s3.example/house/", {}, "egress.allowed"),
        ("http://listed.example:443/house/", {}, "readable on its way"),
        ("https://listed.example/", {}, "HOST/BUCKET"),
        ("https://listed.example/a%2fb/", {}, "HOST/BUCKET"),
        ("https://listed.example/house/../x/", {}, "straight"),
        ("s3://house/", {}, "no address"),
        ("https://listed.example/house/", {"region": "eu/1"}, "region"),
        ("https://listed.example/house/", {"branch": "main"}, "takes no branch"),
    ],
)
def test_an_address_that_is_not_one_of_a_bucket_is_refused(
    address: str, options: dict[str, str], sentence: str
) -> None:
    allowed = [parse_entry("listed.example:443")]
    credentials = Credentials("key", Withheld("secret"))
    with pytest.raises(SourceRefused, match=sentence):
        check_source(SourceRecord("1", SourceKind.S3, address, credentials, options), allowed)
    check_source(SourceRecord("1", SourceKind.S3, "https://listed.example/house/", credentials), allowed)
    with pytest.raises(SourceRefused, match="--secret-file"):
        check_source(SourceRecord("1", SourceKind.S3, "https://listed.example/house/"), allowed)
