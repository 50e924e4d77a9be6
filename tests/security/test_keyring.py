import json
import pickle
import threading
from pathlib import Path

import pytest

from security.access import AccessPolicy, Right
from security.directory import Directory
from security.errors import AccessDenied, KeyExists, KeyMissing, KeyringLocked
from security.identity import OPERATOR, CollectionId, Principal, Role, UserId
from security.keyring import AUDIT, SYSTEM, Keyring, collection_owner, person_owner
from security.keystore import keyring_path, open_keyring
from security.passwords import Argon2Cost
from security.sealing import Context
from security.shares import join_shares, split_secret
from security.slots import Given, KeyFile, Passphrase, SlotKind
from security.withheld import Withheld

CONTRACTS = CollectionId("c1")
PLACE = Context("passages", "p1", "text")


def test_a_collection_key_opens_for_a_grant(keyring: Keyring, directory: Directory) -> None:
    keyring.create(collection_owner(CONTRACTS))
    directory.give(OPERATOR.user_id, CONTRACTS, Right.READ)
    key = keyring.for_grant(AccessPolicy(directory).grant(OPERATOR, CONTRACTS, Right.READ))
    assert key.owner == "collection:c1"
    assert key.open(key.seal(b"text", PLACE), PLACE) == b"text"


def test_every_owner_has_a_key_of_its_own(keyring: Keyring) -> None:
    ada = Principal(UserId("ada"), Role.EMPLOYEE)
    keyring.create(person_owner(ada.user_id))
    keys = (keyring.for_system(), keyring.for_audit(), keyring.for_person(ada), keyring.for_person(OPERATOR))
    assert len({key.blind("same", b"value") for key in keys}) == 4


def test_a_key_is_never_overwritten(keyring: Keyring, directory: Directory) -> None:
    owner = collection_owner(CONTRACTS)
    keyring.create(owner)
    before = keyring.for_grant(AccessPolicy(directory).for_indexing(CONTRACTS))
    with pytest.raises(KeyExists, match="has a key already"):
        keyring.create(owner)
    after = keyring.for_grant(AccessPolicy(directory).for_indexing(CONTRACTS))
    assert before.blind("same", b"value") == after.blind("same", b"value")


def test_a_destroyed_key_is_missing_now_and_after_opening_again(
    keyring: Keyring, tmp_path: Path, key_file: KeyFile
) -> None:
    ada = Principal(UserId("ada"), Role.EMPLOYEE)
    keyring.create(person_owner(ada.user_id))
    keyring.destroy(person_owner(ada.user_id))
    keyring.destroy(person_owner(ada.user_id))
    for held in (keyring, open_keyring(tmp_path, key_file)):
        assert not held.has(person_owner(ada.user_id))
        with pytest.raises(KeyMissing, match="destroyed"):
            held.for_person(ada)


@pytest.mark.parametrize("owner", [SYSTEM, AUDIT])
def test_the_keys_of_the_house_itself_are_not_destroyed(keyring: Keyring, owner: str) -> None:
    with pytest.raises(AccessDenied):
        keyring.destroy({"system": SYSTEM, "audit": AUDIT}[owner])
    assert keyring.for_system()


def test_a_further_version_seals_and_older_ones_open(keyring: Keyring, tmp_path: Path, key_file: KeyFile) -> None:
    old = keyring.for_person(OPERATOR).seal(b"old", PLACE)
    assert keyring.rotate(person_owner(OPERATOR.user_id)) == 2
    key = open_keyring(tmp_path, key_file).for_person(OPERATOR)
    assert (key.version, key.open(old, PLACE)) == (2, b"old")
    with pytest.raises(KeyMissing):
        keyring.rotate(person_owner(UserId("nobody")))


def test_secrets_are_added_and_removed_but_never_the_last(
    keyring: Keyring, tmp_path: Path, key_file: KeyFile, cheap: Argon2Cost
) -> None:
    phrase = Passphrase(Withheld("correct horse battery"), cheap)
    keyring.add_slot(phrase)
    first, second = (slot.id for slot in open_keyring(tmp_path, phrase).status().slots)
    keyring.remove_slot(first)
    assert open_keyring(tmp_path, phrase).for_system()
    for unknown_or_last in (first, second):
        with pytest.raises(KeyMissing):
            keyring.remove_slot(unknown_or_last)


def test_a_new_root_opens_for_the_secrets_given_and_for_no_other(
    keyring: Keyring, tmp_path: Path, key_file: KeyFile, cheap: Argon2Cost
) -> None:
    phrase = Passphrase(Withheld("correct horse battery"), cheap)
    keyring.add_slot(phrase)
    sealed = keyring.for_person(OPERATOR).seal(b"kept", PLACE)
    before = keyring_path(tmp_path).read_bytes()
    assert [slot.kind for slot in keyring.rotate_root([key_file])] == [SlotKind.PASSPHRASE]
    keyring.create(collection_owner(CONTRACTS))
    opened = open_keyring(tmp_path, key_file)
    assert opened.for_person(OPERATOR).open(sealed, PLACE) == b"kept"
    assert opened.has(collection_owner(CONTRACTS))
    with pytest.raises(KeyringLocked):
        open_keyring(tmp_path, phrase)
    old, new = (json.loads(content)["body"]["keys"] for content in (before, keyring_path(tmp_path).read_bytes()))
    assert not {key["sealed"] for key in old} & {key["sealed"] for key in new}


@pytest.mark.parametrize("secrets", [(), ("stranger",)])
def test_a_new_root_that_nothing_would_open_is_refused_and_changes_nothing(
    keyring: Keyring, tmp_path: Path, cheap: Argon2Cost, secrets: tuple[str, ...]
) -> None:
    before = keyring_path(tmp_path).read_bytes()
    with pytest.raises((KeyMissing, KeyringLocked)):
        keyring.rotate_root([Passphrase(Withheld(secret), cheap) for secret in secrets])
    assert keyring_path(tmp_path).read_bytes() == before
    assert keyring.for_system()


def test_two_of_three_people_open_the_house(keyring: Keyring, tmp_path: Path) -> None:
    shares = split_secret(b"S" * 32, 2, 3)
    keyring.add_slot(Given(SlotKind.SHARES, b"S" * 32, needed=2, count=3))
    keyring.remove_slot(keyring.status().slots[0].id)
    assert open_keyring(tmp_path, Given(SlotKind.SHARES, join_shares(shares[1:]))).for_system()
    assert [(slot.needed, slot.count) for slot in keyring.status().slots] == [(2, 3)]


def test_the_status_counts_and_tells_no_secret(keyring: Keyring) -> None:
    keyring.create(collection_owner(CONTRACTS))
    keyring.rotate(collection_owner(CONTRACTS))
    status = keyring.status()
    assert status.keys == {"audit": 1, "collection": 1, "person": 1, "system": 1}
    assert status.version_max["collection"] == 2
    assert [slot.kind for slot in status.slots] == ["key_file"]


def test_a_keyring_does_not_travel_and_shows_no_key(keyring: Keyring) -> None:
    assert repr(keyring) == "Keyring(keys=3)"
    with pytest.raises(TypeError):
        pickle.dumps(keyring)


def test_threads_creating_at_once_lose_no_key(keyring: Keyring, tmp_path: Path, key_file: KeyFile) -> None:
    owners = [person_owner(UserId(f"u{number}")) for number in range(16)]
    threads = [threading.Thread(target=keyring.create, args=(owner,)) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(open_keyring(tmp_path, key_file).has(owner) for owner in owners)
