"""Data out of a package of the distribution: fetched by apt, opened, never installed."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from models import debian
from models.catalogue import DebianPackage
from models.debian import fetch_package
from models.errors import SourceFailed
from tests.models.small import entry_for

PACKAGE = DebianPackage("data-of-ours")
pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="no dpkg on this machine")


def built(folder: Path, name: str, content: bytes) -> Path:
    """A real package that holds one file."""
    root = folder / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "usr" / "share" / "data").mkdir(parents=True)
    (root / "usr" / "share" / "data" / name).write_bytes(content)
    control = "Package: data-of-ours\nVersion: 1\nArchitecture: all\nMaintainer: us\nDescription: data\n"
    (root / "DEBIAN" / "control").write_text(control)
    package = folder / "data-of-ours_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, package], check=True, stdout=subprocess.DEVNULL)
    return package


@pytest.fixture
def apt(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Sequence[str]], Path | None]], list[list[str]]]:
    """Puts a stand-in for the network in apt's place: it answers `download`, and says what was asked of it."""

    def stand_in(give: Callable[[Sequence[str]], Path | None]) -> list[list[str]]:
        asked: list[list[str]] = []
        whole = debian._run

        def run(command: Sequence[str], folder: Path) -> bool:
            if command[0] != "apt-get":
                return whole(command, folder)
            asked.append(list(command))
            found = give(command) if "download" in command else None
            if found:
                shutil.copy(found, folder)
            return "update" in command or found is not None

        monkeypatch.setattr(debian, "_run", run)
        monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/it")
        return asked

    return stand_in


def fetch(folder: Path, content: bytes = b"data") -> Path:
    entry = entry_for(content)
    target = folder / f"{entry.file}.partial"
    fetch_package(PACKAGE, entry, target, lambda _: None)
    return target


def test_the_file_is_taken_out_and_nothing_else_is_left(
    tmp_path: Path, apt: Callable[[Callable[[Sequence[str]], Path | None]], list[list[str]]]
) -> None:
    package = built(tmp_path / "made", entry_for(b"data").file, b"data")
    asked = apt(lambda _: package)
    models = tmp_path / "models"
    models.mkdir()
    assert fetch(models).read_bytes() == b"data"
    assert [path.name for path in models.iterdir()] == [f"{entry_for(b'data').file}.partial"]
    assert asked == [["apt-get", "download", "data-of-ours"]]


def test_where_the_lists_are_missing_fresh_ones_are_kept_apart(
    tmp_path: Path, apt: Callable[[Callable[[Sequence[str]], Path | None]], list[list[str]]]
) -> None:
    package = built(tmp_path / "made", entry_for(b"data").file, b"data")
    asked = apt(lambda command: package if "-o" in command else None)
    models = tmp_path / "models"
    models.mkdir()
    assert fetch(models).read_bytes() == b"data"
    assert ["update" in command for command in asked] == [False, True, False]
    assert all(f"Dir::State::lists={models}" in " ".join(command) for command in asked[1:])


@pytest.mark.parametrize(
    ("holds", "complaint"), [(None, "apt cannot fetch it"), ("other", "has no .*; the catalogue is wrong")]
)
def test_what_apt_does_not_give_is_said(
    tmp_path: Path,
    apt: Callable[[Callable[[Sequence[str]], Path | None]], list[list[str]]],
    holds: str | None,
    complaint: str,
) -> None:
    package = built(tmp_path / "made", holds, b"data") if holds else None
    apt(lambda _: package)
    with pytest.raises(SourceFailed, match=complaint):
        fetch(tmp_path)


def test_a_machine_without_apt_is_told_from_one_without_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(SourceFailed, match="no apt on this machine"):
        fetch(tmp_path)
