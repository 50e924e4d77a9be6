"""Operations on keys: slots, the root, rotation, destruction with a receipt, copies of the keyring."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from chat.admin.operations import Event, destroy_collection, granted, operation, person_named
from chat.assembly import House
from chat.database import compact
from security.access import Right
from security.files import write_private
from security.identity import OPERATOR
from security.keyring import KeyOwner, collection_owner, person_owner
from security.keystore import keyring_copy
from security.receipts import Backup, Destroyed, signed_receipt
from security.slots import Given, SlotKind


@operation("keys.status")
def keys_status(house: House) -> Iterator[Event]:
    """Slots and numbers of keys; no secret. With the key of the signatures under receipts."""
    yield asdict(house.keyring.status()) | {"receipts_key": house.keyring.for_audit().signing_public_key.hex()}


@operation("keys.rotate")
def rotate_key(house: House, name: str) -> Iterator[Event]:
    """Seal a collection anew under a new version of its key, while people read and load. Stopped, it can go on."""
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    owner = collection_owner(grant.collection_id)
    house.audit.record(OPERATOR.user_id, "keys.rotate", grant.collection_id, "begun")
    for step in house.documents.reseal(grant):
        yield {"done": step.done, "total": step.total}
    compact(house.engine)
    house.audit.record(OPERATOR.user_id, "keys.rotate", grant.collection_id, "done")
    yield {"collection": name, "version": house.keyring.versions(owner)[-1]}


@operation("keys.shred_collection")
def shred_collection(house: House, name: str) -> Iterator[Event]:
    """Destroy a collection's key and all that it sealed; gives the signed receipt."""
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    receipt = _destroy(
        house, collection_owner(grant.collection_id), lambda: destroy_collection(house, grant.collection_id)
    )
    yield {"shredded": name, "receipt": receipt} | _remains(house)


@operation("keys.shred_person")
def shredperson_named(house: House, name: str) -> Iterator[Event]:
    """Destroy a person's key and conversations, and close their account; gives the signed receipt."""
    person = person_named(house, name)

    def remove() -> None:
        house.directory.disable(person.user_id)
        house.keyring.destroy(person_owner(person.user_id))
        house.conversations.remove_all(person.user_id)
        compact(house.engine)

    yield {"shredded": name, "receipt": _destroy(house, person_owner(person.user_id), remove)} | _remains(house)


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


def _destroy(house: House, owner: KeyOwner, remove: Callable[[], None]) -> Event:
    """Destroy a key with what it sealed, and sign what was done."""
    held_by = [Backup(identifier, at) for at, identifier in house.audit.find("keys.backup", "done")]
    commitments = house.keyring.commitments(owner)
    house.audit.record(OPERATOR.user_id, "keys.shred", owner, "begun")
    remove()
    destroyed = Destroyed(owner, commitments, datetime.now(UTC), OPERATOR.user_id, held_by)
    house.audit.record(OPERATOR.user_id, "keys.shred", owner, "done")
    receipt = signed_receipt(house.keyring.for_audit(), destroyed)
    kept = house.state / "receipts" / f"{owner.replace(':', '-')}.json"
    write_private(kept, json.dumps(receipt, indent=1).encode())
    return receipt


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
