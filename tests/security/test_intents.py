"""An intent is what was written, at its own place, or it is nothing."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from security.errors import SealBroken
from security.identity import UserId
from security.intents import Intent, Intents
from security.keyring import KeyOwner, Keyring

INTENT = Intent(KeyOwner("collection:0011"), ("ab" * 32, "cd" * 32), datetime(2026, 1, 5, 9, tzinfo=UTC), UserId("ada"))


@pytest.fixture
def intents(keyring: Keyring, tmp_path: Path) -> Intents:
    return Intents(tmp_path / "receipts", keyring.for_audit)


def test_it_comes_back_as_it_was_written_and_goes(intents: Intents) -> None:
    assert intents.owners() == ()
    intents.write(INTENT)
    assert intents.owners() == (INTENT.owner,)
    assert intents.read(INTENT.owner) == INTENT
    intents.drop(INTENT.owner)
    assert intents.owners() == ()


def test_its_file_is_private_and_says_neither_who_nor_which(intents: Intents, tmp_path: Path) -> None:
    intents.write(INTENT)
    (path,) = (tmp_path / "receipts").iterdir()
    assert path.name == "collection-0011.begun"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"ada" not in path.read_bytes()
    assert b"abab" not in path.read_bytes()


def test_at_another_owners_place_it_does_not_open(intents: Intents, tmp_path: Path) -> None:
    intents.write(INTENT)
    (path,) = (tmp_path / "receipts").iterdir()
    path.rename(path.with_name("person-0011.begun"))
    with pytest.raises(SealBroken):
        intents.read(KeyOwner("person:0011"))


def test_changed_it_does_not_open(intents: Intents, tmp_path: Path) -> None:
    intents.write(INTENT)
    (path,) = (tmp_path / "receipts").iterdir()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(SealBroken):
        intents.read(INTENT.owner)
