"""The keyring's file: `<state>/keys/keyring.json`, 0600, replaced whole, authenticated by the root key.

    {"body": {"format": 2, "slots": [...], "keys": [...], "begun": [...]}, "mac": hex}

The mac is over the body as canonical JSON (sorted keys, no spaces). It stops entries from being dropped, added or
exchanged; it cannot tell an old copy of the whole file from the present one. Format 1 (0.1) had no commitment on
its keys and only two kinds of slots; it opens, and the next change writes format 2.
"""

import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import Any

from security.errors import KeyringLocked
from security.files import read_private, remove_unfinished, write_private
from security.identity import OPERATOR
from security.keyring import (
    AUDIT,
    SYSTEM,
    KeyOwner,
    Keyring,
    KeyringDocument,
    WrappedKey,
    person_owner,
    root_key,
)
from security.passwords import Argon2Cost
from security.sealing import KEY_BYTES, DataKey, RandomBytes
from security.slots import Secret, Slot, SlotKind, make_slot, open_slots

KEYRING_BYTES_MAX = 64 * 1024 * 1024
"""Some 200,000 owners. A larger file is not ours."""

_FORMAT, _FORMATS_READ = 2, (1, 2)


def keyring_path(state: Path) -> Path:
    """Tell where a state folder keeps its keyring."""
    return state / "keys" / "keyring.json"


class FileKeyStore:
    """Keeps a keyring in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, document: KeyringDocument, root: DataKey) -> None:
        """Replace the file atomically."""
        body = _body(document)
        mac = root.blind("keyring file", _canonical(body)).hex()
        write_private(self._path, json.dumps({"body": body, "mac": mac}, indent=1, sort_keys=True).encode())


def create_keyring(
    state: Path, slot: Secret, random: RandomBytes = secrets.token_bytes, anchor: Path | None = None
) -> Keyring:
    """Make a new keyring with one slot, the house's keys and the operator's. Raises KeyringLocked if there is one."""
    path = keyring_path(state)
    if path.exists():
        raise KeyringLocked(f"{path} exists and is never overwritten; open it, or move it away if its data may go")
    root = random(KEY_BYTES)
    document = KeyringDocument((make_slot(slot, root, random),))
    keyring = Keyring(root, document, FileKeyStore(path), random, _epoch_files(path, anchor))
    for owner in (SYSTEM, AUDIT, person_owner(OPERATOR.user_id)):
        keyring.create(owner)
    return keyring


def open_keyring(
    state: Path, secret: Secret, random: RandomBytes = secrets.token_bytes, anchor: Path | None = None
) -> Keyring:
    """Open the keyring of a state folder. Raises KeyringLocked, InsecureState.

    `anchor` is a file outside the state folder that gets a copy of the epochs. What a killed process had begun to write
    is removed: call it where no other process holds the state folder.
    """
    path = keyring_path(state)
    keyring = _open(path, _read(path), secret, random, anchor)
    for written in (path, *_epoch_files(path, anchor)):
        remove_unfinished(written.parent, written.name)  # a keyring begun before a key was destroyed still holds it
    return keyring


def _open(
    path: Path, content: bytes, secret: Secret, random: RandomBytes = secrets.token_bytes, anchor: Path | None = None
) -> Keyring:
    body, mac = _parse(content, path)
    document = _document(body, path)
    _, root = open_slots(document.slots, secret)
    if not hmac.compare_digest(root_key(root).blind("keyring file", _canonical(body)).hex(), mac):
        raise KeyringLocked(f"{path} was edited by hand or mixed from two copies; restore it from its backup")
    return Keyring(root, document, FileKeyStore(path), random, _epoch_files(path, anchor))


def _epoch_files(path: Path, anchor: Path | None) -> tuple[Path, ...]:
    return (path.with_name("epochs"), *([anchor] if anchor else ()))


def keyring_copy(state: Path) -> tuple[str, bytes]:
    """An id (the start of its SHA-256) and the bytes of the keyring's file, to keep apart from the data."""
    content = _read(keyring_path(state))
    return hashlib.sha256(content).hexdigest()[:16], content


def put_back(state: Path, copy: Path, secret: Secret) -> None:
    """Put a copy of the keyring in place, where the secret opens it. Raises KeyringLocked, and then changes nothing.

    Keys that were destroyed since the copy was taken are there again.
    """
    content = copy.read_bytes()
    _open(copy, content, secret)
    write_private(keyring_path(state), content)


def slot_kinds(keyring: bytes) -> frozenset[SlotKind]:
    """What kinds of secrets may open a keyring, to know what to ask for: read before anything is proved."""
    body, _ = _parse(keyring, Path("the copy"))
    return frozenset(slot.kind for slot in _document(body, Path("the copy")).slots)


def _read(path: Path) -> bytes:
    try:
        return read_private(path, KEYRING_BYTES_MAX)
    except OSError as error:
        raise KeyringLocked(
            f"{path} cannot be read ({error.strerror}); run `huisclos init` or mount the keys"
        ) from error


def _parse(content: bytes, path: Path) -> tuple[dict[str, Any], str]:
    try:
        found = json.loads(content)
        return dict(found["body"]), str(found["mac"])
    except (ValueError, KeyError, TypeError) as error:
        raise KeyringLocked(f"{path} is not a keyring; restore it from its backup") from error


def _canonical(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _body(document: KeyringDocument) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "slots": [_slot_body(slot) for slot in document.slots],
        "keys": [_key_body(key) for key in document.keys],
        "begun": sorted(document.begun),
    }


def _key_body(key: WrappedKey) -> dict[str, Any]:
    return {
        "owner": key.owner,
        "version": key.version,
        "sealed": key.sealed.hex(),
        "commitment": key.commitment.hex(),
    }


def _slot_body(slot: Slot) -> dict[str, Any]:
    cost = slot.cost and {"memory_kib": slot.cost.memory_kib, "passes": slot.cost.passes, "lanes": slot.cost.lanes}
    return {
        "id": slot.id,
        "kind": slot.kind.value,
        "salt": slot.salt.hex(),
        "argon2id": cost,
        "commitment": slot.commitment.hex(),
        "wrapped": slot.wrapped.hex(),
        "needed": slot.needed,
        "count": slot.count,
    }


def _document(body: dict[str, Any], path: Path) -> KeyringDocument:
    if body.get("format") not in _FORMATS_READ:
        raise KeyringLocked(
            f"{path} has format {body.get('format')!r}, expected one of {_FORMATS_READ}; use the release that wrote it"
        )
    try:
        return KeyringDocument(
            slots=tuple(_slot(slot) for slot in body["slots"]),
            keys=tuple(map(_key, body["keys"])),
            begun=frozenset(KeyOwner(str(owner)) for owner in body["begun"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise KeyringLocked(f"{path} is not a keyring; restore it from its backup") from error


def _key(body: dict[str, Any]) -> WrappedKey:
    sealed, commitment = (bytes.fromhex(body.get(name, "")) for name in ("sealed", "commitment"))
    return WrappedKey(KeyOwner(str(body["owner"])), int(body["version"]), sealed, commitment)


def _slot(body: dict[str, Any]) -> Slot:
    cost = body["argon2id"]
    return Slot(
        id=str(body["id"]),
        kind=SlotKind(body["kind"]),
        salt=bytes.fromhex(body["salt"]),
        cost=cost and Argon2Cost(int(cost["memory_kib"]), int(cost["passes"]), int(cost["lanes"])),
        commitment=bytes.fromhex(body["commitment"]),
        wrapped=bytes.fromhex(body["wrapped"]),
        needed=int(body.get("needed", 0)),
        count=int(body.get("count", 0)),
    )
