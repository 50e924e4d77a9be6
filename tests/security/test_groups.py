from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from security.access import AccessPolicy, Right
from security.directory import Directory
from security.errors import AccessDenied, NameRefused
from security.identity import CollectionId, GroupId, Principal, Role, UserId
from security.keyring import Keyring
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = ON_BOTH_DATABASES

PASSWORD = "correct horse battery"
LAW, PAY = CollectionId("law"), CollectionId("pay")


@pytest.fixture
def ada(directory: Directory) -> Principal:
    return Principal(directory.add_user("Ada Lovelace", PASSWORD, Role.EMPLOYEE), Role.EMPLOYEE)


@pytest.fixture
def jurists(directory: Directory) -> GroupId:
    return directory.groups.add("Jurists & Co")


def readable(directory: Directory, person: Principal) -> list[CollectionId]:
    return [grant.collection_id for grant in AccessPolicy(directory).grants(person)]


def test_an_added_group_is_empty_and_found_by_name(directory: Directory, jurists: GroupId) -> None:
    found = directory.groups.find("  jurists  & CO ")
    assert found is not None
    assert (found.id, found.name) == (jurists, "Jurists & Co")
    assert directory.groups.list() == (found,)
    assert directory.groups.members(jurists) == ()
    assert directory.groups.find("pilots") is None


@pytest.mark.usefixtures("jurists")
@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\x00b", "Operator", "JURISTS & co"])
def test_names_that_cannot_be_or_are_taken_are_refused(directory: Directory, name: str) -> None:
    with pytest.raises(NameRefused, match="choose another"):
        directory.groups.add(name)
    assert len(directory.groups.list()) == 1


def test_who_is_in_a_group_holds_what_it_holds(directory: Directory, ada: Principal, jurists: GroupId) -> None:
    directory.groups.give(jurists, LAW, Right.READ)
    assert readable(directory, ada) == []
    directory.groups.join(jurists, [ada.user_id])
    assert readable(directory, ada) == [LAW]
    assert AccessPolicy(directory).grant(ada, LAW, Right.READ)
    assert directory.rights(ada.user_id, LAW) == {Right.READ}
    assert directory.rights(ada.user_id, PAY) == frozenset()
    assert directory.groups.grantees(LAW) == ((jurists, Right.READ),)
    assert directory.groups.collections(jurists) == ((LAW, Right.READ),)
    assert directory.grantees(LAW) == ()


def test_a_right_held_twice_is_held_until_both_are_taken(
    directory: Directory, ada: Principal, jurists: GroupId
) -> None:
    directory.groups.give(jurists, LAW, Right.READ)
    directory.groups.join(jurists, [ada.user_id])
    directory.give(ada.user_id, LAW, Right.READ)
    directory.take(ada.user_id, LAW)
    assert readable(directory, ada) == [LAW]
    directory.give(ada.user_id, LAW, Right.READ)
    directory.groups.leave(jurists, [ada.user_id])
    assert readable(directory, ada) == [LAW]
    directory.take(ada.user_id, LAW)
    assert readable(directory, ada) == []


LOSSES: dict[str, Callable[[Directory, Principal, GroupId], None]] = {
    "leaves": lambda directory, ada, jurists: directory.groups.leave(jurists, [ada.user_id]),
    "leaves all": lambda directory, ada, jurists: directory.groups.leave_all(ada.user_id),
    "the group is removed": lambda directory, ada, jurists: directory.groups.remove(jurists),
    "the grant is taken": lambda directory, ada, jurists: directory.groups.take(jurists, LAW),
    "the collection goes": lambda directory, ada, jurists: directory.take_all(LAW),
    "is disabled": lambda directory, ada, jurists: directory.disable(ada.user_id),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_ends_a_membership_or_a_right_is_felt_at_once(
    directory: Directory, ada: Principal, jurists: GroupId, loss: str
) -> None:
    directory.groups.give(jurists, LAW, Right.READ)
    directory.groups.join(jurists, [ada.user_id])
    assert readable(directory, ada) == [LAW]
    LOSSES[loss](directory, ada, jurists)
    assert readable(directory, ada) == []
    with pytest.raises(AccessDenied):
        AccessPolicy(directory).grant(ada, LAW, Right.READ)
    directory.verify()


def test_no_right_of_a_group_implies_another(directory: Directory, ada: Principal, jurists: GroupId) -> None:
    directory.groups.join(jurists, [ada.user_id])
    directory.groups.give(jurists, LAW, Right.MANAGE)
    assert readable(directory, ada) == []


def test_a_removed_group_leaves_nothing_and_a_free_name(directory: Directory, ada: Principal, jurists: GroupId) -> None:
    directory.groups.give(jurists, LAW, Right.READ)
    directory.groups.join(jurists, [ada.user_id])
    directory.groups.remove(jurists)
    assert directory.groups.list() == ()
    assert directory.groups.grantees(LAW) == ()
    assert directory.groups.of(ada.user_id) == ()
    again = directory.groups.add("Jurists & Co")
    assert again != jurists
    assert directory.groups.members(again) == ()
    assert directory.groups.collections(again) == ()


def test_a_removed_user_is_in_no_group(directory: Directory, ada: Principal, jurists: GroupId) -> None:
    directory.groups.join(jurists, [ada.user_id])
    directory.remove(ada.user_id)
    assert directory.groups.members(jurists) == ()


def test_all_join_or_none(directory: Directory, ada: Principal, jurists: GroupId) -> None:
    with pytest.raises(AccessDenied, match="no user with id 'nobody'"):
        directory.groups.join(jurists, [ada.user_id, UserId("nobody")])
    assert directory.groups.members(jurists) == ()
    directory.groups.join(jurists, [ada.user_id, ada.user_id])
    directory.groups.join(jurists, [ada.user_id])
    assert directory.groups.members(jurists) == (ada.user_id,)
    assert directory.groups.of(ada.user_id) == (jurists,)


def test_an_unknown_group_takes_neither_people_nor_rights(directory: Directory, ada: Principal) -> None:
    acts: tuple[Callable[[], None], ...] = (
        lambda: directory.groups.join(GroupId("nobody"), [ada.user_id]),
        lambda: directory.groups.give(GroupId("nobody"), LAW, Right.READ),
    )
    for act in acts:
        with pytest.raises(AccessDenied, match="no group with id 'nobody'"):
            act()


def test_what_was_written_is_there_for_another_process(
    directory: Directory, ada: Principal, jurists: GroupId, engine: Engine, keyring: Keyring
) -> None:
    directory.groups.give(jurists, LAW, Right.READ)
    directory.groups.join(jurists, [ada.user_id])
    again = Directory(engine, keyring)
    assert readable(again, ada) == [LAW]
    assert again.groups.list() == directory.groups.list()


@pytest.mark.usefixtures("jurists")
def test_no_name_of_a_group_lies_readable_in_the_database(engine: Engine) -> None:
    with engine.connect() as connection:
        content = b"".join(str(row).encode() for row in connection.exec_driver_sql("select * from groups"))
    assert b"urists" not in content
