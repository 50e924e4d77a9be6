"""Claim: only the access policy makes grants, only a grant opens a collection, and a denial tells nothing."""

import copy
import dataclasses

import pytest
from sqlalchemy import Engine, insert, update

from security.access import AccessPolicy, Grant, Right
from security.directory import Directory
from security.errors import AccessDenied, SealBroken
from security.identity import CollectionId, Principal, Role, UserId
from security.keyring import Keyring, collection_owner
from security.tables import grants, users
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = ON_BOTH_DATABASES
LAW, PAY = CollectionId("law"), CollectionId("pay")
PASSWORD = "correct horse battery"


def add(directory: Directory, name: str, role: Role = Role.EMPLOYEE) -> Principal:
    return Principal(directory.add_user(name, PASSWORD, role), role)


@pytest.fixture
def ada(directory: Directory, keyring: Keyring) -> Principal:
    principal = add(directory, "Ada")
    for collection_id in (LAW, PAY):
        keyring.create(collection_owner(collection_id))
    directory.give(principal.user_id, LAW, Right.READ)
    return principal


@pytest.mark.parametrize("proof", [b"", bytes(32), b"x" * 32])
def test_a_grant_cannot_be_made_by_hand(ada: Principal, proof: bytes) -> None:
    with pytest.raises(AccessDenied, match="not made by the access policy"):
        Grant(ada, LAW, Right.READ, proof)


@pytest.mark.parametrize(
    "change", [{"collection_id": PAY}, {"right": Right.MANAGE}, {"principal": Principal(UserId("eve"), Role.EMPLOYEE)}]
)
def test_a_grant_cannot_be_changed_into_another(
    ada: Principal, directory: Directory, change: dict[str, CollectionId]
) -> None:
    grant = AccessPolicy(directory).grant(ada, LAW, Right.READ)
    with pytest.raises(AccessDenied):
        dataclasses.replace(grant, **change)  # type: ignore[arg-type]  # the attacker does not care for types


def test_a_grant_forged_past_its_constructor_opens_no_key(
    ada: Principal, directory: Directory, keyring: Keyring
) -> None:
    forged = copy.copy(AccessPolicy(directory).grant(ada, LAW, Right.READ))
    object.__setattr__(forged, "collection_id", PAY)
    with pytest.raises(AccessDenied):
        keyring.for_grant(forged)
    empty = object.__new__(Grant)
    for name, value in (("principal", ada), ("collection_id", PAY), ("right", Right.READ), ("proof", b"")):
        object.__setattr__(empty, name, value)
    with pytest.raises(AccessDenied):
        keyring.for_grant(empty)


def test_a_denial_is_the_same_whether_the_collection_exists_or_not(ada: Principal, directory: Directory) -> None:
    policy = AccessPolicy(directory)
    messages = set()
    for collection_id in (PAY, CollectionId("never-was")):
        with pytest.raises(AccessDenied) as caught:
            policy.grant(ada, collection_id, Right.READ)
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_a_taken_right_or_a_disabled_user_is_denied_at_once(ada: Principal, directory: Directory) -> None:
    policy = AccessPolicy(directory)
    assert policy.grants(ada)
    directory.take(ada.user_id, LAW, Right.READ)
    assert policy.grants(ada) == ()
    directory.give(ada.user_id, LAW, Right.READ)
    directory.disable(ada.user_id)
    assert policy.grants(ada) == ()
    with pytest.raises(AccessDenied):
        policy.grant(ada, LAW, Right.READ)


def test_a_grant_row_written_by_hand_grants_nothing(ada: Principal, directory: Directory, engine: Engine) -> None:
    row = {"user_id": ada.user_id, "collection_id": PAY, "right": "read", "proof": bytes(32)}
    with engine.begin() as connection:
        connection.execute(insert(grants).values(row))
    with pytest.raises(SealBroken, match="not written by the house"):
        AccessPolicy(directory).grant(ada, PAY, Right.READ)


@pytest.mark.parametrize("change", [{"collection_id": PAY}, {"right": "manage"}, {"user_id": "eve"}])
def test_a_grant_row_edited_by_hand_grants_nothing(
    ada: Principal, directory: Directory, engine: Engine, change: dict[str, str]
) -> None:
    with engine.begin() as connection:
        connection.execute(update(grants).values(change))
    user_id = UserId(change.get("user_id", ada.user_id))
    with pytest.raises(SealBroken, match="not written by the house"):
        directory.collections(user_id)


def test_a_profile_moved_to_another_user_does_not_open(ada: Principal, directory: Directory, engine: Engine) -> None:
    """An administrator's sealed role and password do not serve in an employee's row."""
    boss = add(directory, "Boss", Role.ADMINISTRATOR)
    with engine.begin() as connection:
        stolen = connection.execute(users.select().where(users.c.id == boss.user_id)).one().profile
        connection.execute(update(users).where(users.c.id == ada.user_id).values(profile=stolen))
    with pytest.raises(SealBroken):
        directory.check_password("Ada", PASSWORD)
    with pytest.raises(SealBroken):
        AccessPolicy(directory).grants(ada)
