"""Receipts of format 1 verify still; what an audit log says of ends is what a receipt is made of."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from security.errors import SealBroken
from security.identity import UserId
from security.intents import Intent
from security.keyring import AUDIT, KeyOwner
from security.receipts import Backup, Destroyed, signed_receipt, verify_receipt
from security.sealing import DataKey

KEY = DataKey(AUDIT, {1: bytes(range(32))})
OLD = Path(__file__).parent.parent / "vectors" / "receipt-1.json"
BEGUN, ENDED = datetime(2026, 11, 20, 9, 30, tzinfo=UTC), datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def old() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OLD.read_text())
    return found


def new() -> dict[str, Any]:
    intent = Intent(KeyOwner("collection:0011"), ("ab" * 32,), BEGUN, UserId("operator"))
    return signed_receipt(KEY, Destroyed(intent, ENDED, [], [Backup("aa", BEGUN)]))


def test_a_receipt_of_format_1_verifies() -> None:
    assert old()["format"] == 1
    verify_receipt(old(), KEY.signing_public_key)


def test_a_receipt_says_between_which_moments_the_key_went() -> None:
    receipt = new()
    verify_receipt(receipt, KEY.signing_public_key)
    moments = (receipt["begun_at"], receipt["at"])
    assert moments == ("2026-11-20T09:30:00+00:00", "2026-11-21T08:00:00+00:00")


def test_a_receipt_tells_copies_of_the_keyring_from_backups_of_the_data() -> None:
    receipt = new()
    assert receipt["held_by"] == []
    assert receipt["data_backups"] == [{"backup": "aa", "at": "2026-11-20T09:30:00+00:00"}]
    with pytest.raises(SealBroken):
        verify_receipt(receipt | {"data_backups": []}, KEY.signing_public_key)


@pytest.mark.parametrize("made", [old, new])
@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_receipt_of_another_format_than_was_signed_is_refused(made: Any, number: int) -> None:
    receipt = made()
    if receipt["format"] != number:
        with pytest.raises(SealBroken):
            verify_receipt(receipt | {"format": number}, KEY.signing_public_key)
