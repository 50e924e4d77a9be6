import json
import stat
from pathlib import Path

import pytest

from security.errors import KeyringLocked
from security.files import write_private
from security.identity import OPERATOR, UserId
from security.keyring import Keyring, person_owner
from security.keystore import create_keyring, keyring_path, open_keyring
from security.slots import KeyFile

VECTORS = Path(__file__).parent.parent / "vectors"


def test_a_new_keyring_opens_with_the_same_keys(keyring: Keyring, tmp_path: Path, key_file: KeyFile) -> None:
    opened = open_keyring(tmp_path, key_file)
    assert opened.status() == keyring.status()
    assert opened.for_system().blind("same", b"value") == keyring.for_system().blind("same", b"value")
    assert opened.for_person(OPERATOR).owner == "person:operator"


def test_the_file_is_private_and_says_its_format(keyring: Keyring, tmp_path: Path) -> None:
    path = keyring_path(tmp_path)
    assert keyring
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["body"]["format"] == 2


def test_an_existing_keyring_is_never_overwritten(keyring: Keyring, tmp_path: Path, key_file: KeyFile) -> None:
    before = keyring_path(tmp_path).read_bytes()
    with pytest.raises(KeyringLocked, match="never overwritten"):
        create_keyring(tmp_path, key_file)
    assert keyring_path(tmp_path).read_bytes() == before


@pytest.mark.usefixtures("keyring")
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"body": {}, "mac": ""}', '{"body": {"format": 3}, "mac": ""}'])
def test_what_is_no_keyring_is_explained(tmp_path: Path, key_file: KeyFile, content: str) -> None:
    keyring_path(tmp_path).write_text(content)
    with pytest.raises(KeyringLocked, match=r"is not a keyring|expected one of"):
        open_keyring(tmp_path, key_file)


def test_a_missing_keyring_is_explained(tmp_path: Path, key_file: KeyFile) -> None:
    with pytest.raises(KeyringLocked, match="cannot be read"):
        open_keyring(tmp_path, key_file)


@pytest.mark.usefixtures("keyring")
def test_what_a_killed_process_had_begun_to_write_is_gone_once_the_keyring_opens(
    tmp_path: Path, key_file: KeyFile
) -> None:
    keys, anchor = keyring_path(tmp_path).parent, tmp_path / "elsewhere" / "anchor"
    anchor.parent.mkdir()
    begun = [keys / ".keyring.json.7.new", keys / ".epochs.8.new", anchor.with_name(".anchor.9.new")]
    somebodys = anchor.with_name(".report.9.new")
    for path in (*begun, somebodys):
        path.write_bytes(b"cut short")
    open_keyring(tmp_path, key_file, anchor=anchor)
    assert not any(path.exists() for path in begun)
    assert somebodys.exists()


@pytest.mark.parametrize("name", ["keyring.json", "keyring-2.json"])
def test_a_file_written_by_an_earlier_release_still_opens(tmp_path: Path, name: str) -> None:
    key = open_keyring(tmp_path, from_vector(tmp_path, name)).for_system()
    assert key.blind("user name", b"ada").hex() == (VECTORS / "keyring.blind.hex").read_text().strip()


def test_the_first_change_gives_every_key_of_the_first_format_its_commitment(tmp_path: Path) -> None:
    secret = from_vector(tmp_path, "keyring.json")
    open_keyring(tmp_path, secret).create(person_owner(UserId("ada")))
    body = json.loads(keyring_path(tmp_path).read_text())["body"]
    expected = json.loads((VECTORS / "keyring-2.json").read_text())["body"]
    commitments = {key["owner"]: key["commitment"] for key in body["keys"]}
    assert body["format"] == 2
    assert all(len(bytes.fromhex(commitment)) == 32 for commitment in commitments.values())
    assert {key["owner"]: key["commitment"] for key in expected["keys"]}.items() <= commitments.items()


def from_vector(state: Path, name: str) -> KeyFile:
    """A state folder with a fixed keyring, and the key file that opens it."""
    write_private(keyring_path(state), (VECTORS / name).read_bytes())
    write_private(state / "root.key", bytes(range(32)))
    return KeyFile(state / "root.key")
