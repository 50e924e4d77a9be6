"""`huisclos backup`, `verify-backup`, `restore` as IT runs them: beside a server, killed, on a full disk."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chat.admin.conftest import Huisclos

LARGE = """
import os, sys
from pathlib import Path
from chat.opening import open_house
from chat.settings import load_settings
from rag.documents import ParsedDocument
from rag.store.values import NewDocument
from security.access import Right
from security.identity import OPERATOR
import numpy as np
state = Path(sys.argv[1])
with open_house(state, load_settings(state, {})) as house:
    grant = house.policy.grant(OPERATOR, house.collections.find("rules").id, Right.MANAGE)
    for number in range(int(sys.argv[2])):
        parsed, vectors = ParsedDocument("T", None, ()), np.empty((0, 0), np.float32)
        new = NewDocument("/s", f"{number}", "text/plain", os.urandom(int(sys.argv[3])), parsed, (), vectors)
        house.documents.put(grant, new)
"""
FILE_BYTES_MAX = 2_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Huisclos:
    """A house with people and an empty collection."""
    huisclos = Huisclos(tmp_path_factory.mktemp("made") / "state")
    huisclos("init")
    huisclos("collection", "create", "rules")
    huisclos("user", "add", "camille")
    return huisclos


@pytest.fixture
def house(made: Huisclos, tmp_path: Path) -> Huisclos:
    """A copy of it, to do anything to."""
    shutil.copytree(made.state, tmp_path / "state")
    return replace(made, state=tmp_path / "state")


def with_large(house: Huisclos, count: int, size: int) -> None:
    """Documents whose originals are large."""
    subprocess.run([sys.executable, "-c", LARGE, house.state, str(count), str(size)], check=True)


def with_keyring(house: Huisclos, state: Path) -> Huisclos:
    """A new folder with the house's key file and a copy of its keyring, put there as an administrator does it."""
    copy, key = state.with_suffix(".keyring"), state / "keys" / "root.key"
    house("keys", "backup", str(copy))
    key.parent.mkdir(mode=0o700, parents=True)
    shutil.copy(house.state / "keys" / "root.key", key)
    again = replace(house, state=state)
    again("keys", "restore", str(copy))
    return again


def limited() -> None:
    """No file may become larger: to a program, the disk is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))


def test_a_backup_is_made_verified_and_restored(huisclos: Huisclos, tmp_path: Path) -> None:
    out = tmp_path / "backup"
    made = huisclos.rows("backup", str(out))[-1]
    assert out.stat().st_mode & 0o777 == 0o600
    assert {"id", "at", "keyring", "revision", "release", "rows", "files", "missing", "bytes"} == set(made)
    assert huisclos.rows("verify-backup", str(out))[-1] == made
    again = with_keyring(huisclos, tmp_path / "new")
    told = again.rows("restore", str(out))[-1]
    assert (told["id"], told["at"], told["damaged"]) == (made["id"], made["at"], [])
    assert again.rows("collection", "show", "rules") == huisclos.rows("collection", "show", "rules")


def test_people_are_told_what_was_made_and_what_came_back(house: Huisclos, tmp_path: Path) -> None:
    out, again = tmp_path / "backup", with_keyring(house, tmp_path / "new")
    house("collection", "create", "later")
    assert f"lies in {out}" in house("backup", str(out))
    assert "is whole" in again("verify-backup", str(out))
    code, said, error = again.ends("restore", str(out))
    assert code == 0
    assert "1 collections, 0 documents, 0 passages, 1 people, 0 conversations" in said
    assert "left out" in error
    assert "nobody is signed in" in error
    code, _, error = again.ends("restore", str(out))
    assert code == 1
    assert "holds data" in error
    code, _, error = house.ends("backup", str(out))
    assert code == 2
    assert "--replace" in error
    house("backup", "--replace", str(out))


def test_a_house_that_is_served_is_not_restored_into(served: Huisclos, tmp_path: Path) -> None:
    served("backup", str(tmp_path / "backup"))
    code, _, error = served.ends("restore", str(tmp_path / "backup"))
    assert code == 1
    assert "in use" in error


def test_where_a_backup_may_not_lie_is_told(house: Huisclos, tmp_path: Path) -> None:
    (house.state / "link").symlink_to(tmp_path / "elsewhere")
    for out, told in (
        (house.state / "backup", "state folder"),
        (house.state / "originals" / ".." / "backup", "exists"),
        (tmp_path / "none" / "backup", "exists"),
        (tmp_path, "--replace"),
    ):
        code, _, error = house.ends("backup", str(out))
        assert code == 2
        assert told in error
    code, _, error = house.ends("backup", "--replace", str(tmp_path))
    assert code == 2


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_told(house: Huisclos, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    code, _, error = house.ends("backup", str(folder / "backup"))
    assert code == 1
    assert f"{folder}/backup.partial" in error


def test_a_restore_without_a_keyring_says_what_comes_first(house: Huisclos, tmp_path: Path) -> None:
    house("backup", str(tmp_path / "backup"))
    for words in (["restore"], ["restore", "--json"]):
        code, _, error = replace(house, state=tmp_path / "new").ends(*words, str(tmp_path / "backup"))
        assert code == 1
        assert "huisclos keys restore" in error
        assert not (tmp_path / "new").exists()


def test_a_backup_needs_the_keyring_of_its_house(house: Huisclos, tmp_path: Path) -> None:
    out, other = tmp_path / "backup", Huisclos(tmp_path / "other")
    house("backup", str(out))
    other("init")
    for command in ("verify-backup", "restore"):
        code, _, error = other.ends(command, str(out))
        assert code == 3
        assert "another keyring" in error
    keyring = (house.state / "keys" / "keyring.json").read_text()
    assert error.partition("`system` is ")[2].partition(";")[0] in keyring
    assert {path.name for path in other.state.iterdir()} == {"keys", "lock", "truth.db"}


def test_a_backup_that_was_changed_is_told_and_leaves_nothing(house: Huisclos, tmp_path: Path) -> None:
    out, again = tmp_path / "backup", with_keyring(house, tmp_path / "new")
    house("backup", str(out))
    content = bytearray(out.read_bytes())
    content[-20] ^= 1
    out.write_bytes(content)
    for command in ("verify-backup", "restore"):
        code, _, error = again.ends(command, str(out))
        assert code == 1
        assert f"{out} is not whole" in error
    assert {path.name for path in again.state.iterdir()} == {"keys", "lock", "truth.db"}
    code, _, error = again.ends("user", "list")
    assert code == 1
    assert "bring a backup back with `huisclos restore`" in error


def test_a_backup_that_is_killed_leaves_the_old_file_and_the_next_one_is_made(house: Huisclos, tmp_path: Path) -> None:
    out, partial = tmp_path / "backup", tmp_path / "backup.partial"
    with_large(house, 10, 10_000_000)
    house("backup", str(out))
    old = out.read_bytes()
    process = house.start("backup", "--replace", str(out))
    until = time.monotonic() + 60
    while not partial.exists() or partial.stat().st_size < 20_000_000:
        assert time.monotonic() < until
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert out.read_bytes() == old
    assert (house.state / "held").exists()
    assert house.ends("user", "list")[0] == 0
    assert not (house.state / "held").exists()
    house("backup", "--replace", str(out))
    assert out.read_bytes() != old
    assert not partial.exists()
    assert house.rows("audit", "verify")[0]["broken_at"] is None


def test_a_backup_that_is_interrupted_says_so(house: Huisclos, tmp_path: Path) -> None:
    out, partial = tmp_path / "backup", tmp_path / "backup.partial"
    with_large(house, 10, 10_000_000)
    process = house.start("backup", str(out))
    until = time.monotonic() + 60
    while not partial.exists():
        assert time.monotonic() < until
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "there is no new backup" in error
    assert not out.exists()
    assert not partial.exists()
    assert not (house.state / "held").exists()


def test_a_full_disk_under_a_backup_is_told_and_leaves_what_was_there(house: Huisclos, tmp_path: Path) -> None:
    out = tmp_path / "backup"
    with_large(house, 2, FILE_BYTES_MAX)
    out.write_bytes(b"the old one")
    process = house.start("backup", "--replace", str(out), preexec_fn=limited)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"no room for the backup at {out}" in error
    assert out.read_bytes() == b"the old one"
    assert {path.name for path in tmp_path.iterdir()} == {"state", "backup"}
    assert not (house.state / "held").exists()
    house("backup", "--replace", str(out))


def test_a_full_disk_under_a_restore_is_told_and_leaves_an_empty_house(house: Huisclos, tmp_path: Path) -> None:
    out, again = tmp_path / "backup", with_keyring(house, tmp_path / "new")
    with_large(house, 2, FILE_BYTES_MAX)
    house("backup", str(out))
    process = again.start("restore", str(out), preexec_fn=limited)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no room in" in error
    assert {path.name for path in again.state.iterdir()} == {"keys", "lock", "truth.db"}
    told = json.loads(again("restore", str(out), "--json").splitlines()[-1])
    assert told["documents"] == 2
