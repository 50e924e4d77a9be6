import json
import stat
from pathlib import Path

import pytest

from security.errors import KeyringLocked
from security.identity import OPERATOR
from security.keyring import Keyring
from security.keystore import create_keyring, keyring_path, open_keyring
from security.slots import KeyFile


def test_a_new_keyring_opens_with_the_same_keys(keyring: Keyring, tmp_path: Path, key_file: KeyFile) -> None:
    opened = open_keyring(tmp_path, key_file)
    assert opened.status() == keyring.status()
    assert opened.for_system().blind("same", b"value") == keyring.for_system().blind("same", b"value")
    assert opened.for_person(OPERATOR).owner == "person:operator"


def test_the_file_is_private_and_says_its_format(keyring: Keyring, tmp_path: Path) -> None:
    path = keyring_path(tmp_path)
    assert keyring
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["body"]["format"] == 1


def test_an_existing_keyring_is_never_overwritten(keyring: Keyring, tmp_path: Path, key_file: KeyFile) -> None:
    before = keyring_path(tmp_path).read_bytes()
    with pytest.raises(KeyringLocked, match="never overwritten"):
        create_keyring(tmp_path, key_file)
    assert keyring_path(tmp_path).read_bytes() == before


@pytest.mark.usefixtures("keyring")
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"body": {}, "mac": ""}', '{"body": {"format": 2}, "mac": ""}'])
def test_what_is_no_keyring_is_explained(tmp_path: Path, key_file: KeyFile, content: str) -> None:
    keyring_path(tmp_path).write_text(content)
    with pytest.raises(KeyringLocked, match=r"is not a keyring|expected 1"):
        open_keyring(tmp_path, key_file)


def test_a_missing_keyring_is_explained(tmp_path: Path, key_file: KeyFile) -> None:
    with pytest.raises(KeyringLocked, match="cannot be read"):
        open_keyring(tmp_path, key_file)


def test_a_file_written_by_the_first_release_still_opens(tmp_path: Path) -> None:
    vectors = Path(__file__).parent.parent / "vectors"
    keyring_path(tmp_path).parent.mkdir()
    keyring_path(tmp_path).write_bytes((vectors / "keyring.json").read_bytes())
    keyring_path(tmp_path).chmod(0o600)
    secret = tmp_path / "root.key"
    secret.write_bytes(bytes(range(32)))
    secret.chmod(0o600)
    key = open_keyring(tmp_path, KeyFile(secret)).for_system()
    assert key.blind("user name", b"ada").hex() == (vectors / "keyring.blind.hex").read_text().strip()
