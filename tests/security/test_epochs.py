"""A number that is only noted is known at once, and on the disk with the next that is written down."""

from pathlib import Path

import pytest

from security.errors import OlderState
from security.keyring import Keyring
from security.keystore import open_keyring
from security.slots import KeyFile


def on_disk(tmp_path: Path, key_file: KeyFile, name: str) -> int:
    return open_keyring(tmp_path, key_file).epochs.known(name)


def test_a_noted_number_is_known_at_once(keyring: Keyring) -> None:
    keyring.epochs.note("person:ada", 3)
    keyring.epochs.note("person:ada", 2)
    assert keyring.epochs.known("person:ada") == 3
    with pytest.raises(OlderState):
        keyring.epochs.check("person:ada", 2)


def test_it_is_on_the_disk_with_the_next_number_that_is_written_down(
    keyring: Keyring, tmp_path: Path, key_file: KeyFile
) -> None:
    keyring.epochs.note("person:ada", 3)
    assert on_disk(tmp_path, key_file, "person:ada") == 0
    keyring.epochs.advance("audit", 1)
    assert on_disk(tmp_path, key_file, "person:ada") == 3


def test_it_is_on_the_disk_when_that_is_asked_for_and_then_nothing_is_left_to_write(
    keyring: Keyring, tmp_path: Path, key_file: KeyFile
) -> None:
    keyring.epochs.note("person:ada", 3)
    keyring.epochs.write_noted()
    assert on_disk(tmp_path, key_file, "person:ada") == 3
    written = (tmp_path / "keys" / "epochs").read_bytes()
    keyring.epochs.write_noted()
    assert (tmp_path / "keys" / "epochs").read_bytes() == written
