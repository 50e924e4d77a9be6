"""A WebDAV folder on a real server (WsgiDAV) comes into a collection, and stays in step with it."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rag.errors import SourceRefused, SourceUnavailable
from rag.sources.opening import Surroundings, check_source, open_source
from rag.sources.patience import Patience
from rag.sources.record import Credentials, SourceKind, SourceRecord
from rag.sources.source import Source
from security.egress import parse_entry
from security.withheld import Withheld
from tests.rag.conftest import Shelf
from tests.rag.sources.servers import PASSWORD, USER, made_certificate, webdav
from tests.rag.sources.synced import noted_reads

Open = Callable[..., Source]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "share"
    (root / "Été & hiver" / "deep").mkdir(parents=True)
    (root / "apples.txt").write_text("Apples ripen in the cellar.")
    (root / "Été & hiver" / "100% poires #1.md").write_text("# Pears\n\nPears are picked early.")
    (root / "Été & hiver" / "deep" / "plums.txt").write_text("Plums fall in August.")
    (root / ".hidden.txt").write_text("Nobody reads this.")
    return root


def record(address: str, password: str = PASSWORD, **options: str) -> SourceRecord:
    return SourceRecord("1", SourceKind.WEBDAV, address, Credentials(USER, Withheld(password)), options)


def opened(source: SourceRecord, tmp_path: Path, *allowed: str) -> Source:
    return open_source(source, Surroundings(tuple(map(parse_entry, allowed)), tmp_path, Patience()))


@pytest.fixture
def share(folder: Path, tmp_path: Path) -> Iterator[Source]:
    with webdav(folder) as port, closing(opened(record(f"http://127.0.0.1:{port}/"), tmp_path)) as source:
        yield source


def sync(shelf: Shelf, source: Source) -> dict[str, str]:
    return {file.doc: file.state.value for file in shelf.loader.load(shelf.managing, source)}


def test_everything_below_the_folder_comes_in(shelf: Shelf, share: Source) -> None:
    assert sync(shelf, share) == {
        "apples.txt": "indexed",
        "Été & hiver/100% poires #1.md": "indexed",
        "Été & hiver/deep/plums.txt": "indexed",
    }
    assert set(shelf.find("picked")) == {"Été & hiver/100% poires #1.md"}


def test_what_is_unchanged_is_not_fetched_and_every_change_is_followed(
    shelf: Shelf, share: Source, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(shelf, share)
    fetched = noted_reads(share, monkeypatch)
    assert set(sync(shelf, share).values()) == {"unchanged"}
    assert fetched == []
    embedded = shelf.embedder.embedded
    (folder / "Été & hiver" / "deep").rename(folder / "moved")
    (folder / "apples.txt").unlink()
    assert sync(shelf, share)["moved/plums.txt"] == "indexed"
    assert shelf.embedder.embedded == embedded
    assert shelf.find("cellar") == {}
    (folder / "moved" / "plums.txt").write_text("Quinces are hard, and sour.")
    sync(shelf, share)
    assert set(shelf.find("quinces")) == {"moved/plums.txt"}


def test_a_folder_of_a_share_is_a_source_of_its_own(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    with (
        webdav(folder) as port,
        closing(opened(record(f"http://127.0.0.1:{port}/%C3%89t%C3%A9%20%26%20hiver"), tmp_path)) as source,
    ):
        assert set(sync(shelf, source)) == {"100% poires #1.md", "deep/plums.txt"}


def test_a_folder_without_rights_is_told_and_nothing_of_it_is_forgotten(
    shelf: Shelf, share: Source, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(shelf, share)
    (folder / "apples.txt").unlink()
    whole = share._http.answer  # type: ignore[attr-defined]  # the server runs as root here, and is refused nothing

    def refused(method: str, path: str, *rest: object) -> object:
        if method == "PROPFIND" and path.endswith("deep/"):
            raise SourceUnavailable("the server answers 403")
        return whole(method, path, *rest)

    monkeypatch.setattr(share._http, "answer", refused)  # type: ignore[attr-defined]
    ended = sync(shelf, share)
    assert ended["Été & hiver/deep/"] == "rejected"
    assert set(shelf.find("plums")) == {"Été & hiver/deep/plums.txt"}
    assert set(shelf.find("cellar")) == {"apples.txt"}


def test_a_wrong_password_and_a_server_that_is_gone_are_said_and_nothing_is_lost(
    shelf: Shelf, folder: Path, tmp_path: Path
) -> None:
    with webdav(folder) as port:
        address = f"http://127.0.0.1:{port}/"
        with closing(opened(record(address), tmp_path)) as source:
            sync(shelf, source)
        with (
            closing(opened(record(address, "wrong"), tmp_path)) as source,
            pytest.raises(SourceUnavailable, match="refuses these credentials"),
        ):
            sync(shelf, source)
        with (
            closing(opened(record(f"{address}absent/"), tmp_path)) as source,
            pytest.raises(SourceUnavailable, match="404"),
        ):
            sync(shelf, source)
        with (
            closing(opened(record(f"{address}apples.txt"), tmp_path)) as source,
            pytest.raises(SourceUnavailable, match="address of a file"),
        ):
            sync(shelf, source)
    with (
        closing(opened(record(address), tmp_path)) as source,
        pytest.raises(SourceUnavailable, match="cannot be reached"),
    ):
        sync(shelf, source)
    assert shelf.documents.counts(shelf.collection_id)[0] == 3


def test_a_certificate_is_checked(shelf: Shelf, folder: Path, tmp_path: Path) -> None:
    certificate = made_certificate(tmp_path)
    with webdav(folder, certificate) as port:
        address = f"https://127.0.0.1:{port}/"
        with (
            closing(opened(record(address), tmp_path)) as source,
            pytest.raises(SourceUnavailable, match="not trusted"),
        ):
            sync(shelf, source)
        with closing(opened(record(address, ca_file=str(certificate[0])), tmp_path)) as source:
            assert len(sync(shelf, source)) == 3


def test_a_file_over_the_limit_is_refused(folder: Path, share: Source) -> None:
    os.truncate(folder / "apples.txt", 5000)
    (apples,) = (file for file in share.survey().files if file.place == "apples.txt")
    assert len(share.read(apples, 5000).data) == 5000
    with pytest.raises(Exception, match="split it"):
        share.read(apples, 4999)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("https://cloud.example/dav/", "egress.allowed"),
        ("https://10.0.0.9/dav/", "egress.allowed"),
        ("https://listed.example:8443/dav/", "egress.allowed"),
        ("http://listed.example:443/dav/", "readable on its way"),
        ("https://bot:pass@listed.example/dav/", "--secret-file"),
        ("https://listed.example/dav/?token=1", "no address"),
        ("https://listed.example/dav/../x/", "straight"),
        ("https://listed.example:99999/", "no address"),
        ("ftp://listed.example/", "no address"),
        ("https:///dav/", "no address"),
    ],
)
def test_an_address_that_is_not_listed_or_not_sealed_is_refused(address: str, sentence: str) -> None:
    with pytest.raises(SourceRefused, match=sentence):
        check_source(record(address), [parse_entry("listed.example:443")])
    check_source(record("https://listed.example/dav/"), [parse_entry("listed.example:443")])
