"""A load, a rotation, a shredding killed at any moment loses nothing it reported, leaves nothing readable, goes on."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.database import open_database
from rag.store.collections import CollectionStore
from security.errors import KeyMissing
from security.keyring import collection_owner
from security.keystore import create_keyring, open_keyring
from security.slots import KeyFile
from tests.rag.killing import CANARY, FILES, KilledHouse

KILLS = int(os.environ.get("HUISCLOS_TEST_KILLS", "5"))
"""Moments tried for each; a long run takes hundreds."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[KilledHouse]:
    state, folder = tmp_path / "state", tmp_path / "documents"
    state.mkdir(mode=0o700)
    folder.mkdir()
    for number in range(FILES):
        text = "\n\n".join(f"The {CANARY} of page {page} in file {number}. " * 20 for page in range(3))
        (folder / f"{CANARY}-{number:02}.md").write_text(text)
    memory = Path(tempfile.mkdtemp(prefix="huisclos-test-", dir="/dev/shm"))
    engine = open_database(state / "truth.db")
    keyring = create_keyring(state, KeyFile(tmp_path / "root.key"))
    identifier = CollectionStore(engine, keyring).create("shelf")
    yield KilledHouse(state, tmp_path / "root.key", memory, folder, engine, identifier)
    engine.dispose()
    shutil.rmtree(memory)


def test_a_load_killed_again_and_again_keeps_what_it_reported_and_ends(house: KilledHouse) -> None:
    moments = random.Random(7)
    reported: set[str] = set()
    for _ in range(3):
        process = house.start("load")
        reported |= _some_lines(process, moments.randint(1, 6))
        time.sleep(moments.uniform(0, 0.1))
        os.killpg(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
        reported |= _docs(rest)
        assert reported
        house.check(reported)
    last, _ = house.start("load").communicate()
    assert len(_docs(last)) == FILES
    house.check(_docs(last))
    originals = list((house.state / "originals" / house.collection_id).iterdir())
    assert len(originals) == FILES
    house.engine.dispose()
    written = b"".join(path.read_bytes() for path in house.state.rglob("*") if path.is_file())
    assert CANARY.encode() not in written


def test_a_rotation_killed_again_and_again_leaves_everything_to_open_and_ends(house: KilledHouse) -> None:
    moments, loaded = random.Random(11), _docs(house.start("load").communicate()[0])
    for _ in range(KILLS):
        _kill_after(house.start("rotate"), moments.uniform(0, 0.4))
        house.check(loaded)
    house.start("rotate").communicate()
    house.check(loaded)
    keyring, owner = open_keyring(house.state, KeyFile(house.secret)), collection_owner(house.collection_id)
    assert len(keyring.versions(owner)) == 1
    assert not list(house.state.rglob("*.new"))


def test_a_shredding_killed_at_any_moment_leaves_all_or_nothing_and_ends(house: KilledHouse) -> None:
    moments, loaded = random.Random(13), _docs(house.start("load").communicate()[0])
    owner = collection_owner(house.collection_id)
    kept = house.state.with_name("kept")
    house.engine.dispose()
    shutil.copytree(house.state, kept)
    for _ in range(KILLS):
        _kill_after(house.start("shred"), moments.uniform(0, 0.1))
        if open_keyring(house.state, KeyFile(house.secret)).has(owner):
            house.check(loaded)
            continue
        assert CollectionStore(house.engine, open_keyring(house.state, KeyFile(house.secret))).list() == ()
        with pytest.raises(KeyMissing):
            house.check(set())
        house.engine.dispose()
        shutil.rmtree(house.state)
        shutil.copytree(kept, house.state)


def _kill_after(process: subprocess.Popen[str], seconds: float) -> None:
    """Kill it so long after its first line; it may have ended."""
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _some_lines(process: subprocess.Popen[str], count: int) -> set[str]:
    assert process.stdout is not None
    return _docs("".join(process.stdout.readline() for _ in range(count)))


def _docs(lines: str) -> set[str]:
    """Documents reported in whole lines."""
    return {line.split()[1] for line in lines.splitlines(keepends=True) if line.endswith("\n")}
