"""Slots: each secret of the house opens the same root key in its own slot.

slot key   = the 32 bytes of the key file, or Argon2id(passphrase, salt, cost)
commitment = blind("commitment", id) under the slot key: a wrong secret is told from a damaged slot
wrapped    = the root key, sealed under the slot key with context ("slot", id, "root")
"""

import hmac
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from security.errors import KeyringLocked, SealBroken
from security.files import read_private, write_private
from security.passwords import Argon2Cost, check_strength, stretch
from security.sealing import KEY_BYTES, Context, DataKey, RandomBytes
from security.withheld import Withheld

PASSPHRASE_COST = Argon2Cost(memory_kib=256 * 1024, passes=3, lanes=4)
"""About 0.75 s of CPU: paid once at start, by every guess of somebody who took the disk."""

MEMORY_KIB_MAX = 4 * 1024 * 1024
PASSES_MAX = 64
LANES_MAX = 64
"""Bounds on what an edited keyring can make the start cost."""

_SALT_BYTES = 16
_ID_BYTES = 8


class SlotKind(StrEnum):
    """What opens a slot."""

    KEY_FILE = "key_file"
    PASSPHRASE = "passphrase"  # noqa: S105 - a kind, not a secret


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file of 32 random bytes that only its owner may read (0600)."""

    path: Path


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A phrase that somebody types. `cost` is used for new slots; an existing slot holds its own."""

    text: Withheld = field(repr=False)
    cost: Argon2Cost = PASSPHRASE_COST


Secret = KeyFile | Passphrase


@dataclass(frozen=True, slots=True)
class Slot:
    """One wrapped copy of the root key. Holds no secret in clear."""

    id: str
    kind: SlotKind
    salt: bytes
    cost: Argon2Cost | None
    commitment: bytes
    wrapped: bytes


def make_slot(secret: Secret, root: bytes, random: RandomBytes = secrets.token_bytes) -> Slot:
    """Wrap the root key for a secret. A key file that is not there yet is written, with new random bytes."""
    slot_id, salt = random(_ID_BYTES).hex(), random(_SALT_BYTES)
    if isinstance(secret, KeyFile):
        kind, cost = SlotKind.KEY_FILE, None
        if not secret.path.exists():
            write_private(secret.path, random(KEY_BYTES))
    else:
        check_strength(secret.text)
        kind, cost = SlotKind.PASSPHRASE, secret.cost
    key = _slot_key(slot_id, _secret_bytes(secret, salt, cost), random)
    return Slot(slot_id, kind, salt, cost, key.blind("commitment", slot_id.encode()), key.seal(root, _context(slot_id)))


def open_slots(slots: tuple[Slot, ...], secret: Secret) -> bytes:
    """Give the root key from the first slot that the secret opens. Raises KeyringLocked, InsecureState."""
    kind = SlotKind.KEY_FILE if isinstance(secret, KeyFile) else SlotKind.PASSPHRASE
    fitting = tuple(slot for slot in slots if slot.kind is kind)
    for slot in fitting:
        key = _slot_key(slot.id, _secret_bytes(secret, slot.salt, slot.cost))
        if hmac.compare_digest(key.blind("commitment", slot.id.encode()), slot.commitment):
            return _unwrap(slot, key)
    raise KeyringLocked(f"the {kind.value} opens none of {len(fitting)} slots of its kind; give the right secret")


def _unwrap(slot: Slot, key: DataKey) -> bytes:
    try:
        return key.open(slot.wrapped, _context(slot.id))
    except SealBroken as error:
        raise KeyringLocked(f"slot {slot.id} is damaged; restore the keyring from its backup") from error


def _slot_key(slot_id: str, secret: bytes, random: RandomBytes = secrets.token_bytes) -> DataKey:
    return DataKey(f"slot:{slot_id}", {1: secret}, random)


def _context(slot_id: str) -> Context:
    return Context("slot", slot_id, "root")


def _secret_bytes(secret: Secret, salt: bytes, cost: Argon2Cost | None) -> bytes:
    if isinstance(secret, KeyFile):
        return read_key_file(secret.path)
    if cost is None or cost.memory_kib > MEMORY_KIB_MAX or cost.passes > PASSES_MAX or cost.lanes > LANES_MAX:
        raise KeyringLocked(f"a passphrase slot with cost {cost} is not one of ours; restore the keyring")
    return stretch(secret.text.encode(), salt, cost)


def read_key_file(path: Path) -> bytes:
    """Read the 32 bytes of a key file. InsecureState where others may read it, KeyringLocked where it is not one."""
    try:
        content = read_private(path, KEY_BYTES)
    except OSError as error:
        raise KeyringLocked(f"key file {path} cannot be read ({error.strerror}); mount it or give another") from error
    if len(content) != KEY_BYTES:
        raise KeyringLocked(f"key file {path} is not {KEY_BYTES} bytes long; give the file that was made here")
    return content
