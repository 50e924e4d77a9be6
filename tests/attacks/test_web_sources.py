"""Claim: a hostile bucket or website costs a bound and loses nothing, and hears no secret that it need not."""

import time
import zlib
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from rag.errors import SourceUnavailable
from rag.sources import s3, website
from rag.sources.opening import Surroundings, open_source
from rag.sources.patience import Patience
from rag.sources.record import SourceKind
from rag.sources.sitemap import unpacked
from tests.attacks.hostile import Talk, hostile
from tests.attacks.scan import word_needles
from tests.attacks.sourced import (
    HELD,
    SECONDS_MAX,
    SECRET,
    compressed,
    cut,
    denied,
    dripped_body,
    endless_head,
    entity_bomb,
    no_http,
    opened,
    record,
    renamed,
    sent_in,
    silence,
)
from tests.rag.conftest import Shelf, memory_dir, shelf  # noqa: F401 - fixtures


def keys(*names: str, more: str = "") -> bytes:
    listed = "".join(f"<Contents><Key>{name}</Key><ETag>2</ETag><Size>9</Size></Contents>" for name in names)
    body = f"<ListBucketResult>{more}{listed}</ListBucketResult>".encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def endless_pages(talk: Talk) -> None:
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>on</NextContinuationToken>"
    talk.say(keys(f"{len(talk.server.requests)}.txt", more=more))


def endless_page(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\n\r\n<ListBucketResult>")
    while True:
        talk.say(b"<Contents><Key>a</Key></Contents>" * 100)


def keys_without_names(talk: Talk) -> None:
    body = b"<ListBucketResult><Contents><ETag>2</ETag></Contents></ListBucketResult>"
    talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def truncated_for_ever(talk: Talk) -> None:
    talk.say(keys("a.txt", more="<IsTruncated>true</IsTruncated>"))


def endless_error(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 403 Forbidden\r\n\r\n<Error>")
    while True:
        talk.say(b"<Code>x</Code>" * 1000)


def bombed_error(talk: Talk) -> None:
    body = b'<!DOCTYPE d [<!ENTITY a "NoSuchBucket">]><Error><Code>&a;</Code></Error>'
    talk.say(b"HTTP/1.1 404 X\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


HOSTILE_BUCKETS = (
    *(endless_pages, endless_page, keys_without_names, truncated_for_ever, endless_error, bombed_error),
    *(endless_head, dripped_body, silence, entity_bomb, compressed, no_http, cut),
)


@pytest.mark.parametrize("answer", HOSTILE_BUCKETS, ids=lambda each: each.__name__)
@pytest.mark.usefixtures("short")
def test_a_hostile_bucket_costs_a_bound_and_loses_nothing(
    loaded: Shelf, answer: Callable[[Talk], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PAGES_MAX", 20)
    began = time.monotonic()
    with hostile(answer) as server, closing(opened(SourceKind.S3, server.port, loaded.memory)) as source:
        with suppress(SourceUnavailable):
            assert not source.survey().is_complete
        assert time.monotonic() - began < SECONDS_MAX
    assert server.sent < 20_000_000
    assert loaded.documents.counts(loaded.collection_id) == HELD


def test_keys_that_leave_the_prefix_are_left_out_and_forget_nothing(memory_dir: Path) -> None:  # noqa: F811
    def answer(talk: Talk) -> None:
        talk.say(keys("in/fine.txt", "other/secret.txt", "in/../up.txt", "in/.hidden"))

    with hostile(answer) as server:
        made = replace(record(SourceKind.S3, server.port), address=f"http://127.0.0.1:{server.port}/house/in/")
        with closing(open_source(made, Surroundings((), memory_dir, Patience()))) as source:
            found = source.survey()
    assert [file.place for file in found.files if not file.problem] == ["fine.txt"]
    assert not found.is_complete


def test_the_secret_of_a_bucket_is_sent_to_nobody_not_even_its_server(loaded: Shelf) -> None:
    with hostile(denied) as server, closing(opened(SourceKind.S3, server.port, loaded.memory)) as source:
        with pytest.raises(SourceUnavailable, match="refuses these credentials"):
            source.survey()
        (asked,) = server.requests
    assert b"authorization: AWS4-HMAC-SHA256 Credential=bot/" in asked
    assert [what for needle, what in word_needles([SECRET]).items() if needle in asked] == []


def pages(talk: Talk, *entries: str, root: str = "urlset", head: str = "") -> None:
    body = f"{head}<{root}>{''.join(entries)}</{root}>".encode()
    talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def page(talk: Talk, path: str, kind: str = "url") -> str:
    return f"<{kind}><loc>http://127.0.0.1:{talk.server.port}{path}</loc></{kind}>"


def endless_sitemap(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\n\r\n<urlset>")
    while True:
        talk.say(page(talk, "/x").encode() * 100)


def packed_bomb(talk: Talk) -> None:
    packer = zlib.compressobj(wbits=31)
    body = packer.compress(b"<urlset>") + packer.compress(b" " * 200_000_000) + packer.flush()
    assert len(body) < 1_000_000
    talk.say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def sitemaps_without_end(talk: Talk) -> None:
    number = len(talk.server.requests)
    more = (page(talk, f"/share/{number}-{each}.xml", "sitemap") for each in range(10))
    pages(talk, *more, root="sitemapindex")


def sitemap_bomb(talk: Talk) -> None:
    pages(talk, "<url><loc>&a;</loc></url>", head='<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/hostname">]>')


def long_address(talk: Talk) -> None:
    pages(talk, page(talk, "/" + "x" * 100_000))


def sent_round(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 301 X\r\nLocation: /share/%d\r\nContent-Length: 0\r\n\r\n" % len(talk.server.requests))


HOSTILE_SITEMAPS = (
    *(endless_sitemap, packed_bomb, sitemaps_without_end, sitemap_bomb, long_address, sent_round),
    *(endless_head, dripped_body, silence, no_http, cut),
)


@pytest.mark.parametrize("answer", HOSTILE_SITEMAPS, ids=lambda each: each.__name__)
@pytest.mark.usefixtures("short")
def test_a_hostile_sitemap_costs_a_bound_and_loses_nothing(
    loaded: Shelf, answer: Callable[[Talk], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(website, "SITEMAPS_MAX", 20)
    monkeypatch.setattr(website, "PAUSE_SECONDS", 0.001)
    began = time.monotonic()
    with hostile(answer) as server, closing(opened(SourceKind.SITEMAP, server.port, loaded.memory)) as source:
        with suppress(SourceUnavailable):
            assert not source.survey().is_complete
        assert time.monotonic() - began < SECONDS_MAX
        assert len(server.requests) <= 25
    assert server.sent < 20_000_000
    assert loaded.documents.counts(loaded.collection_id) == HELD


def test_a_sitemap_that_unpacks_to_more_than_its_bound_is_left_where_it_passes_it() -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b"<urlset>") + packer.compress(b" " * 50_000_000) + packer.flush()
    came: list[int] = []
    with pytest.raises(SourceUnavailable, match="divide it"):
        came.extend(len(part) for part in unpacked([packed], 1_000_000))
    assert 900_000 < sum(came) <= 1_000_000


@pytest.mark.usefixtures("short")
def test_a_website_that_does_not_tell_of_its_pages_is_not_waited_for_at_each(memory_dir: Path) -> None:  # noqa: F811
    def answer(talk: Talk) -> None:
        if talk.request.startswith(b"HEAD"):
            silence(talk)
        else:
            pages(talk, *(page(talk, f"/{number}") for number in range(1000)))

    began = time.monotonic()
    with hostile(answer) as server, closing(opened(SourceKind.SITEMAP, server.port, memory_dir)) as source:
        found = source.survey()
        server.stopped.set()
    assert (len(found.files), found.is_complete) == (1000, True)
    assert time.monotonic() - began < SECONDS_MAX


def test_credentials_of_a_website_follow_no_redirect(loaded: Shelf) -> None:
    with hostile(silence) as target:

        def answer(talk: Talk) -> None:
            if b" /share/ " in talk.request:
                pages(talk, page(talk, "/share/apples.txt"))
            else:
                where = f"http://127.0.0.1:{target.port}/x".encode()
                talk.say(b"HTTP/1.1 301 X\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % where)

        with hostile(answer) as server, closing(opened(SourceKind.SITEMAP, server.port, loaded.memory)) as source:
            (ended,) = list(loaded.loader.load(loaded.managing, renamed(source)))
            assert "sends elsewhere" in str(ended.reason)
            assert any(sent_in(server))
        assert target.requests == []
