"""Receipts of destroyed keys: signed statements that somebody who was not there can check.

    {"format": 2, "destroyed": owner, "commitments": [hex, one a version], "begun_at": ISO 8601 UTC, "at": ISO 8601 UTC,
     "by": user id, "held_by": [{"backup": id, "at": ISO 8601}], "data_backups": [{"backup": id, "at": ISO 8601}],
     "public_key": hex, "signature": hex}

The key was destroyed between `begun_at` and `at`, when all that it sealed was gone too: seconds, or the time until the
house was opened again where its process was killed in between. Format 1 had neither `begun_at` nor `data_backups`; it
is verified still.

The signature (Ed25519, RFC 8032) is over the other fields as canonical JSON, by a key derived from the audit key.
`commitments` let the holder of an old keyring find the wrapped keys that are meant; `held_by` names the copies of the
keyring that are known: one taken since the key was made holds it until it is destroyed too. `data_backups` names the
backups of the data that may hold what the key sealed: of themselves they open nothing, beside such a copy of the
keyring they do. Both are those that the house's record knows. There is no name in it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from security.errors import SealBroken
from security.intents import Intent
from security.sealing import DataKey, verify_signature

_FORMAT, _FORMATS_READ = 2, (1, 2)


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of the keyring, or a backup of the data, that was taken: its id, and when (UTC)."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Destroyed:
    """A key that is gone: what was intended, when all was gone that it sealed, which backups hold the one or the other.

    `held_by` are copies of the keyring, `data_backups` backups of what the key sealed.
    """

    intent: Intent
    at: datetime
    held_by: Sequence[Backup]
    data_backups: Sequence[Backup]


def signed_receipt(key: DataKey, destroyed: Destroyed) -> dict[str, Any]:
    """The receipt as JSON. `key` is the audit log's."""
    intent = destroyed.intent
    body = {
        "format": _FORMAT,
        "destroyed": intent.owner,
        "commitments": list(intent.commitments),
        "begun_at": intent.begun_at.isoformat(timespec="seconds"),
        "at": destroyed.at.isoformat(timespec="seconds"),
        "by": intent.by,
        "held_by": _listed(destroyed.held_by),
        "data_backups": _listed(destroyed.data_backups),
        "public_key": key.signing_public_key.hex(),
    }
    return body | {"signature": key.sign(_canonical(body)).hex()}


def verify_receipt(receipt: Mapping[str, Any], public_key: bytes) -> None:
    """Raise SealBroken unless the house with this public key signed exactly this receipt."""
    body = {name: value for name, value in receipt.items() if name != "signature"}
    try:
        is_whole = body["public_key"] == public_key.hex() and body["format"] in _FORMATS_READ
        signature = bytes.fromhex(receipt["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise SealBroken("this is not a receipt of ours; ask for it again") from error
    if not is_whole or not verify_signature(public_key, signature, _canonical(body)):
        raise SealBroken("the receipt was changed, or another house signed it; ask for it again")


def _listed(backups: Sequence[Backup]) -> list[dict[str, str]]:
    return [{"backup": held.id, "at": held.at.isoformat(timespec="seconds")} for held in backups]


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
