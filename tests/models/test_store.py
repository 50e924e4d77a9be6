"""Weights are checked byte by byte at every load, and a wrong one stops with what to do."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from models.catalogue import Catalogue, Hub, LocalFile, Task
from models.errors import WeightsCorrupt, WeightsMissing
from models.store import ModelStore, Status
from tests.models.small import entry_for, waiting_entry

HUB = Hub("https://hub.example/tiny.gguf")


def test_a_load_gets_the_path_of_the_right_file(tmp_path: Path) -> None:
    entry = entry_for(b"weights")
    (tmp_path / entry.file).write_bytes(b"weights")
    assert ModelStore(tmp_path, Catalogue((entry,))).path(entry) == tmp_path / entry.file


def test_one_changed_byte_stops_a_load_with_both_hashes_and_the_remedy(tmp_path: Path) -> None:
    entry = entry_for(b"weights", LocalFile(), HUB)
    path = tmp_path / entry.file
    path.write_bytes(b"weightz")
    found = hashlib.sha256(b"weightz").hexdigest()
    with pytest.raises(WeightsCorrupt) as refusal:
        ModelStore(tmp_path, Catalogue((entry,))).path(entry)
    assert str(refusal.value) == (
        f"weights {path}: sha256 {found}, expected {entry.sha256}; delete the file and run `huisclos models pull tiny`"
    )


def test_the_check_is_made_at_each_load(tmp_path: Path) -> None:
    entry = entry_for(b"weights")
    store = ModelStore(tmp_path, Catalogue((entry,)))
    (tmp_path / entry.file).write_bytes(b"weights")
    store.path(entry)
    (tmp_path / entry.file).write_bytes(b"weightz")
    with pytest.raises(WeightsCorrupt):
        store.path(entry)


def test_a_missing_file_is_told_how_to_get_it(tmp_path: Path) -> None:
    fetched, added = entry_for(b"x", LocalFile(), HUB, name="fetched"), waiting_entry("added")
    store = ModelStore(tmp_path, Catalogue((fetched, added)))
    assert store.status(fetched) is Status.MISSING
    with pytest.raises(WeightsMissing, match="run `huisclos models pull fetched`"):
        store.path(fetched)
    with pytest.raises(WeightsMissing, match="run `huisclos models add FILE added`"):
        store.path(added)


def test_a_file_whose_hash_nobody_recorded_is_not_loaded(tmp_path: Path) -> None:
    entry = waiting_entry()
    (tmp_path / entry.file).write_bytes(b"anything")
    with pytest.raises(WeightsMissing, match=r"no SHA-256 is recorded; run `huisclos models add .*tiny-q4\.gguf tiny`"):
        ModelStore(tmp_path, Catalogue((entry,))).path(entry)


def test_the_default_is_in_use_until_another_is_chosen(tmp_path: Path) -> None:
    first, second = entry_for(b"1", name="first"), replace(entry_for(b"2", name="second"), is_default=False)
    store = ModelStore(tmp_path, Catalogue((first, second)))
    assert store.chosen(Task.GENERATE) == first
    (tmp_path / "own.toml").write_text('[use]\ngenerate = "second"\n')
    assert store.chosen(Task.GENERATE) == second
    named = ModelStore(tmp_path, Catalogue((first, second)), named={Task.GENERATE: "first"})
    assert named.in_use(Task.GENERATE) == (first,)  # the settings go first
