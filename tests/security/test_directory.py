from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from security.access import AccessPolicy, Right
from security.directory import Directory
from security.errors import AccessDenied, NameRefused, PasswordRefused
from security.identity import OPERATOR, CollectionId, Role, UserId
from security.keyring import Keyring, person_owner
from tests.postgresql import ON_BOTH_DATABASES

pytestmark = ON_BOTH_DATABASES

PASSWORD = "correct horse battery"
LAW, PAY = CollectionId("law"), CollectionId("pay")


@pytest.fixture
def ada(directory: Directory) -> UserId:
    return directory.add_user("Ada Lovelace", PASSWORD, Role.EMPLOYEE)


def test_an_added_user_is_found_by_name_and_id(directory: Directory, ada: UserId) -> None:
    record = directory.user(ada)
    assert record is not None
    assert (record.name, record.role, record.disabled) == ("Ada Lovelace", Role.EMPLOYEE, False)
    assert directory.find_user("  ada   LOVELACE ") == record
    assert directory.users() == (record,)
    assert directory.find_user("bob") is None
    assert directory.user(UserId("nobody")) is None


def test_an_added_user_has_a_key_of_their_own(keyring: Keyring, ada: UserId) -> None:
    assert keyring.has(person_owner(ada))


@pytest.mark.usefixtures("ada")
def test_a_name_is_taken_once_and_the_refused_one_leaves_no_key(directory: Directory, keyring: Keyring) -> None:
    before = keyring.status()
    with pytest.raises(NameRefused, match="of that name"):
        directory.add_user("ADA LOVELACE", PASSWORD, Role.EMPLOYEE)
    assert keyring.status() == before
    assert len(directory.users()) == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\x00b", "Operator"])
def test_names_that_cannot_be_are_refused(directory: Directory, name: str) -> None:
    with pytest.raises(NameRefused):
        directory.add_user(name, PASSWORD, Role.EMPLOYEE)


def test_a_weak_password_is_refused_at_first_and_later(directory: Directory, ada: UserId) -> None:
    with pytest.raises(PasswordRefused):
        directory.add_user("Bob", "short", Role.EMPLOYEE)
    with pytest.raises(PasswordRefused):
        directory.set_password(ada, "short")


def test_the_right_password_gives_the_principal(directory: Directory, ada: UserId) -> None:
    principal = directory.check_password("ada lovelace", PASSWORD)
    assert principal is not None
    assert (principal.user_id, principal.role) == (ada, Role.EMPLOYEE)
    assert directory.check_password("ada lovelace", PASSWORD + "x") is None
    assert directory.check_password("bob", PASSWORD) is None


def test_a_new_password_replaces_the_old(directory: Directory, ada: UserId) -> None:
    directory.set_password(ada, "another horse battery")
    assert directory.check_password("Ada Lovelace", PASSWORD) is None
    assert directory.check_password("Ada Lovelace", "another horse battery") is not None


def test_a_disabled_user_does_not_sign_in_and_is_not_active(directory: Directory, ada: UserId) -> None:
    assert directory.is_active(ada)
    directory.disable(ada)
    assert not directory.is_active(ada)
    assert directory.check_password("Ada Lovelace", PASSWORD) is None
    record = directory.user(ada)
    assert record is not None
    with pytest.raises(AccessDenied):
        directory.open_session(record.principal)


def test_a_removed_user_leaves_no_right_no_session_and_a_free_name(directory: Directory, ada: UserId) -> None:
    record, collection = directory.user(ada), CollectionId("c1")
    assert record is not None
    token = directory.open_session(record.principal)
    directory.give(ada, collection, Right.READ)
    directory.give(OPERATOR.user_id, collection, Right.READ)
    directory.remove(ada)
    assert directory.users() == ()
    assert directory.session(token) is None
    assert directory.grantees(collection) == ((OPERATOR.user_id, Right.READ),)
    assert directory.add_user(record.name, PASSWORD, Role.EMPLOYEE) != ada


def test_the_operator_is_active_and_cannot_sign_in(directory: Directory) -> None:
    assert directory.is_active(OPERATOR.user_id)
    assert directory.check_password("operator", "") is None
    with pytest.raises(AccessDenied):
        directory.open_session(OPERATOR)
    with pytest.raises(AccessDenied):
        directory.set_password(OPERATOR.user_id, PASSWORD)


def test_rights_are_given_and_taken(directory: Directory, ada: UserId) -> None:
    directory.give(ada, LAW, Right.READ)
    directory.give(ada, LAW, Right.READ)
    directory.give(ada, LAW, Right.MANAGE)
    directory.give(OPERATOR.user_id, PAY, Right.MANAGE)
    assert directory.rights(ada, LAW) == {Right.READ, Right.MANAGE}
    assert directory.collections(ada) == (LAW,)
    assert set(directory.grantees(LAW)) == {(ada, Right.READ), (ada, Right.MANAGE)}
    directory.take(ada, LAW, Right.MANAGE)
    assert directory.rights(ada, LAW) == {Right.READ}
    directory.take(ada, LAW)
    assert directory.rights(ada, LAW) == frozenset()
    assert directory.rights(OPERATOR.user_id, PAY) == {Right.MANAGE}
    directory.take_all(PAY)
    assert directory.grantees(PAY) == ()


def test_an_unknown_user_is_given_nothing(directory: Directory) -> None:
    acts: tuple[Callable[[], None], ...] = (
        lambda: directory.give(UserId("nobody"), LAW, Right.READ),
        lambda: directory.disable(UserId("nobody")),
        lambda: directory.set_password(UserId("nobody"), PASSWORD),
    )
    for act in acts:
        with pytest.raises(AccessDenied, match="no user with id 'nobody'"):
            act()


def test_the_policy_reads_the_directory(directory: Directory, ada: UserId) -> None:
    record = directory.user(ada)
    assert record is not None
    directory.give(ada, LAW, Right.READ)
    assert [grant.collection_id for grant in AccessPolicy(directory).grants(record.principal)] == [LAW]
    directory.disable(ada)
    assert AccessPolicy(directory).grants(record.principal) == ()


@pytest.mark.usefixtures("ada")
def test_no_name_and_no_password_lies_readable_in_the_database(engine: Engine) -> None:
    with engine.connect() as connection:
        content = b"".join(str(row).encode() for row in connection.exec_driver_sql("select * from users"))
    for word in (b"Lovelace", b"lovelace", b"employee", b"argon2", b"battery"):
        assert word not in content
