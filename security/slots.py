"""Slots: each secret of the house opens the same root key in its own slot.

slot key   = the 32 bytes of the key file or of the joined shares, or
             Argon2id(passphrase, credential or what the command printed, salt, cost)
commitment = blind("commitment", id) under the slot key: a wrong secret is told from a damaged slot
wrapped    = the root key, sealed under the slot key with context ("slot", id, "root")
"""

import hmac
import secrets
from dataclasses import dataclass, field, replace
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
    CREDENTIAL = "credential"
    COMMAND = "command"
    SHARES = "shares"


_STRETCHED = frozenset({SlotKind.PASSPHRASE, SlotKind.CREDENTIAL, SlotKind.COMMAND})
"""Not known to be 32 random bytes, so stretched before use."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file of 32 random bytes that only its owner may read (0600)."""

    path: Path


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A phrase that somebody types. `cost` is used for new slots; an existing slot holds its own."""

    text: Withheld = field(repr=False)
    cost: Argon2Cost = PASSPHRASE_COST


@dataclass(frozen=True, slots=True)
class Given:
    """A secret as bytes, read elsewhere. `needed` of `count` people hold it where it came in shares."""

    kind: SlotKind
    content: bytes = field(repr=False)
    cost: Argon2Cost = PASSPHRASE_COST
    needed: int = 0
    count: int = 0


Secret = KeyFile | Passphrase | Given


@dataclass(frozen=True, slots=True)
class Slot:
    """One wrapped copy of the root key. Holds no secret in clear."""

    id: str
    kind: SlotKind
    salt: bytes
    cost: Argon2Cost | None
    commitment: bytes
    wrapped: bytes
    needed: int = 0
    count: int = 0


def make_slot(secret: Secret, root: bytes, random: RandomBytes = secrets.token_bytes) -> Slot:
    """Wrap the root key for a secret. A key file that is not there yet is written, with new random bytes."""
    slot_id, salt = random(_ID_BYTES).hex(), random(_SALT_BYTES)
    if isinstance(secret, KeyFile) and not secret.path.exists():
        write_private(secret.path, random(KEY_BYTES))
    if isinstance(secret, Passphrase):
        check_strength(secret.text)
    given = read_secret(secret)
    cost = given.cost if given.kind in _STRETCHED else None
    key = _slot_key(slot_id, _slot_secret(given, salt, cost), random)
    commitment, wrapped = key.blind("commitment", slot_id.encode()), key.seal(root, _context(slot_id))
    return Slot(slot_id, given.kind, salt, cost, commitment, wrapped, given.needed, given.count)


def rewrap_slot(slot: Slot, secret: Secret, root: bytes, random: RandomBytes = secrets.token_bytes) -> Slot:
    """The same slot with another root key in it. Raises KeyringLocked unless the secret opens it."""
    key = _opening(slot, read_secret(secret), random)
    if key is None:
        raise KeyringLocked(f"the secret does not open slot {slot.id}; give the right one")
    return replace(slot, wrapped=key.seal(root, _context(slot.id)))


def open_slots(slots: tuple[Slot, ...], secret: Secret) -> tuple[Slot, bytes]:
    """Give the first slot that the secret opens, and the root key in it. Raises KeyringLocked, InsecureState."""
    given = read_secret(secret)
    fitting = tuple(slot for slot in slots if slot.kind is given.kind)
    for slot in fitting:
        if key := _opening(slot, given):
            return slot, _unwrap(slot, key)
    raise KeyringLocked(f"the {given.kind.value} opens none of {len(fitting)} slots of its kind; give the right secret")


def read_secret(secret: Secret) -> Given:
    """The bytes of a secret. Raises InsecureState, KeyringLocked where a key file cannot be used."""
    match secret:
        case KeyFile(path):
            return Given(SlotKind.KEY_FILE, read_key_file(path))
        case Passphrase(text, cost):
            return Given(SlotKind.PASSPHRASE, text.encode(), cost)
        case Given():
            return secret


def _opening(slot: Slot, given: Given, random: RandomBytes = secrets.token_bytes) -> DataKey | None:
    """The slot's key, where the secret gives the one that was committed to."""
    key = _slot_key(slot.id, _slot_secret(given, slot.salt, slot.cost), random)
    return key if hmac.compare_digest(key.blind("commitment", slot.id.encode()), slot.commitment) else None


def _unwrap(slot: Slot, key: DataKey) -> bytes:
    try:
        return key.open(slot.wrapped, _context(slot.id))
    except SealBroken as error:
        raise KeyringLocked(f"slot {slot.id} is damaged; restore the keyring from its backup") from error


def _slot_key(slot_id: str, secret: bytes, random: RandomBytes = secrets.token_bytes) -> DataKey:
    return DataKey(f"slot:{slot_id}", {1: secret}, random)


def _context(slot_id: str) -> Context:
    return Context("slot", slot_id, "root")


def _slot_secret(given: Given, salt: bytes, cost: Argon2Cost | None) -> bytes:
    if given.kind not in _STRETCHED:
        return given.content
    if cost is None or cost.memory_kib > MEMORY_KIB_MAX or cost.passes > PASSES_MAX or cost.lanes > LANES_MAX:
        raise KeyringLocked(f"a {given.kind.value} slot with cost {cost} is not one of ours; restore the keyring")
    return stretch(given.content, salt, cost)


def read_key_file(path: Path) -> bytes:
    """Read the 32 bytes of a key file. InsecureState where others may read it, KeyringLocked where it is not one."""
    try:
        content = read_private(path, KEY_BYTES)
    except OSError as error:
        raise KeyringLocked(f"key file {path} cannot be read ({error.strerror}); mount it or give another") from error
    if len(content) != KEY_BYTES:
        raise KeyringLocked(f"key file {path} is not {KEY_BYTES} bytes long; give the file that was made here")
    return content
