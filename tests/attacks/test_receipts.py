"""Claim: a key that was destroyed leaves a receipt that verifies, wherever the process was killed meanwhile."""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select

from chat.assembly import House
from chat.conversations import ThreadId
from chat.opening import initialise, open_house
from chat.settings import Settings, Store
from chat.shredding import SHRED
from chat.tables import threads
from rag.store.tables import collections, documents, passages
from security.clock import utc_now
from security.errors import AuditBroken
from security.identity import OPERATOR, Principal, Role, UserId
from security.intents import Intent, Intents
from security.keyring import KeyOwner, collection_owner, person_owner
from security.receipts import verify_receipt
from tests.attacks.test_shredding import filled, run
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = pytest.mark.usefixtures("process_as_it_was")
STEPS_MAX = 200
"""Many more than a destruction has."""


@pytest.fixture
def open_again(tmp_path: Path, store: Store) -> Callable[[], Any]:
    """Opens the house, as a start does."""
    state, settings = tmp_path / "state", Settings(store=store)
    initialise(state, settings)
    return lambda: open_house(state, settings)


def collection_in(house: House) -> tuple[KeyOwner, str]:
    name = f"archive {time.monotonic_ns()}"
    grant, _ = filled(house, name, 2)
    return collection_owner(grant.collection_id), name


def person_in(house: House) -> tuple[KeyOwner, str]:
    name = f"ada{time.monotonic_ns()}"
    ada = Principal(house.directory.add_user(name, "correct horse battery", Role.EMPLOYEE), Role.EMPLOYEE)
    house.conversations.put(ada, ThreadId(name), "about the wombat")
    return person_owner(ada.user_id), name


def killed_at(step: int, open_again: Callable[[], Any], kind: str, name: str) -> bool:
    """Destroy a key in a process that is killed at its n-th step that reaches the disk; gives whether it was."""
    child = os.fork()
    if child == 0:
        try:
            with open_again() as house:
                kill_at(step, house)
                run(house, f"keys.shred_{kind}", name=name)
                os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def kill_at(step: int, house: House) -> None:
    """Before each sync, renaming, removal and commit one is counted down, and then the process is no more."""
    left = [step]

    def count(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    synced = os.fsync

    def fsync(fd: Any) -> None:
        count()
        synced(fd)

    os.fsync = fsync
    sys.addaudithook(lambda name, _: count() if name in {"os.rename", "os.remove", "shutil.rmtree"} else None)
    event.listen(house.engine, "commit", count)


def rows_of(house: House, owner: KeyOwner) -> int:
    """What stands in the database of a collection, or of a person's conversations."""
    kind, _, identifier = owner.partition(":")
    own = {
        "collection": (
            collections.c.id == identifier,
            documents.c.collection_id == identifier,
            passages.c.collection_id == identifier,
        ),
        "person": (threads.c.user_id == identifier,),
    }
    with house.engine.connect() as connection:
        counts = (select(func.count()).where(condition) for condition in own[kind])
        return sum(connection.execute(count).scalar_one() for count in counts)


def receipt_of(house: House, owner: KeyOwner) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((house.state / "receipts" / f"{owner.replace(':', '-')}.json").read_text())
    return found


def outcomes(house: House, owner: KeyOwner) -> list[str]:
    with house.engine.connect() as connection:
        query = "SELECT outcome FROM audit WHERE action = 'keys.shred' AND object_id = '{}' ORDER BY seq"
        return list(connection.exec_driver_sql(query.format(owner)).scalars())


@ON_BOTH_DATABASES
@pytest.mark.parametrize(("kind", "made"), [("collection", collection_in), ("person", person_in)])
def test_killed_at_any_step_either_nothing_happened_or_the_next_start_signs_the_receipt(
    open_again: Callable[[], Any], kind: str, made: Callable[[House], tuple[KeyOwner, str]]
) -> None:
    seen: set[str] = set()
    for step in range(1, STEPS_MAX):
        with open_again() as house:
            owner, name = made(house)
            commitments = list(house.keyring.commitments(owner))
        was_killed = killed_at(step, open_again, kind, name)
        with open_again() as house:
            assert not list((house.state / "receipts").glob("*.begun"))
            assert house.shredder.unfinished == {}
            assert house.audit.verify().broken_at is None
            if house.keyring.has(owner):
                assert rows_of(house, owner)
                assert not (house.state / "receipts" / f"{owner.replace(':', '-')}.json").exists()
                assert outcomes(house, owner) in ([], ["dropped"], ["begun", "dropped"])
                seen.add("nothing happened")
            else:
                receipt = receipt_of(house, owner)
                verify_receipt(receipt, house.keyring.for_audit().signing_public_key)
                assert (receipt["destroyed"], receipt["commitments"]) == (owner, commitments)
                assert receipt["begun_at"] <= receipt["at"]
                assert rows_of(house, owner) == 0
                assert not (house.state / "originals" / owner.partition(":")[2]).exists()
                assert outcomes(house, owner) == ["begun", "done"]
                seen.add("killed, and signed" if was_killed else "signed")
        if not was_killed:
            break
    assert seen == {"nothing happened", "killed, and signed", "signed"}


def test_what_failed_in_a_running_house_is_ended_at_the_next_destruction(
    open_again: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_again() as house:
        (owner, name), (other, second) = collection_in(house), collection_in(house)
        with monkeypatch.context() as patched:
            patched.setattr("chat.shredding.write_private", full_disk)
            with pytest.raises(OSError, match="No space"):
                run(house, "keys.shred_collection", name=name)
        assert not house.keyring.has(owner)
        run(house, "keys.shred_collection", name=second)
        for each in (owner, other):
            verify_receipt(receipt_of(house, each), house.keyring.for_audit().signing_public_key)


def test_what_cannot_be_ended_keeps_nobody_out_and_is_told(
    open_again: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_again() as house:
        owner, name = collection_in(house)
        with monkeypatch.context() as patched:
            patched.setattr("chat.shredding.write_private", full_disk)
            with pytest.raises(OSError, match="No space"):
                run(house, "keys.shred_collection", name=name)
    with monkeypatch.context() as patched:
        patched.setattr("chat.shredding.write_private", full_disk)
        with open_again() as house:
            (found,) = [row for row in run(house, "doctor") if row["subject"] == f"receipt of {owner}"]
            assert not found["is_fine"]
            assert "free the disk" in str(found["remedy"])
    with open_again() as house:
        assert receipt_of(house, owner)["destroyed"] == owner


def full_disk(path: Path, content: bytes) -> None:
    raise OSError(28, "No space left on device")


def test_where_nothing_can_be_written_down_nothing_is_destroyed(
    open_again: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_again() as house:
        owner, name = collection_in(house)

        def refused(*_: object) -> None:
            raise AuditBroken("the audit log cannot be written")

        monkeypatch.setattr(house.audit, "record", refused)
        with pytest.raises(AuditBroken):
            run(house, "keys.shred_collection", name=name)
        assert house.keyring.has(owner)
        assert not list((house.state / "receipts").glob("*.begun"))


def test_a_stranger_who_writes_an_intent_gets_no_receipt(open_again: Callable[[], Any], tmp_path: Path) -> None:
    """Nor does one who moves an intent of ours to another key's place."""
    absent = KeyOwner("collection:00ff")
    with open_again() as house:
        Intents(tmp_path / "elsewhere", house.keyring.for_audit).write(an_intent(KeyOwner("collection:0011")))
        folder = house.state / "receipts"
        folder.mkdir(exist_ok=True)
        shutil.copy(tmp_path / "elsewhere" / "collection-0011.begun", folder / "collection-00ff.begun")
    with open_again() as house:
        assert list(house.shredder.unfinished) == [absent]
        assert not list(folder.glob("*.json"))


def test_an_intent_that_is_put_back_signs_nothing_again(open_again: Callable[[], Any], tmp_path: Path) -> None:
    """Dropped once, and then the collection was removed in the ordinary way: no receipt was asked for."""
    with open_again() as house:
        owner, name = collection_in(house)
        Intents(house.state / "receipts", house.keyring.for_audit).write(an_intent(owner))
        shutil.copytree(house.state / "receipts", tmp_path / "kept")
        house.audit.record(OPERATOR.user_id, SHRED, owner, "begun")
    with open_again() as house:
        assert outcomes(house, owner) == ["begun", "dropped"]
        run(house, "collection.remove", name=name)
        shutil.copytree(tmp_path / "kept", house.state / "receipts", dirs_exist_ok=True)
    with open_again() as house:
        assert not list((house.state / "receipts").iterdir())
        assert house.shredder.ended == ()


def an_intent(owner: KeyOwner) -> Intent:
    return Intent(owner, ("00",), utc_now(), UserId("operator"))
