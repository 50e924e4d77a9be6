"""Claim: a group gives what the house wrote and no more: rows brought in, put back, exchanged, taken out are named."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, delete, insert, select, update

from chat.admin.registry import OPERATIONS
from chat.assembly import House
from chat.opening import initialise, open_house
from chat.settings import Settings, Store
from security.access import Right
from security.errors import AccessDenied, SealBroken
from security.identity import CollectionId, GroupId, Principal, Role
from security.tables import group_grants, groups, memberships
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = [pytest.mark.usefixtures("process_as_it_was"), ON_BOTH_DATABASES]
PASSWORD = "correct horse battery"


class Firm:
    """Ada is a jurist and reads the law; Bob is a cook and reads the menus. Each attack is for Bob to read the law."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.law, self.menus = (self._collection(name) for name in ("law", "menus"))
        self.jurists, self.cooks = (house.directory.groups.add(name) for name in ("jurists", "cooks"))
        self.ada, self.bob = self._person("ada", self.jurists), self._person("bob", self.cooks)
        for group, collection in ((self.jurists, self.law), (self.cooks, self.menus)):
            house.directory.groups.give(group, collection, Right.READ)

    def _collection(self, name: str) -> CollectionId:
        (made,) = OPERATIONS["collection.create"](self.house, name=name)
        return CollectionId(str(made["id"]))

    def _person(self, name: str, group: GroupId) -> Principal:
        user_id = self.house.directory.add_user(name, PASSWORD, Role.EMPLOYEE)
        self.house.directory.groups.join(group, [user_id])
        return Principal(user_id, Role.EMPLOYEE)

    def reads(self, person: Principal, collection: CollectionId) -> bool:
        return bool(self.house.policy.grant(person, collection, Right.READ))


@pytest.fixture
def firm(process_as_it_was: None, tmp_path: Path, store: Store) -> Iterator[Firm]:
    settings = Settings(store=store)
    initialise(tmp_path / "firm", settings)
    with open_house(tmp_path / "firm", settings) as house:
        yield Firm(house)


def reasons(house: House) -> list[str]:
    """What `huisclos verify` finds of users and grants."""
    events = OPERATIONS["verify"](house, is_quick=True)
    return next(event["reasons"] for event in events if event["subject"] == "users and grants")


def row_of(connection: Connection, table: Table, **own: str) -> dict[str, object]:
    conditions = (table.c[name] == value for name, value in own.items())
    return dict(connection.execute(select(table).where(*conditions)).mappings().one())


def bring_in_a_membership(connection: Connection, firm: Firm) -> None:
    row = {"group_id": firm.jurists, "user_id": firm.bob.user_id, "proof": b"x" * 32}
    connection.execute(insert(memberships).values(**row))


def change_a_proof(connection: Connection, firm: Firm) -> None:
    own = memberships.c.user_id == firm.bob.user_id
    connection.execute(update(memberships).where(own).values(proof=bytes(32)))


def copy_a_membership(connection: Connection, firm: Firm) -> None:
    """Ada's own row, with her proof, in Bob's name."""
    row = row_of(connection, memberships, user_id=firm.ada.user_id)
    connection.execute(insert(memberships).values({**row, "user_id": firm.bob.user_id}))


def exchange_memberships(connection: Connection, firm: Firm) -> None:
    for user, group in ((firm.ada, firm.cooks), (firm.bob, firm.jurists)):
        own = memberships.c.user_id == user.user_id
        connection.execute(update(memberships).where(own).values(group_id=group))


def give_the_law_to_the_cooks(connection: Connection, firm: Firm) -> None:
    own = group_grants.c.group_id == firm.cooks
    connection.execute(update(group_grants).where(own).values(collection_id=firm.law))


def copy_the_right_of_the_jurists(connection: Connection, firm: Firm) -> None:
    row = row_of(connection, group_grants, group_id=firm.jurists)
    connection.execute(insert(group_grants).values({**row, "group_id": firm.cooks}))


ATTACKS: dict[str, Callable[[Connection, Firm], None]] = {
    "a membership brought in": bring_in_a_membership,
    "the proof of a membership changed": change_a_proof,
    "a membership copied": copy_a_membership,
    "memberships exchanged": exchange_memberships,
    "a right of a group moved": give_the_law_to_the_cooks,
    "a right of a group copied": copy_the_right_of_the_jurists,
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_row_written_by_hand_gives_nothing_and_is_named(
    firm: Firm, attack: Callable[[Connection, Firm], None]
) -> None:
    assert firm.reads(firm.ada, firm.law)
    assert reasons(firm.house) == []
    with firm.house.engine.begin() as connection:
        attack(connection, firm)
    with pytest.raises(SealBroken, match="was not written by the house"):
        firm.reads(firm.bob, firm.law)
    (reason,) = reasons(firm.house)
    assert "group" in reason
    list(OPERATIONS["repair.directory"](firm.house))
    assert reasons(firm.house) == []
    with pytest.raises(AccessDenied):
        firm.reads(firm.bob, firm.law)


def leave(firm: Firm) -> None:
    firm.house.directory.groups.leave(firm.jurists, [firm.ada.user_id])


def take(firm: Firm) -> None:
    firm.house.directory.groups.take(firm.jurists, firm.law)


@pytest.mark.parametrize(("table", "end"), [(memberships, leave), (group_grants, take)], ids=["left", "taken"])
def test_a_membership_or_right_that_ended_and_was_put_back_gives_nothing(
    firm: Firm, table: Table, end: Callable[[Firm], None]
) -> None:
    """The row with its true proof, as the house once wrote it."""
    with firm.house.engine.begin() as connection:
        row = row_of(connection, table, group_id=firm.jurists)
    end(firm)
    with firm.house.engine.begin() as connection:
        connection.execute(insert(table).values(**row))
    with pytest.raises(SealBroken, match=f"group {firm.jurists}"):
        firm.reads(firm.ada, firm.law)
    (reason,) = reasons(firm.house)
    assert firm.jurists in reason
    events = list(OPERATIONS["repair.directory"](firm.house))
    assert {"group": "jurists", "members": ["ada"]} in events
    assert {"grant": "law", "group": "jurists", "right": "read"} in events
    end(firm)
    with pytest.raises(AccessDenied):
        firm.reads(firm.ada, firm.law)


def test_a_removed_group_put_back_with_its_rows_gives_nothing(firm: Firm) -> None:
    with firm.house.engine.begin() as connection:
        kept = {table: row_of(connection, table, group_id=firm.jurists) for table in (memberships, group_grants)}
        kept[groups] = row_of(connection, groups, id=firm.jurists)
    firm.house.directory.groups.remove(firm.jurists)
    with firm.house.engine.begin() as connection:
        for table, row in kept.items():
            connection.execute(insert(table).values(**row))
    with pytest.raises(SealBroken):
        firm.reads(firm.ada, firm.law)
    with pytest.raises(SealBroken, match=f"group {firm.jurists}"):
        firm.house.directory.groups.find("jurists")
    assert reasons(firm.house)


def test_memberships_and_groups_taken_out_are_named(firm: Firm) -> None:
    with firm.house.engine.begin() as connection:
        connection.execute(delete(memberships).where(memberships.c.user_id == firm.ada.user_id))
    with pytest.raises(SealBroken, match=f"membership of {firm.ada.user_id} in group {firm.jurists}"):
        firm.reads(firm.ada, firm.law)
    (reason,) = reasons(firm.house)
    assert f"membership of {firm.ada.user_id}" in reason
    list(OPERATIONS["repair.directory"](firm.house))
    with firm.house.engine.begin() as connection:
        connection.execute(delete(groups).where(groups.c.id == firm.cooks))
    with pytest.raises(SealBroken, match=f"group {firm.cooks}: the row was changed, removed"):
        firm.house.directory.groups.list()
    (reason,) = reasons(firm.house)
    assert firm.cooks in reason
    list(OPERATIONS["repair.directory"](firm.house))
    with pytest.raises(AccessDenied):  # nothing hangs on a group that is not there
        firm.reads(firm.bob, firm.menus)


def test_names_of_groups_exchanged_are_seen(firm: Firm) -> None:
    """Or who puts somebody into one group would put them into another."""
    with firm.house.engine.begin() as connection:
        law, menus = (row_of(connection, groups, id=each) for each in (firm.jurists, firm.cooks))
        for row, key in ((law, bytes(32)), (menus, law["name_key"]), (law, menus["name_key"])):
            connection.execute(update(groups).where(groups.c.id == row["id"]).values(name_key=key))
    with pytest.raises(SealBroken):
        list(OPERATIONS["group.join"](firm.house, name="cooks", users=["bob"]))
    with pytest.raises(AccessDenied):
        firm.reads(firm.bob, firm.law)


def test_a_shredded_person_is_in_no_group(firm: Firm) -> None:
    list(OPERATIONS["keys.shred_person"](firm.house, name="ada"))
    assert firm.house.directory.groups.members(firm.jurists) == ()
    assert reasons(firm.house) == []
