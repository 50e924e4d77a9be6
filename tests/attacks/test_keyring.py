"""Claim: the keyring opens for its secrets only, unedited, and gives a key only to whom it belongs."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from security.access import AccessPolicy
from security.directory import Directory
from security.errors import InsecureState, KeyMissing, KeyringLocked, SealBroken
from security.identity import CollectionId, Principal, Role, UserId
from security.keyring import Keyring, collection_owner, person_owner
from security.keystore import FileKeyStore, create_keyring, keyring_path, open_keyring
from security.sealing import Context
from security.slots import KeyFile

PLACE = Context("passages", "p1", "text")
ONE, OTHER = CollectionId("c1"), CollectionId("c2")


def edit(state: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = keyring_path(state)
    content = json.loads(path.read_text())
    change(content["body"])
    path.write_text(json.dumps(content))


def exchange_two_keys(body: dict[str, Any]) -> None:
    one, other = body["keys"][0], body["keys"][1]
    one["sealed"], other["sealed"] = other["sealed"], one["sealed"]


@pytest.mark.usefixtures("keyring")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_key_file_that_others_may_touch_is_refused(tmp_path: Path, key_file: KeyFile, mode: int) -> None:
    key_file.path.chmod(mode)
    with pytest.raises(InsecureState, match=f"mode {mode:04o}, expected 0600"):
        open_keyring(tmp_path, key_file)


@pytest.mark.usefixtures("keyring")
def test_a_keyring_that_others_may_read_is_refused(tmp_path: Path, key_file: KeyFile) -> None:
    keyring_path(tmp_path).chmod(0o644)
    with pytest.raises(InsecureState, match="mode 0644"):
        open_keyring(tmp_path, key_file)


@pytest.mark.usefixtures("keyring")
def test_another_key_file_opens_nothing(tmp_path: Path) -> None:
    stranger = KeyFile(tmp_path / "stranger.key")
    create_keyring(tmp_path / "elsewhere", stranger)
    with pytest.raises(KeyringLocked, match="opens none"):
        open_keyring(tmp_path, stranger)


@pytest.mark.usefixtures("keyring")
@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["keys"].pop(),
        lambda body: body["keys"].append(dict(body["keys"][0], owner="person:eve")),
        lambda body: body["keys"][0].update(version=7),
        exchange_two_keys,
        lambda body: body["begun"].append("audit"),
        lambda body: body["slots"].append(dict(body["slots"][0], id="0000")),
    ],
    ids=["dropped", "copied to another owner", "renumbered", "exchanged", "marked as begun", "slot added"],
)
def test_an_edited_keyring_does_not_open(
    tmp_path: Path, key_file: KeyFile, change: Callable[[dict[str, Any]], object]
) -> None:
    edit(tmp_path, change)
    with pytest.raises(KeyringLocked, match="edited by hand"):
        open_keyring(tmp_path, key_file)


def test_a_wrapped_key_moved_to_another_owner_does_not_open_even_with_a_valid_mac(keyring: Keyring) -> None:
    """Somebody who could sign the file still cannot exchange keys: each is bound to its owner and version."""
    keys = keyring._document.keys
    stolen = [key.sealed for key in keys if key.owner == "system"]
    object.__setattr__(keys[-1], "sealed", stolen[0])
    with pytest.raises(SealBroken):
        keyring.for_person(Principal(UserId("operator"), Role.ADMINISTRATOR))


def test_a_shredded_collection_cannot_be_read_and_its_new_key_opens_nothing_old(
    keyring: Keyring, directory: Directory, tmp_path: Path, key_file: KeyFile
) -> None:
    policy = AccessPolicy(directory)
    keyring.create(collection_owner(ONE))
    sealed = keyring.for_grant(policy.for_indexing(ONE)).seal(b"salary", PLACE)
    keyring.destroy(collection_owner(ONE))
    with pytest.raises(KeyMissing):
        open_keyring(tmp_path, key_file).for_grant(policy.for_indexing(ONE))
    keyring.create(collection_owner(ONE))
    with pytest.raises(SealBroken):
        keyring.for_grant(policy.for_indexing(ONE)).open(sealed, PLACE)


def test_a_shredded_key_is_in_no_file_of_the_state(keyring: Keyring, tmp_path: Path) -> None:
    keyring.create(collection_owner(ONE))
    wrapped = next(key.sealed.hex() for key in keyring._document.keys if key.owner == "collection:c1")
    assert wrapped in keyring_path(tmp_path).read_text()
    keyring.destroy(collection_owner(ONE))
    assert not any(wrapped.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_one_collection_or_person_does_not_open_what_another_sealed(keyring: Keyring, directory: Directory) -> None:
    policy = AccessPolicy(directory)
    ada, bob = (Principal(UserId(name), Role.EMPLOYEE) for name in ("ada", "bob"))
    for owner in (collection_owner(ONE), collection_owner(OTHER), person_owner(ada.user_id), person_owner(bob.user_id)):
        keyring.create(owner)
    with pytest.raises(SealBroken):
        keyring.for_grant(policy.for_indexing(OTHER)).open(
            keyring.for_grant(policy.for_indexing(ONE)).seal(b"salary", PLACE), PLACE
        )
    with pytest.raises(SealBroken):
        keyring.for_person(bob).open(keyring.for_person(ada).seal(b"diary", PLACE), PLACE)


@pytest.mark.usefixtures("keyring")
def test_no_secret_lies_in_the_keyring_file(keyring: Keyring, tmp_path: Path, key_file: KeyFile) -> None:
    content = keyring_path(tmp_path).read_text()
    for secret in (keyring._root_secret, key_file.path.read_bytes()):
        assert secret.hex() not in content


def test_a_wrapped_key_that_opens_to_another_key_than_was_wrapped_is_refused(tmp_path: Path, key_file: KeyFile) -> None:
    """Whoever holds the root may craft one; AES-GCM alone would let it open under two keys."""
    keyring = create_keyring(tmp_path, key_file)
    document, root = keyring._document, keyring._root
    crafted = root.seal(b"C" * 32, Context("keyring", "system", "1"))
    keys = tuple(replace(key, sealed=crafted) if key.owner == "system" else key for key in document.keys)
    FileKeyStore(keyring_path(tmp_path)).write(replace(document, keys=keys), root)
    with pytest.raises(SealBroken, match="another key than was wrapped"):
        open_keyring(tmp_path, key_file).for_system()
