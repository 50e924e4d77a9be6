"""Receipts of destroyed keys: signed statements that somebody who was not there can check.

    {"format": 1, "destroyed": owner, "commitments": [hex, one a version], "at": ISO 8601 UTC, "by": user id,
     "held_by": [{"backup": id, "at": ISO 8601}], "public_key": hex, "signature": hex}

The signature (Ed25519, RFC 8032) is over the other fields as canonical JSON, by a key derived from the audit key.
`commitments` let the holder of an old keyring find the wrapped keys that are meant; `held_by` names the backups of
the keyring that are known: one taken since the key was made holds it until it is destroyed too. There is no name in it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from security.errors import SealBroken
from security.identity import UserId
from security.keyring import KeyOwner
from security.sealing import DataKey, verify_signature

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of the keyring that was taken: its id, and when (UTC)."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Destroyed:
    """A key that is gone: whose it was, its commitments, when, by whom, and which backups held it."""

    owner: KeyOwner
    commitments: tuple[str, ...]
    at: datetime
    by: UserId
    held_by: Sequence[Backup]


def signed_receipt(key: DataKey, destroyed: Destroyed) -> dict[str, Any]:
    """The receipt as JSON. `key` is the audit log's."""
    body = {
        "format": _FORMAT,
        "destroyed": destroyed.owner,
        "commitments": list(destroyed.commitments),
        "at": destroyed.at.isoformat(timespec="seconds"),
        "by": destroyed.by,
        "held_by": [{"backup": held.id, "at": held.at.isoformat(timespec="seconds")} for held in destroyed.held_by],
        "public_key": key.signing_public_key.hex(),
    }
    return body | {"signature": key.sign(_canonical(body)).hex()}


def verify_receipt(receipt: Mapping[str, Any], public_key: bytes) -> None:
    """Raise SealBroken unless the house with this public key signed exactly this receipt."""
    body = {name: value for name, value in receipt.items() if name != "signature"}
    try:
        is_whole = body["public_key"] == public_key.hex() and body["format"] == _FORMAT
        signature = bytes.fromhex(receipt["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise SealBroken("this is not a receipt of ours; ask for it again") from error
    if not is_whole or not verify_signature(public_key, signature, _canonical(body)):
        raise SealBroken("the receipt was changed, or another house signed it; ask for it again")


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
