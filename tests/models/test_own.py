"""What a models folder knows by itself survives being written and read, and is refused when it is wrong."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.catalogue import LocalFile, Task
from models.catalogue_file import toml_value
from models.errors import CatalogueWrong
from models.own import OwnCatalogue, read_own, write_own
from tests.models.small import entry_for

TINY = entry_for(b"weights", LocalFile())


def test_a_folder_without_own_catalogue_has_none(tmp_path: Path) -> None:
    assert read_own(tmp_path) == OwnCatalogue()


def test_a_choice_and_an_entry_are_read_back(tmp_path: Path) -> None:
    write_own(tmp_path, OwnCatalogue().adding(TINY).using(TINY))
    own = read_own(tmp_path)
    assert own.used == {Task.GENERATE: "tiny"}
    assert [(entry.name, entry.bytes, entry.sha256) for entry in own.entries] == [("tiny", 7, TINY.sha256)]


def test_an_entry_added_again_replaces_the_earlier_one() -> None:
    later = entry_for(b"later")
    assert OwnCatalogue().adding(TINY).adding(later).entries == (later,)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_written_as_valid_toml(text: str) -> None:
    assert tomllib.loads(f"x = {toml_value(text)}")["x"] == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[use]\nwrite = 'tiny'\n", "use: write = 'tiny', expected a model for one of generate, embed, rerank"),
        ("[use]\ngenerate = 3\n", "use: generate = 3"),
        ("use = 'tiny'\n", r"expected a \[use\] table"),
        ("[uses]\n", "uses is not known; remove it"),
        ("[use\n", "line 1"),
    ],
)
def test_a_wrong_own_catalogue_stops_with_the_file(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(CatalogueWrong, match=rf"own\.toml: .*{said}"):
        read_own(tmp_path)
