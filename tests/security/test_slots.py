from dataclasses import replace
from pathlib import Path

import pytest

from security.errors import InsecureState, KeyringLocked, PasswordRefused
from security.passwords import Argon2Cost
from security.slots import PASSPHRASE_COST, Given, KeyFile, Passphrase, SlotKind, make_slot, open_slots, rewrap_slot
from security.withheld import Withheld

ROOT = b"R" * 32


@pytest.fixture
def passphrase(cheap: Argon2Cost) -> Passphrase:
    return Passphrase(Withheld("correct horse battery"), cheap)


def test_each_secret_opens_the_root_key_in_its_own_slot(key_file: KeyFile, passphrase: Passphrase) -> None:
    slots = (make_slot(key_file, ROOT), make_slot(passphrase, ROOT))
    assert [slot.kind for slot in slots] == [SlotKind.KEY_FILE, SlotKind.PASSPHRASE]
    assert open_slots(slots, key_file) == (slots[0], ROOT)
    assert open_slots(slots, passphrase) == (slots[1], ROOT)


def test_the_cost_of_a_passphrase_is_the_one_in_its_slot(passphrase: Passphrase) -> None:
    slot = make_slot(passphrase, ROOT)
    assert slot.cost == passphrase.cost
    assert open_slots((slot,), Passphrase(passphrase.text)) == (slot, ROOT)  # asks with the expensive default


def test_a_passphrase_costs_what_was_decided_unless_told_otherwise() -> None:
    assert Passphrase(Withheld("correct horse battery")).cost == PASSPHRASE_COST
    assert (PASSPHRASE_COST.memory_kib, PASSPHRASE_COST.passes, PASSPHRASE_COST.lanes) == (256 * 1024, 3, 4)


def test_a_slot_made_with_an_existing_key_file_uses_it(key_file: KeyFile) -> None:
    first = make_slot(key_file, ROOT)
    content = key_file.path.read_bytes()
    second = make_slot(key_file, ROOT)
    assert key_file.path.read_bytes() == content
    assert open_slots((first,), key_file)[1] == open_slots((second,), key_file)[1] == ROOT


@pytest.mark.parametrize("kind", [SlotKind.CREDENTIAL, SlotKind.COMMAND])
def test_what_another_program_gives_is_stretched_like_a_passphrase(kind: SlotKind, cheap: Argon2Cost) -> None:
    slot = make_slot(Given(kind, b"printed elsewhere", cheap), ROOT)
    assert slot.cost == cheap
    assert open_slots((slot,), Given(kind, b"printed elsewhere"))[1] == ROOT
    with pytest.raises(KeyringLocked, match="opens none"):
        open_slots((slot,), Passphrase(Withheld("printed elsewhere")))


def test_a_slot_takes_a_new_root_from_its_own_secret_only(passphrase: Passphrase, key_file: KeyFile) -> None:
    slot = make_slot(passphrase, ROOT)
    fresh = rewrap_slot(slot, passphrase, b"N" * 32)
    assert (fresh.id, fresh.salt, fresh.commitment) == (slot.id, slot.salt, slot.commitment)
    assert open_slots((fresh,), passphrase)[1] == b"N" * 32
    make_slot(key_file, ROOT)
    with pytest.raises(KeyringLocked):
        rewrap_slot(slot, key_file, b"N" * 32)


def test_the_wrong_passphrase_opens_nothing(passphrase: Passphrase, cheap: Argon2Cost) -> None:
    with pytest.raises(KeyringLocked, match="opens none of 1 slots"):
        open_slots((make_slot(passphrase, ROOT),), Passphrase(Withheld("incorrect horse battery"), cheap))


def test_a_weak_passphrase_is_refused(cheap: Argon2Cost) -> None:
    with pytest.raises(PasswordRefused):
        make_slot(Passphrase(Withheld("short"), cheap), ROOT)


def test_a_damaged_slot_is_told_from_a_wrong_secret(passphrase: Passphrase) -> None:
    slot = make_slot(passphrase, ROOT)
    damaged = replace(slot, wrapped=slot.wrapped[:-1] + bytes([slot.wrapped[-1] ^ 1]))
    with pytest.raises(KeyringLocked, match="is damaged"):
        open_slots((damaged,), passphrase)


@pytest.mark.parametrize("cost", [None, Argon2Cost(2**30, 1, 1), Argon2Cost(64, 10**6, 1), Argon2Cost(64, 1, 1000)])
def test_a_slot_that_asks_for_endless_work_is_refused(passphrase: Passphrase, cost: Argon2Cost | None) -> None:
    with pytest.raises(KeyringLocked, match="not one of ours"):
        open_slots((replace(make_slot(passphrase, ROOT), cost=cost),), passphrase)


def test_a_key_file_that_is_missing_or_no_key_is_explained(tmp_path: Path, key_file: KeyFile) -> None:
    slot = make_slot(key_file, ROOT)
    with pytest.raises(KeyringLocked, match="cannot be read"):
        open_slots((slot,), KeyFile(tmp_path / "nowhere"))
    key_file.path.write_bytes(b"short")
    with pytest.raises(KeyringLocked, match="not 32 bytes long"):
        open_slots((slot,), key_file)
    key_file.path.write_bytes(b"x" * 33)
    with pytest.raises(InsecureState, match="larger than 32 bytes"):
        open_slots((slot,), key_file)


def test_a_passphrase_is_not_shown(passphrase: Passphrase) -> None:
    assert "correct" not in repr(passphrase)
