import pytest

from security.access import HOUSE, AccessPolicy, Right
from security.errors import AccessDenied
from security.identity import OPERATOR, CollectionId, Principal, Role, UserId

ADA = Principal(UserId("ada"), Role.EMPLOYEE)
BOB = Principal(UserId("bob"), Role.ADMINISTRATOR)
LAW, PAY = CollectionId("law"), CollectionId("pay")


class PaperBook:
    """A grant book in memory."""

    def __init__(
        self, *entries: tuple[Principal, CollectionId, Right], disabled: frozenset[UserId] = frozenset()
    ) -> None:
        self._entries = entries
        self._disabled = disabled

    def rights(self, user_id: UserId, collection_id: CollectionId) -> frozenset[Right]:
        return frozenset(right for who, what, right in self._entries if (who.user_id, what) == (user_id, collection_id))

    def collections(self, user_id: UserId) -> tuple[CollectionId, ...]:
        return tuple(sorted({what for who, what, _ in self._entries if who.user_id == user_id}))

    def is_active(self, user_id: UserId) -> bool:
        return user_id not in self._disabled


def test_a_grant_says_who_may_do_what_with_which_collection() -> None:
    grant = AccessPolicy(PaperBook((ADA, LAW, Right.READ))).grant(ADA, LAW, Right.READ)
    assert (grant.principal, grant.collection_id, grant.right) == (ADA, LAW, Right.READ)
    grant.check()
    assert "proof" not in repr(grant)


@pytest.mark.parametrize("right", [Right.READ, Right.MANAGE])
def test_no_right_implies_another(right: Right) -> None:
    policy = AccessPolicy(PaperBook((ADA, LAW, right)))
    other = {Right.READ: Right.MANAGE, Right.MANAGE: Right.READ}[right]
    assert policy.grant(ADA, LAW, right)
    with pytest.raises(AccessDenied):
        policy.grant(ADA, LAW, other)


def test_an_administrator_and_the_operator_read_nothing_without_a_grant() -> None:
    policy = AccessPolicy(PaperBook((ADA, LAW, Right.READ)))
    for principal in (BOB, OPERATOR):
        assert policy.grants(principal) == ()
        with pytest.raises(AccessDenied):
            policy.grant(principal, LAW, Right.READ)


def test_grants_are_those_with_the_right_asked_for() -> None:
    policy = AccessPolicy(PaperBook((ADA, LAW, Right.READ), (ADA, PAY, Right.MANAGE), (BOB, PAY, Right.READ)))
    assert [grant.collection_id for grant in policy.grants(ADA)] == [LAW]
    assert [grant.collection_id for grant in policy.grants(ADA, Right.MANAGE)] == [PAY]


def test_a_disabled_user_is_granted_nothing() -> None:
    policy = AccessPolicy(PaperBook((ADA, LAW, Right.READ), disabled=frozenset({ADA.user_id})))
    assert policy.grants(ADA) == ()
    with pytest.raises(AccessDenied):
        policy.grant(ADA, LAW, Right.READ)


def test_indexing_is_for_the_house_alone() -> None:
    policy = AccessPolicy(PaperBook((ADA, LAW, Right.INDEX)))
    grant = policy.for_indexing(LAW)
    assert (grant.principal, grant.right) == (HOUSE, Right.INDEX)
    assert policy.grants(ADA, Right.INDEX) == ()
    with pytest.raises(AccessDenied):
        policy.grant(ADA, LAW, Right.INDEX)
