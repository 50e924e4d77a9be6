"""`huisclos keys`: every kind of secret opens the house from the command line, and goes again."""

import json
import os
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.chat.admin.conftest import Huisclos, free_port, wait_until_open

PHRASE = "correct horse battery"
PRINTED = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def house(tmp_path: Path) -> Huisclos:
    """A new house with its key file; nothing in it."""
    made = Huisclos(tmp_path / "state")
    made("init")
    return made


def only(house: Huisclos, added: str) -> None:
    """Leave one slot."""
    for slot in house.rows("keys", "status")[0]["slots"]:
        if slot["id"] != added:
            house("keys", "remove-slot", slot["id"])
    assert next(house.state.glob("keys/*.key"))  # it lies there still, and is not tried any more


def slots(out: str) -> int:
    return len(json.loads(out)["slots"])


def test_a_passphrase_opens_alone(house: Huisclos, tmp_path: Path) -> None:
    code, out, _ = house.ends("keys", "add-slot", "passphrase", "--passphrase-stdin", "--json", stdin=f"{PHRASE}\n")
    assert code == 0
    only(house, json.loads(out)["id"])
    file = tmp_path / "phrase"
    file.write_text(PHRASE)
    file.chmod(0o600)
    assert slots(house.ends("keys", "status", "--json", HUISCLOS_PASSPHRASE_FILE=str(file))[1]) == 1
    code, _, error = house.ends("keys", "status")
    assert code == 3
    assert "HUISCLOS_KEY_COMMAND" in error


def test_what_a_command_prints_opens_alone(house: Huisclos) -> None:
    command = f"echo {PRINTED}"
    added = json.loads(house("keys", "add-slot", "command", "--command", command, "--json"))
    only(house, added["id"])
    assert slots(house.ends("keys", "status", "--json", HUISCLOS_KEY_COMMAND=command)[1]) == 1
    assert house.ends("keys", "status", HUISCLOS_KEY_COMMAND=f"echo {PRINTED[::-1]}")[0] != 0


def test_a_credential_of_the_service_opens_alone(house: Huisclos, tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "huisclos").write_text(PRINTED)
    added = json.loads(house("keys", "add-slot", "credential", "--file", str(folder / "huisclos"), "--json"))
    only(house, added["id"])
    assert slots(house.ends("keys", "status", "--json", CREDENTIALS_DIRECTORY=str(folder))[1]) == 1


def test_two_of_three_shares_open_and_one_does_not(house: Huisclos, tmp_path: Path) -> None:
    out = tmp_path / "shares"
    added = json.loads(house("keys", "add-slot", "shares", "--out", str(out), "--json"))
    files = sorted(map(str, out.iterdir()))
    assert len(files) == 3
    assert all(stat.S_IMODE(Path(file).stat().st_mode) == 0o600 for file in files)
    only(house, added["id"])
    assert slots(house.ends("keys", "status", "--json", HUISCLOS_SHARE_FILES=os.pathsep.join(files[1:]))[1]) == 1
    code, _, error = house.ends("keys", "status", HUISCLOS_SHARE_FILES=files[0])
    assert code != 0
    assert "2 are needed" in error


def test_the_root_is_drawn_anew_only_when_no_slot_would_be_lost_unasked(house: Huisclos, tmp_path: Path) -> None:
    usb = tmp_path / "usb.key"
    house("keys", "add-slot", "key-file", "--file", str(usb))
    code, _, error = house.ends("keys", "rotate-root")
    assert code != 0
    assert "--drop" in error
    assert json.loads(house("keys", "rotate-root", "--file", str(usb), "--json")) == {"kept": 2, "removed": []}
    rotated = json.loads(house("keys", "rotate-root", "--drop", "--json"))
    assert (rotated["kept"], len(rotated["removed"])) == (1, 1)
    assert slots(house("keys", "status", "--json")) == 1


@pytest.mark.parametrize("kind", ["key-file", "credential", "command", "shares"])
def test_what_a_kind_of_slot_needs_is_said(house: Huisclos, kind: str) -> None:
    code, _, error = house.ends("keys", "add-slot", kind)
    assert code == 2
    assert "this kind of slot needs --" in error


def test_the_last_slot_stays(house: Huisclos) -> None:
    slot = house.rows("keys", "status")[0]["slots"][0]["id"]
    code, _, error = house.ends("keys", "remove-slot", slot)
    assert code != 0
    assert "last one" in error


def test_a_collection_is_sealed_anew_and_shredded_with_a_receipt_that_can_be_checked(
    house: Huisclos, tmp_path: Path
) -> None:
    receipt, copy = tmp_path / "receipt.json", tmp_path / "keyring.json"
    house("collection", "create", "rules")
    assert house.rows("keys", "rotate", "rules")[-1] == {"collection": "rules", "version": 2}
    house("keys", "backup", str(copy))
    made = house.rows("backup", str(tmp_path / "backup"))[-1]["id"]
    _, _, error = house.ends("keys", "shred", "rules", "--yes", "--out", str(receipt))
    assert "keyring backup" in error
    assert "backups of the data that hold what it sealed: 1" in error
    assert [held["backup"] for held in json.loads(receipt.read_text())["data_backups"]] == [made]
    assert "signed by this house" in house("keys", "verify-receipt", str(receipt))
    public_key = house.rows("keys", "status")[0]["receipts_key"]
    receipt.write_text(receipt.read_text().replace("operator", "somebody"))
    code, _, error = house.ends("keys", "verify-receipt", str(receipt), "--public-key", public_key)
    assert code != 0
    assert "changed" in error
    assert house.rows("collection", "list") == []


def test_shredding_asks_first_and_takes_one_thing(house: Huisclos) -> None:
    house("user", "add", "camille")
    assert house.ends("keys", "shred", "--person", "camille", stdin="n\n")[0] == 1
    assert house.ends("keys", "shred")[0] == 2
    assert house.ends("keys", "shred", "rules", "--person", "camille", "--yes")[0] == 2
    assert house.ends("keys", "shred", "--person", "camille", "--yes")[0] == 0
    assert house.rows("user", "list")[0]["disabled"]
    assert house.ends("keys", "shred", "--person", "nobody", "--yes")[0] == 3


def test_a_copy_of_the_keyring_comes_back_where_its_secret_is(house: Huisclos, tmp_path: Path) -> None:
    copy, keyring = tmp_path / "copy.json", house.state / "keys" / "keyring.json"
    house("keys", "backup", str(copy))
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert house.ends("keys", "backup", str(copy))[0] == 2
    assert house.ends("keys", "restore", str(copy))[0] == 2
    keyring.unlink()
    house("keys", "restore", str(copy))
    assert slots(house("keys", "status", "--json")) == 1
    copy.write_text(copy.read_text().replace('"format": 2', '"format": 1'))
    before = keyring.read_bytes()
    code, _, error = house.ends("keys", "restore", str(copy), "--replace")
    assert code != 0
    assert f"{copy} was edited by hand" in error
    assert keyring.read_bytes() == before


def test_a_server_goes_on_with_a_rotation_that_was_cut_short(alone: Huisclos, tmp_path: Path) -> None:
    house = Huisclos(tmp_path / "state", free_port())
    shutil.copytree(alone.state, house.state)
    rotating = house.start("keys", "rotate", "rules", "--json")
    assert rotating.stdout
    rotating.stdout.readline()  # it has begun, and is killed
    rotating.kill()
    rotating.communicate(timeout=60)
    (cut,) = house.rows("keys", "status")[0]["rotating"]
    assert cut == {"collection": "rules", "versions": [1, 2], "runs": False}
    server = house.start("serve", stdout=subprocess.DEVNULL)
    wait_until_open(server)
    try:
        until = time.monotonic() + 60
        while house.rows("keys", "status")[0]["rotating"]:
            assert time.monotonic() < until
        assert house.rows("keys", "status")[0]["version_max"]["collection"] == 2
        assert house.rows("search", "-c", "rules", "annual leave")[0]["doc"] == "leave.md"
    finally:
        server.send_signal(signal.SIGTERM)
        _, log = server.communicate(timeout=60)
    assert server.returncode == 0
    assert "rules" not in log
