"""A file whose version is what it was is not even opened; the content decides about every other one."""

import os
from pathlib import Path

import pytest

from rag import folders
from rag.errors import FileUnavailable
from rag.folders import FileContent, FoundFile, Survey, shown_name
from rag.personal.policy import Policy
from tests.postgresql import ON_BOTH_DATABASES
from tests.rag.conftest import Shelf


class Twin:
    """A whole source in a dictionary: place to (version, text). Counts what it gives, and breaks where it is told."""

    def __init__(self, **texts: str) -> None:
        self.files = {name: ("1", text) for name, text in texts.items()}
        self.is_complete = True
        self.read_names: list[str] = []
        self.broken: set[str] = set()

    def survey(self) -> Survey:
        files = [
            FoundFile(folders.ELSEWHERE, name, shown_name(f"{name}.txt"), version=version)
            for name, (version, _) in self.files.items()
        ]
        return Survey("twin://house", tuple(files), self.is_complete)

    def read(self, file: FoundFile, bytes_max: int) -> FileContent:
        self.read_names.append(file.place)
        if file.place in self.broken:
            raise FileUnavailable("the server does not answer")
        return FileContent(self.files[file.place][1].encode()[:bytes_max], None)

    def close(self) -> None:
        pass


def sync(shelf: Shelf, twin: Twin) -> dict[str, str]:
    twin.read_names = []
    return {file.doc: file.state.value for file in shelf.loader.load(shelf.managing, twin)}


@pytest.fixture
def twin() -> Twin:
    return Twin(apples="Apples ripen in the cellar.", pears="Pears are picked early.")


@ON_BOTH_DATABASES
def test_an_unchanged_version_is_not_fetched(shelf: Shelf, twin: Twin) -> None:
    assert sync(shelf, twin) == {"apples.txt": "indexed", "pears.txt": "indexed"}
    assert sync(shelf, twin) == {"apples.txt": "unchanged", "pears.txt": "unchanged"}
    assert twin.read_names == []


def test_another_version_of_the_same_content_is_fetched_once_and_not_embedded(shelf: Shelf, twin: Twin) -> None:
    sync(shelf, twin)
    embedded = shelf.embedder.embedded
    twin.files["pears"] = ("2", twin.files["pears"][1])
    assert sync(shelf, twin)["pears.txt"] == "unchanged"
    assert twin.read_names == ["pears"]
    sync(shelf, twin)
    assert (twin.read_names, shelf.embedder.embedded) == ([], embedded)


def test_another_version_of_other_content_replaces_it(shelf: Shelf, twin: Twin) -> None:
    sync(shelf, twin)
    twin.files["pears"] = ("2", "Quinces are hard.")
    assert sync(shelf, twin) == {"apples.txt": "unchanged", "pears.txt": "indexed"}
    assert set(shelf.find("quinces")) == {"pears.txt"}
    assert shelf.find("picked") == {}


def test_a_moved_file_brings_its_version_along(shelf: Shelf, twin: Twin) -> None:
    sync(shelf, twin)
    embedded = shelf.embedder.embedded
    twin.files["quinces"] = twin.files.pop("pears")
    sync(shelf, twin)
    sync(shelf, twin)
    assert (twin.read_names, shelf.embedder.embedded) == ([], embedded)
    assert set(shelf.find("picked")) == {"quinces.txt"}


def test_a_version_of_one_file_says_nothing_of_another_at_its_place(shelf: Shelf, twin: Twin) -> None:
    sync(shelf, twin)
    twin.files["apples"], twin.files["pears"] = ("7", twin.files["pears"][1]), ("7", twin.files["apples"][1])
    sync(shelf, twin)
    assert set(shelf.find("cellar")) == {"pears.txt"}


def test_what_is_not_listed_by_a_listing_that_failed_is_kept(shelf: Shelf, twin: Twin) -> None:
    sync(shelf, twin)
    del twin.files["pears"]
    twin.is_complete = False
    sync(shelf, twin)
    assert set(shelf.find("picked")) == {"pears.txt"}
    twin.is_complete = True
    sync(shelf, twin)
    assert shelf.find("picked") == {}


def test_a_file_that_cannot_be_fetched_keeps_its_earlier_version_and_is_asked_for_again(
    shelf: Shelf, twin: Twin
) -> None:
    sync(shelf, twin)
    twin.files["pears"] = ("2", "Quinces are hard.")
    twin.broken = {"pears"}
    assert sync(shelf, twin)["pears.txt"] == "rejected"
    assert set(shelf.find("picked")) == {"pears.txt"}
    twin.broken = set()
    assert sync(shelf, twin)["pears.txt"] == "indexed"


def test_a_collection_that_refuses_personal_data_looks_at_unchanged_files_too(shelf: Shelf, twin: Twin) -> None:
    twin.files["apples"] = ("1", "Write to ada@example.com about apples.")
    sync(shelf, twin)
    shelf.documents.decide(shelf.managing, Policy.REFUSE)
    assert sync(shelf, twin) == {"apples.txt": "rejected", "pears.txt": "unchanged"}
    assert twin.read_names == ["apples"]


def test_files_of_a_folder_that_are_at_rest_are_not_opened_again(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "documents"
    root.mkdir()
    (root / "apples.txt").write_text("Apples ripen in the cellar.")
    monkeypatch.setattr(folders, "SETTLED_SECONDS", 0.0)
    shelf.load(root)
    monkeypatch.setattr("rag.preparing.read_file", lambda *_: pytest.fail("it was opened"))
    assert shelf.states(root) == {"apples.txt": "unchanged"}


def test_a_file_of_the_same_size_and_date_is_seen_to_have_changed(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "documents"
    root.mkdir()
    (root / "apples.txt").write_text("Apples ripen.")
    os.utime(root / "apples.txt", (1_700_000_000, 1_700_000_000))
    monkeypatch.setattr(folders, "SETTLED_SECONDS", 0.0)
    shelf.load(root)
    (root / "apples.txt").write_text("Apples rot. .")
    os.utime(root / "apples.txt", (1_700_000_000, 1_700_000_000))
    assert shelf.states(root) == {"apples.txt": "indexed"}


def test_a_file_that_changed_a_moment_ago_has_no_version(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    assert [file.version for file in folders.survey(tmp_path).files] == [""]
