"""A website on a real server comes into a collection by its sitemap, and stays in step with it."""

import gzip
import os
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from rag.errors import DocumentRejected, FileUnavailable, SourceRefused, SourceUnavailable
from rag.sources import website
from rag.sources.opening import Surroundings, check_source, open_source
from rag.sources.patience import FAILURES_MAX, Patience
from rag.sources.record import SourceKind, SourceRecord
from rag.sources.source import Source
from security.egress import parse_entry
from tests.rag.conftest import Shelf
from tests.rag.sources.intranet import Intranet, intranet
from tests.rag.sources.synced import noted_reads, sync

SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
LONG_AGO = "2025-03-04T10:00:00+01:00"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    page(folder, "apples.html", "Apples", "Apples ripen in the cellar.")
    page(folder, "guide/Été & hiver.html", "Pears", "Pears are picked early.")
    page(folder, "index.html", "Welcome", "Plums fall in August.")
    page(folder, "unlisted.html", "Secret", "Walnuts are not listed.")
    return folder


@pytest.fixture
def site(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Intranet]:
    monkeypatch.setattr(website, "PAUSE_SECONDS", 0.001)
    with intranet(root) as served:
        sitemap(root, served, "/", "/apples.html", "/guide/%C3%89t%C3%A9%20&amp;%20hiver.html#part")
        yield served


def page(folder: Path, name: str, title: str, text: str, age: float = 86400) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<!doctype html><html><head><title>{title}</title></head><body><p>{text}</p></body></html>")
    os.utime(path, (time.time() - age, time.time() - age))


def sitemap(folder: Path, served: Intranet, *pages: str, name: str = "sitemap.xml", **modified: str) -> None:
    entries = "".join(f"<url><loc>{served.origin}{each}</loc>{dated(each, modified)}</url>" for each in pages)
    (folder / name).write_text(f'<?xml version="1.0" encoding="UTF-8"?><urlset {SPACE}>{entries}</urlset>')


def dated(place: str, modified: dict[str, str]) -> str:
    name = place.strip("/").partition(".")[0]
    return f"<lastmod>{modified[name]}</lastmod>" if name in modified else ""


def opened(served: Intranet, path: str = "/sitemap.xml") -> Source:
    record = SourceRecord("1", SourceKind.SITEMAP, f"{served.origin}{path}")
    return open_source(record, Surroundings((), Path("/dev/shm"), Patience()))


def test_every_listed_page_comes_in_and_no_other(shelf: Shelf, site: Intranet) -> None:
    assert sync(shelf, opened(site)) == {
        "127.0.0.1": "indexed",
        "apples.html": "indexed",
        "guide/Été & hiver.html": "indexed",
    }
    assert set(shelf.find("picked")) == {"guide/Été & hiver.html"}
    assert shelf.find("walnuts") == {}


def test_pages_of_other_formats_are_told_by_their_content(shelf: Shelf, site: Intranet, root: Path) -> None:
    (root / "rules").write_bytes(b"{\\rtf1\\ansi Quinces are hard, and sour.\\par}")
    (root / "notes.txt").write_text("Medlars are eaten late.")
    sitemap(root, site, "/rules", "/notes.txt")
    assert set(sync(shelf, opened(site)).values()) == {"indexed"}
    assert set(shelf.find("quinces")) == {"rules"}


def test_what_is_unchanged_is_not_fetched_and_every_change_is_followed(
    shelf: Shelf, site: Intranet, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(shelf, opened(site))
    again = opened(site)
    fetched = noted_reads(again, monkeypatch)
    assert set(sync(shelf, again).values()) == {"unchanged"}
    assert fetched == []
    embedded = shelf.embedder.embedded
    (root / "apples.html").rename(root / "moved.html")
    sitemap(root, site, "/", "/moved.html")
    assert sync(shelf, opened(site))["moved.html"] == "indexed"
    assert shelf.embedder.embedded == embedded
    assert shelf.find("picked") == {}
    page(root, "moved.html", "Quinces", "Quinces are hard, and sour.", age=3600)
    sync(shelf, opened(site))
    assert set(shelf.find("quinces")) == {"moved.html"}


def test_the_date_of_the_sitemap_is_the_version_and_a_fresh_one_is_none(
    shelf: Shelf, site: Intranet, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = time.strftime("%Y-%m-%d", time.gmtime())
    sitemap(root, site, "/apples.html", "/index.html", apples=LONG_AGO, index=today)
    site.is_silent_on_head = True
    assert {file.place: file.version for file in opened(site).survey().files} == {
        "/apples.html": f"lastmod {LONG_AGO}",
        "/index.html": "",
    }
    sync(shelf, opened(site))
    page(root, "apples.html", "Quinces", "Quinces are hard, and sour.")
    again = opened(site)
    fetched = noted_reads(again, monkeypatch)
    assert set(sync(shelf, again).values()) == {"unchanged"}
    assert fetched == ["/index.html"]
    sitemap(root, site, "/apples.html", apples="2025-03-05")
    assert sync(shelf, opened(site)) == {"apples.html": "indexed"}


def test_an_index_and_gzipped_sitemaps_are_read_and_each_once(shelf: Shelf, site: Intranet, root: Path) -> None:
    sitemap(root, site, "/apples.html", name="one.xml")
    sitemap(root, site, "/index.html", name="two.xml")
    (root / "two.xml.gz").write_bytes(gzip.compress((root / "two.xml").read_bytes()))
    names = ("one.xml", "two.xml.gz", "one.xml", "index.xml")
    entries = "".join(f"<sitemap><loc>{site.origin}/{name}</loc></sitemap>" for name in names)
    (root / "index.xml").write_text(f"<sitemapindex {SPACE}>{entries}</sitemapindex>")
    assert sync(shelf, opened(site, "/index.xml")) == {"apples.html": "indexed", "index.html": "indexed"}
    assert site.asked.count("GET /one.xml") == 1
    assert site.asked.count("GET /index.xml") == 1
    (root / "one.xml").unlink()
    ended = sync(shelf, opened(site, "/index.xml"))
    assert ended == {"index.html": "unchanged", "one.xml": "rejected"}
    assert set(shelf.find("cellar")) == {"apples.html"}, "a sitemap that is not read forgets nothing"


def test_pages_of_other_servers_are_never_asked_for(shelf: Shelf, site: Intranet, root: Path, tmp_path: Path) -> None:
    with intranet(root) as other:
        elsewhere = f"<url><loc>{other.origin}/apples.html</loc></url>"
        for scheme in ("https", "ftp", "file", "javascript"):
            elsewhere += f"<url><loc>{scheme}://127.0.0.1:{site.port}/unlisted.html</loc></url>"
        elsewhere += f"<url><loc>http://a:b@127.0.0.1:{site.port}/unlisted.html</loc></url>"
        elsewhere += f"<url><loc>{site.origin}/guide/../unlisted.html</loc></url><url><loc>relative.html</loc></url>"
        (root / "sitemap.xml").write_text(f"<urlset {SPACE}>{elsewhere}</urlset>")
        with pytest.raises(SourceRefused, match="another server"):
            sync(shelf, opened(site))
        own = f"<url><loc>{site.origin}/apples.html</loc></url>"
        (root / "sitemap.xml").write_text(f"<urlset {SPACE}>{elsewhere}{own}</urlset>")
        assert sync(shelf, opened(site)) == {"apples.html": "indexed"}
        site.sent_on["/apples.html"] = (301, f"{other.origin}/apples.html")
        with pytest.raises(FileUnavailable, match="elsewhere"):
            opened(site).read(opened(site).survey().files[0], 1000)
        assert other.asked == []


def test_a_page_that_moved_for_good_is_followed_and_one_that_sends_to_sign_in_is_not(
    shelf: Shelf, site: Intranet, root: Path
) -> None:
    site.sent_on = {"/old.html": (308, "/older.html"), "/older.html": (301, f"{site.origin}/apples.html")}
    site.sent_on |= {"/closed.html": (302, "/index.html"), "/circle.html": (301, "/circle.html")}
    sitemap(root, site, "/old.html", "/closed.html", "/circle.html")
    assert sync(shelf, opened(site)) == {"old.html": "indexed", "closed.html": "rejected", "circle.html": "rejected"}
    assert set(shelf.find("cellar")) == {"old.html"}
    assert shelf.find("august") == {}


def test_many_dead_links_stop_nothing(shelf: Shelf, site: Intranet, root: Path) -> None:
    dead = [f"/a{number:02}.html" for number in range(2 * FAILURES_MAX)]
    sitemap(root, site, *dead, "/index.html")
    ended = sync(shelf, opened(site))
    assert (ended["index.html"], ended["a00.html"]) == ("indexed", "rejected")


def test_one_thing_is_asked_at_a_time_after_a_pause(
    shelf: Shelf, site: Intranet, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(website, "PAUSE_SECONDS", 0.1)
    for number in range(8):
        page(root, f"{number}.html", "x", f"Text {number}.")
    sitemap(root, site, *(f"/{number}.html" for number in range(8)), **{str(n): LONG_AGO for n in range(8)})
    sync(shelf, opened(site))
    assert len(site.asked) == 9
    assert min(after - before for before, after in pairwise(site.asked_at)) >= 0.099


def test_what_is_no_sitemap_and_a_server_that_is_gone_are_said_and_nothing_is_lost(
    shelf: Shelf, site: Intranet, root: Path
) -> None:
    sync(shelf, opened(site))
    with pytest.raises(SourceUnavailable, match="no sitemap"):
        sync(shelf, opened(site, "/apples.html"))
    with pytest.raises(SourceUnavailable, match="404"):
        sync(shelf, opened(site, "/absent.xml"))
    (root / "cut.xml.gz").write_bytes(gzip.compress((root / "sitemap.xml").read_bytes())[:-9])
    with pytest.raises(SourceUnavailable, match="no sitemap"):
        sync(shelf, opened(site, "/cut.xml.gz"))
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        sync(shelf, opened(Intranet(1)))
    assert shelf.documents.counts(shelf.collection_id)[0] == 3


def test_a_page_over_the_limit_is_refused(site: Intranet) -> None:
    source = opened(site)
    (apples,) = (file for file in source.survey().files if file.place == "/apples.html")
    size = len(source.read(apples, 10_000).data)
    with pytest.raises(DocumentRejected, match="split it"):
        source.read(apples, size - 1)


def test_an_address_that_is_not_listed_or_takes_another_option_is_refused() -> None:
    allowed = [parse_entry("listed.example:443")]
    good = SourceRecord("1", SourceKind.SITEMAP, "https://listed.example/sitemap.xml")
    check_source(good, allowed)
    for address in ("https://other.example/sitemap.xml", "http://listed.example:443/sitemap.xml"):
        with pytest.raises(SourceRefused):
            check_source(SourceRecord("1", SourceKind.SITEMAP, address), allowed)
    with pytest.raises(SourceRefused, match="takes no region"):
        check_source(SourceRecord("1", SourceKind.SITEMAP, good.address, options={"region": "x"}), allowed)
