"""Operations on keys: slots, the root, rotation, destruction with a receipt, copies of the keyring."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict

from chat.admin.operations import Event, granted, operation, person_named
from chat.assembly import House
from security.access import Right
from security.identity import OPERATOR
from security.keyring import collection_owner, person_owner
from security.keystore import keyring_copy
from security.slots import Given, SlotKind


@operation("keys.status")
def keys_status(house: House) -> Iterator[Event]:
    """Slots, numbers of keys, the key of the signatures under receipts, and what is under rotation; no secret."""
    rotating = [
        {"collection": each.name, "versions": list(each.versions), "runs": each.runs}
        for each in house.rotations.unfinished()
    ]
    told = {"receipts_key": house.keyring.for_audit().signing_public_key.hex(), "rotating": rotating}
    yield asdict(house.keyring.status()) | told


@operation("keys.rotate")
def rotate_key(house: House, name: str) -> Iterator[Event]:
    """Seal a collection anew under a new version of its key, while people read and load. Stopped, it can go on."""
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    with closing(house.rotations.run(grant)) as steps:
        for step in steps:
            yield {"done": step.done, "total": step.total}
    yield {"collection": name, "version": house.keyring.versions(collection_owner(grant.collection_id))[-1]}


@operation("keys.shred_collection")
def shred_collection(house: House, name: str) -> Iterator[Event]:
    """Destroy a collection's key and all that it sealed; gives the signed receipt."""
    house.shredder.finish()
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    receipt = house.shredder.shred(collection_owner(grant.collection_id), OPERATOR.user_id)
    house.index.drop(grant.collection_id)
    yield {"shredded": name, "receipt": receipt} | _remains(house)


@operation("keys.shred_person")
def shred_person(house: House, name: str) -> Iterator[Event]:
    """Destroy a person's key and conversations, and close their account; gives the signed receipt."""
    house.shredder.finish()
    person = person_named(house, name)
    receipt = house.shredder.shred(person_owner(person.user_id), OPERATOR.user_id)
    yield {"shredded": name, "receipt": receipt} | _remains(house)


@operation("keys.backup")
def back_up_keys(house: House) -> Iterator[Event]:
    """A copy of the keyring, still wrapped, and written down: receipts name the backups that hold a destroyed key."""
    identifier, content = keyring_copy(house.state)
    house.audit.record(OPERATOR.user_id, "keys.backup", identifier, "done")
    yield {"id": identifier, "keyring": content.decode()}


def _remains(house: House) -> Event:
    """What is left for somebody else to do: a database server's files are its administrator's."""
    if not house.settings.store.database:
        return {}
    return {
        "remains": "the database server's files and logs may hold the sealed bytes, which nothing opens, for a while: "
        "its administrator clears them with VACUUM FULL, and by letting older dumps and archived logs go"
    }


@operation("keys.add_slot")
def add_slot(house: House, secret: Event) -> Iterator[Event]:
    """Let a further secret open the house."""
    given = _given(secret)
    house.audit.record(OPERATOR.user_id, "keys.add_slot", given.kind.value, "begun")
    yield {"id": house.keyring.add_slot(given), "kind": given.kind.value}


@operation("keys.remove_slot")
def remove_slot(house: House, slot: str) -> Iterator[Event]:
    """Stop a secret from opening the house; the last one stays."""
    house.audit.record(OPERATOR.user_id, "keys.remove_slot", slot, "begun")
    house.keyring.remove_slot(slot)
    yield {"removed": slot}


@operation("keys.rotate_root")
def rotate_root(house: House, kept: list[Event]) -> Iterator[Event]:
    """Draw a new root key; only the slots whose secrets are given go on."""
    house.audit.record(OPERATOR.user_id, "keys.rotate_root", "root", "begun")
    lost = house.keyring.rotate_root([_given(secret) for secret in kept])
    house.audit.record(OPERATOR.user_id, "keys.rotate_root", "root", "done")
    yield {"kept": len(house.keyring.status().slots), "removed": [slot.id for slot in lost]}


def _given(secret: Event) -> Given:
    content = bytes.fromhex(secret["content"])
    return Given(SlotKind(secret["kind"]), content, needed=secret["needed"], count=secret["count"])
