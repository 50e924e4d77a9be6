"""The keyring: one data key per owner, each wrapped under the root key. Rules only; `keystore` reads and writes.

    wrapped key = the data key's 32 bytes, sealed under the root key with context ("keyring", owner, version)
    commitment  = blind("commitment", version) under the data key: AES-GCM does not bind a ciphertext to one key
    version 0   = once the first version is retired, the key of its blind look-ups, wrapped and committed to alike
    file mac    = blind("keyring file", the file's body) under the root key

Destroying an owner's key makes all that it sealed unreadable, in backups too, once the keyring's own old copies
are gone: back the keyring up apart from the data, and keep those copies for a shorter time.
"""

import hmac
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NewType, NoReturn, Protocol

from security.access import Grant
from security.epochs import EpochFile, Epochs
from security.errors import AccessDenied, KeyExists, KeyMissing, SealBroken
from security.identity import CollectionId, Principal, UserId
from security.sealing import KEY_BYTES, Context, DataKey, RandomBytes
from security.slots import Secret, Slot, SlotKind, make_slot, open_slots, rewrap_slot

KeyOwner = NewType("KeyOwner", str)

SYSTEM = KeyOwner("system")
"""Seals names of users and collections, passwords' hashes, grants and sessions."""

BLIND = 0
"""The version number under which the key of an owner's blind look-ups is kept."""

AUDIT = KeyOwner("audit")
"""Chains the audit log and seals its head."""


WORKERS = KeyOwner("workers")
"""Seals files on their way to workers on other machines, and what they say of them. It alone leaves the house."""

_EPOCH_FILES = (KeyOwner("epochs"), KeyOwner("anchor"))
"""How `begun` names the copies of the epochs: the house's own, and the one outside the state folder."""


def collection_owner(collection_id: CollectionId) -> KeyOwner:
    """Name the owner of a collection's key."""
    return KeyOwner(f"collection:{collection_id}")


def person_owner(user_id: UserId) -> KeyOwner:
    """Name the owner of a person's key."""
    return KeyOwner(f"person:{user_id}")


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """One version of an owner's data key, sealed under the root key. Format 1 has no commitment."""

    owner: KeyOwner
    version: int
    sealed: bytes
    commitment: bytes = b""


@dataclass(frozen=True, slots=True)
class KeyringDocument:
    """All that the keyring file holds. `begun` names owners whose first value was written (see audit)."""

    slots: tuple[Slot, ...]
    keys: tuple[WrappedKey, ...] = ()
    begun: frozenset[KeyOwner] = frozenset()


class KeyStore(Protocol):
    """Where the keyring is kept."""

    def write(self, document: KeyringDocument, root: DataKey) -> None:
        """Replace the kept document; on return it survives a power cut."""


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """A slot as `huisclos keyring` shows it."""

    id: str
    kind: SlotKind
    needed: int
    count: int


@dataclass(frozen=True, slots=True)
class KeyringStatus:
    """What may be known of a keyring: counts, no secrets. `keys` counts owners by kind, `version_max` likewise."""

    slots: tuple[SlotStatus, ...]
    keys: dict[str, int]
    version_max: dict[str, int]


class Keyring:
    """Opens a collection's key for a grant, a person's for that person, and the house's own two.

    Every change is on the disk before the call returns. Safe to use from several threads; one process at a time
    may hold a keyring open for writing (the house's lock). `epochs` tells an older database, by the numbers kept in
    `epoch_files`.
    """

    def __init__(
        self,
        root: bytes,
        document: KeyringDocument,
        store: KeyStore,
        random: RandomBytes = secrets.token_bytes,
        epoch_files: Sequence[Path] = (),
    ) -> None:
        self._root_secret = root
        self._root = root_key(root, random)
        self._document = document
        self._store = store
        self._random = random
        self._change = threading.RLock()
        self.epochs = Epochs(self.for_system, tuple(map(self._epoch_file, epoch_files, _EPOCH_FILES)))

    def __repr__(self) -> str:
        return f"Keyring(keys={len(self._document.keys)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring does not leave the process")

    def create(self, owner: KeyOwner) -> None:
        """Make a key for a new owner. Raises KeyExists where there is one: a key is never overwritten."""
        with self._change:
            if self._versions(owner):
                raise KeyExists(f"{owner} has a key already; destroy it first if what it sealed may go")
            self._add_version(owner, 1)

    def rotate(self, owner: KeyOwner) -> int:
        """Give the owner a further version, under which new values are sealed; older ones still open. Gives it."""
        with self._change:
            version = max((key.version for key in self._held(owner)), default=0) + 1
            self._add_version(owner, version)
            return version

    def versions(self, owner: KeyOwner) -> tuple[int, ...]:
        """The versions that open values, oldest first: more than one while values are being sealed anew."""
        return tuple(sorted(key.version for key in self._held(owner) if key.version != BLIND))

    def commitments(self, owner: KeyOwner) -> tuple[str, ...]:
        """What tells the owner's wrapped keys from others, in hex, oldest first: for a receipt. No secret."""
        held = sorted(self._held(owner), key=lambda key: key.version)
        return tuple(self._committed(key).commitment.hex() for key in held)

    def retire(self, owner: KeyOwner, version: int) -> None:
        """Erase every version before this one: what is still sealed under them opens no more. Look-ups go on."""
        with self._change:
            held = self._held(owner)
            if version not in {key.version for key in held}:
                raise KeyMissing(f"{owner} has no version {version}; nothing was retired")
            blind = self._wrap(self._root, owner, BLIND, self._open(owner).blind_key)
            kept = tuple(key for key in self._document.keys if key.owner != owner or key.version >= version)
            self._save(replace(self._document, keys=(*kept, blind)))

    def destroy(self, owner: KeyOwner) -> None:
        """Erase every version of the owner's key. Done twice, it stays done. The house's own keys are refused."""
        if owner in (SYSTEM, AUDIT):
            raise AccessDenied(
                f"the {owner} key holds the house together and is not destroyed; remove the state instead"
            )
        with self._change:
            kept = tuple(key for key in self._document.keys if key.owner != owner)
            self._save(replace(self._document, keys=kept, begun=self._document.begun - {owner}))

    def has(self, owner: KeyOwner) -> bool:
        """Tell whether the owner has a key."""
        return bool(self._versions(owner))

    def for_grant(self, grant: Grant) -> DataKey:
        """Open the key of the granted collection. Raises AccessDenied for a forged grant, KeyMissing if shredded."""
        grant.check()
        return self._open(collection_owner(grant.collection_id))

    def for_person(self, principal: Principal) -> DataKey:
        """Open a person's own key."""
        return self._open(person_owner(principal.user_id))

    def for_system(self) -> DataKey:
        """Open the key of names, grants and sessions."""
        return self._open(SYSTEM)

    def for_audit(self) -> DataKey:
        """Open the audit log's key."""
        return self._open(AUDIT)

    def for_workers(self) -> DataKey:
        """Open the workers' key. Raises KeyMissing where none was made."""
        return self._open(WORKERS)

    def workers_secret(self) -> tuple[int, bytes]:
        """The newest version of the workers' key and its 32 bytes, for a file that workers get."""
        newest = max(self._held(WORKERS), key=lambda key: key.version)
        return newest.version, self._unwrap(newest)

    def renew_workers(self) -> None:
        """Make the workers' key, or another one in its place: no worker with an earlier one opens anything."""
        with self._change:
            if self.has(WORKERS):
                self.retire(WORKERS, self.rotate(WORKERS))
            else:
                self.create(WORKERS)

    def has_begun(self, owner: KeyOwner) -> bool:
        """Tell whether `begin` was called: then a missing first value was removed, not never written."""
        return owner in self._document.begun

    def begin(self, owner: KeyOwner) -> None:
        """Note, outside the database, that the owner's first value was written."""
        with self._change:
            self._save(replace(self._document, begun=self._document.begun | {owner}))

    def _epoch_file(self, path: Path, owner: KeyOwner) -> EpochFile:
        return EpochFile(path, lambda: self.has_begun(owner), lambda: self.begin(owner))

    def add_slot(self, secret: Secret) -> str:
        """Let a further secret open the keyring. Gives the slot's id."""
        with self._change:
            slot = make_slot(secret, self._root_secret, self._random)
            self._save(replace(self._document, slots=(*self._document.slots, slot)))
            return slot.id

    def remove_slot(self, slot_id: str) -> None:
        """Stop a secret from opening the keyring. The last slot is refused: nothing would open it again."""
        with self._change:
            kept = tuple(slot for slot in self._document.slots if slot.id != slot_id)
            if not kept or len(kept) == len(self._document.slots):
                raise KeyMissing(f"slot {slot_id} is unknown or the last one; add another first")
            self._save(replace(self._document, slots=kept))

    def rotate_root(self, kept: Sequence[Secret]) -> tuple[SlotStatus, ...]:
        """Draw a new root key, wrap every data key under it, keep the slots that `kept` opens; gives those left out.

        Each secret is checked against its slot before anything changes; one write replaces the keyring. Raises
        KeyringLocked where a secret opens no slot, KeyMissing where none is given. Data keys stay as they are: who
        had the old root and a copy of the old keyring has them still, until they are rotated too.
        """
        with self._change:
            by_slot = {open_slots(self._document.slots, secret)[0]: secret for secret in kept}
            if not by_slot:
                raise KeyMissing("no secret was given to keep, and nothing would open the house; give one or more")
            root = self._random(KEY_BYTES)
            fresh = root_key(root, self._random)
            keys = tuple(self._wrap(fresh, key.owner, key.version, self._unwrap(key)) for key in self._document.keys)
            slots = tuple(rewrap_slot(slot, secret, root, self._random) for slot, secret in by_slot.items())
            lost = tuple(_slot_status(slot) for slot in self._document.slots if slot not in by_slot)
            document = replace(self._document, slots=slots, keys=keys)
            self._store.write(document, fresh)
            self._root_secret, self._root, self._document = root, fresh, document
            return lost

    def status(self) -> KeyringStatus:
        """Give slots, and keys by kind; no secrets."""
        counts: dict[str, int] = {}
        versions: dict[str, int] = {}
        for owner in {key.owner for key in self._document.keys}:
            kind = owner.partition(":")[0]
            counts[kind] = counts.get(kind, 0) + 1
            versions[kind] = max(versions.get(kind, 0), *(key.version for key in self._versions(owner)))
        slots = tuple(map(_slot_status, self._document.slots))
        return KeyringStatus(slots, dict(sorted(counts.items())), dict(sorted(versions.items())))

    def _versions(self, owner: KeyOwner) -> tuple[WrappedKey, ...]:
        return tuple(key for key in self._document.keys if key.owner == owner)

    def _held(self, owner: KeyOwner) -> tuple[WrappedKey, ...]:
        versions = self._versions(owner)
        if not versions:
            raise KeyMissing(f"no key of {owner}: it was never made, or was destroyed and what it sealed is gone")
        return versions

    def _open(self, owner: KeyOwner) -> DataKey:
        unwrapped = self._unwrapped(owner)
        blind_key = unwrapped.pop(BLIND, None)
        return DataKey(owner, unwrapped, self._random, blind_key=blind_key, renew=lambda: self._unwrapped(owner))

    def _unwrapped(self, owner: KeyOwner) -> dict[int, bytes]:
        return {key.version: self._unwrap(key) for key in self._held(owner)}

    def _add_version(self, owner: KeyOwner, version: int) -> None:
        key = self._wrap(self._root, owner, version, self._random(KEY_BYTES))
        self._save(replace(self._document, keys=(*self._document.keys, key)))

    def _unwrap(self, key: WrappedKey) -> bytes:
        secret = self._root.open(key.sealed, _context(key.owner, key.version))
        if key.commitment and not hmac.compare_digest(key.commitment, _commitment(key.owner, key.version, secret)):
            raise SealBroken(f"{key.owner} version {key.version}: another key than was wrapped; restore the keyring")
        return secret

    def _wrap(self, root: DataKey, owner: KeyOwner, version: int, secret: bytes) -> WrappedKey:
        sealed = root.seal(secret, _context(owner, version))
        return WrappedKey(owner, version, sealed, _commitment(owner, version, secret))

    def _save(self, document: KeyringDocument) -> None:
        """Write first, then use: what memory believes is on the disk."""
        if document == self._document:
            return
        committed = replace(document, keys=tuple(map(self._committed, document.keys)))
        self._store.write(committed, self._root)
        self._document = committed

    def _committed(self, key: WrappedKey) -> WrappedKey:
        """A key of format 1 with the commitment it lacks."""
        if key.commitment:
            return key
        return replace(key, commitment=_commitment(key.owner, key.version, self._unwrap(key)))


def root_key(root: bytes, random: RandomBytes = secrets.token_bytes) -> DataKey:
    """Give the key under which data keys are wrapped."""
    return DataKey("root", {1: root}, random)


def _context(owner: KeyOwner, version: int) -> Context:
    return Context("keyring", owner, str(version))


def _commitment(owner: KeyOwner, version: int, secret: bytes) -> bytes:
    return DataKey(owner, {version: secret}).blind("commitment", str(version).encode())


def _slot_status(slot: Slot) -> SlotStatus:
    return SlotStatus(slot.id, slot.kind, slot.needed, slot.count)
