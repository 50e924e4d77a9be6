"""A load, a sync, a snapshot, a rotation, a shredding killed at any moment loses nothing that it told, and goes on."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.database import open_database
from rag.store.collections import CollectionStore
from security.errors import KeyMissing
from security.keyring import collection_owner
from security.keystore import create_keyring, open_keyring
from security.slots import KeyFile
from tests.rag.killing import FILES, KilledHouse, moments, name_of

KILLS = int(os.environ.get("HUISCLOS_TEST_KILLS", "3"))
"""Moments tried for each; a long run takes sixty, 300 in all."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[KilledHouse]:
    state, folder = tmp_path / "state", tmp_path / "documents"
    state.mkdir(mode=0o700)
    folder.mkdir()
    memory = Path(tempfile.mkdtemp(prefix="huisclos-test-", dir="/dev/shm"))
    engine = open_database(state / "truth.db")
    keyring = create_keyring(state, KeyFile(tmp_path / "root.key"))
    identifier = CollectionStore(engine, keyring).create("shelf")
    house = KilledHouse(state, tmp_path / "root.key", memory, folder, engine, identifier)
    house.write(0, FILES)
    yield house
    engine.dispose()
    shutil.rmtree(memory)


def test_a_load_killed_again_and_again_keeps_what_it_told_and_ends(house: KilledHouse) -> None:
    before = house.state.with_name("before")
    house.engine.dispose()
    shutil.copytree(house.state, before)
    seconds = house.seconds("load")
    for moment in moments(seconds, KILLS, seed=7):
        start_over(house, before)
        house.kill("load", moment)
        house.check()
        house.kill("load", moment / 2)
        house.check()
    house.run("load")
    house.check()
    assert len(house.held) == FILES
    assert len(list((house.state / "originals" / house.collection_id).iterdir())) == FILES
    house.check_unreadable()


def test_a_sync_killed_again_and_again_holds_what_it_told_and_nothing_that_went(house: KilledHouse) -> None:
    house.run("load")
    house.write(4, FILES + 4, "changed")
    seconds = house.seconds("load")
    for turn, moment in enumerate(moments(seconds, KILLS, seed=8)):
        house.write(*((0, FILES) if turn % 2 == 0 else (4, FILES + 4)), f"turn{turn}")
        house.kill("load", moment)
        house.check()
    house.write(2, FILES)
    house.run("load")
    house.check()
    assert house.held == {name_of(number) for number in range(2, FILES)}
    assert len(list((house.state / "originals" / house.collection_id).iterdir())) == FILES - 2
    house.check_unreadable()


def test_a_snapshot_killed_again_and_again_leaves_the_index_in_step_with_the_truth(house: KilledHouse) -> None:
    house.run("load")
    seconds = house.seconds("snapshot")
    for turn, moment in enumerate(moments(seconds, KILLS, seed=9)):
        house.write(0, FILES, f"turn{turn}")
        house.kill("snapshot", moment)
        house.check()
    house.run("snapshot")
    house.check()
    assert not list(house.state.rglob("*.new"))
    house.check_unreadable()


def test_a_rotation_killed_again_and_again_leaves_everything_to_open_and_ends(house: KilledHouse) -> None:
    house.run("load")
    seconds = house.seconds("rotate")
    for moment in moments(seconds, KILLS, seed=11):
        house.kill("rotate", moment)
        house.check()
    house.run("rotate")
    house.check()
    keyring, owner = open_keyring(house.state, KeyFile(house.secret)), collection_owner(house.collection_id)
    assert len(keyring.versions(owner)) == 1
    assert not list(house.state.rglob("*.new"))
    house.check_unreadable()


def test_a_shredding_killed_at_any_moment_leaves_all_or_nothing_and_ends(house: KilledHouse) -> None:
    house.run("load")
    owner, kept = collection_owner(house.collection_id), house.state.with_name("kept")
    house.engine.dispose()
    shutil.copytree(house.state, kept)
    seconds = house.seconds("shred")
    for moment in moments(seconds, KILLS, seed=13):
        start_over(house, kept)
        held = set(house.held)
        house.kill("shred", moment)
        if open_keyring(house.state, KeyFile(house.secret)).has(owner):
            house.check()
            continue
        assert CollectionStore(house.engine, open_keyring(house.state, KeyFile(house.secret))).list() == ()
        with pytest.raises(KeyMissing):
            house.check()
        house.held = held
        house.check_unreadable()


def start_over(house: KilledHouse, kept: Path) -> None:
    """The state folder as it was."""
    house.engine.dispose()
    shutil.rmtree(house.state)
    shutil.copytree(kept, house.state)
    if not (kept / "originals").exists():
        house.held.clear()
