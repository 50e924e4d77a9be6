"""A Git repository comes into a collection: from this machine, from `git daemon`, and over HTTP with credentials."""

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from rag.errors import DocumentRejected, SourceRefused, SourceUnavailable
from rag.sources.opening import Surroundings, check_source, open_source
from rag.sources.patience import Patience
from rag.sources.record import Credentials, SourceKind, SourceRecord
from rag.sources.source import Source
from security.egress import parse_entry
from security.withheld import Withheld
from tests.rag.conftest import Shelf
from tests.rag.sources.servers import PASSWORD, USER, git_daemon, git_over_http


def git(folder: Path, *arguments: str) -> None:
    settings = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    (root / "sub").mkdir(parents=True)
    (root / "apples.txt").write_text("Apples ripen in the cellar.")
    (root / "sub" / "Été.md").write_text("# Pears\n\nPears are picked early.")
    (root / ".hidden.txt").write_text("Nobody reads this.")
    git(root, "init", "-q")
    commit(root)
    return root


def opened(address: str, memory: Path, secret: str = "", **options: str) -> Source:
    record = SourceRecord("1", SourceKind.GIT, address, Credentials(USER if secret else "", Withheld(secret)), options)
    return open_source(record, Surroundings((), memory, Patience()))


def sync(shelf: Shelf, source: Source) -> dict[str, str]:
    with closing(source):
        return {file.doc: file.state.value for file in shelf.loader.load(shelf.managing, source)}


def test_the_newest_commit_comes_in_and_every_change_is_followed(shelf: Shelf, work: Path) -> None:
    address = f"file://{work}"
    assert sync(shelf, opened(address, shelf.memory)) == {"apples.txt": "indexed", "sub/Été.md": "indexed"}
    embedded = shelf.embedder.embedded
    git(work, "mv", "sub/Été.md", "moved.md")
    git(work, "rm", "-q", "apples.txt")
    commit(work)
    assert sync(shelf, opened(address, shelf.memory)) == {"moved.md": "indexed"}
    assert (shelf.embedder.embedded, shelf.find("cellar")) == (embedded, {})
    (work / "moved.md").write_text("Quinces are hard.")
    commit(work)
    sync(shelf, opened(address, shelf.memory))
    assert set(shelf.find("quinces")) == {"moved.md"}
    assert [path.name for path in shelf.memory.iterdir()] == ["index"]


def test_an_unchanged_blob_is_not_read(shelf: Shelf, work: Path) -> None:
    sync(shelf, opened(f"file://{work}", shelf.memory))
    source = opened(f"file://{work}", shelf.memory)
    source.read = lambda *_: pytest.fail("it was read")  # type: ignore[method-assign]
    assert set(sync(shelf, source).values()) == {"unchanged"}


def test_a_branch_is_chosen_by_name(shelf: Shelf, work: Path) -> None:
    git(work, "checkout", "-qb", "drafts/2026")
    (work / "draft.txt").write_text("A draft about plums.")
    commit(work)
    git(work, "checkout", "-q", "main")
    assert "draft.txt" not in sync(shelf, opened(f"file://{work}", shelf.memory))
    assert "draft.txt" in sync(shelf, opened(f"file://{work}", shelf.memory, branch="drafts/2026"))
    with pytest.raises(SourceUnavailable, match="no such branch"):
        sync(shelf, opened(f"file://{work}", shelf.memory, branch="absent"))


def test_links_are_told_and_not_followed(shelf: Shelf, work: Path) -> None:
    (work / "link.txt").symlink_to("/etc/hostname")
    commit(work)
    with closing(opened(f"file://{work}", shelf.memory)) as source:
        (link,) = [file for file in source.survey().files if file.place == "link.txt"]
    assert "symbolic link" in str(link.problem)


def test_a_blob_over_the_limit_is_refused(work: Path, memory_dir: Path) -> None:
    with closing(opened(f"file://{work}", memory_dir)) as source:
        apples = next(file for file in source.survey().files if file.place == "apples.txt")
        assert source.read(apples, apples.size).data == b"Apples ripen in the cellar."
        with pytest.raises(DocumentRejected, match="split it"):
            source.read(apples, apples.size - 1)


def test_a_repository_is_fetched_from_a_server(shelf: Shelf, work: Path) -> None:
    with git_daemon(work.parent) as port:
        ended = sync(shelf, opened(f"git://127.0.0.1:{port}/work", shelf.memory))
    assert ended == {"apples.txt": "indexed", "sub/Été.md": "indexed"}


def test_credentials_reach_the_server_over_http_and_wrong_ones_are_said(shelf: Shelf, work: Path) -> None:
    with git_over_http(work.parent) as port:
        address = f"http://127.0.0.1:{port}/work/.git"
        assert set(sync(shelf, opened(address, shelf.memory, PASSWORD))) == {"apples.txt", "sub/Été.md"}
        with pytest.raises(SourceUnavailable, match="refuses these credentials"):
            sync(shelf, opened(address, shelf.memory, "wrong"))
        with pytest.raises(SourceUnavailable, match="credentials"):
            sync(shelf, opened(address, shelf.memory))
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        sync(shelf, opened(address, shelf.memory, PASSWORD))
    assert shelf.documents.counts(shelf.collection_id)[0] == 2


@pytest.mark.parametrize(
    ("address", "branch", "sentence"),
    [
        ("https://git.example/x.git", "", "egress.allowed"),
        ("http://listed.example:443/x.git", "", "readable on its way"),
        ("git://listed.example:443/x.git", "", "readable on its way"),
        ("ssh://listed.example/x.git", "", "no address"),
        ("ext::sh -c id", "", "no address"),
        ("--upload-pack=id", "", "no address"),
        ("file://relative", "", "its/whole/path"),
        ("https://bot:pass@listed.example/x.git", "", "--secret-file"),
        ("https://listed.example/x.git", "--upload-pack=id", "branch"),
        ("https://listed.example/x.git", "a:b", "branch"),
        ("https://listed.example/x.git", "../x", "branch"),
    ],
)
def test_what_is_not_listed_or_could_steer_git_is_refused(address: str, branch: str, sentence: str) -> None:
    options = {"branch": branch} if branch else {}
    with pytest.raises(SourceRefused, match=sentence):
        check_source(SourceRecord("1", SourceKind.GIT, address, options=options), [parse_entry("listed.example:443")])
