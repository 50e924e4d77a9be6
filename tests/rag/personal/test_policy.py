"""A policy is one of three; a document that is refused is told so by kinds and numbers alone."""

import pytest

from rag.errors import DocumentRejected, PolicyUnknown
from rag.personal.kinds import Identifiers, Kind
from rag.personal.policy import Policy, check_admitted, policy_of

HELD = Identifiers(((Kind.IBAN, 2), (Kind.PHONE, 1)), 1)


def test_a_name_that_is_not_known_is_no_policy() -> None:
    assert policy_of("mask") is Policy.MASK
    with pytest.raises(PolicyUnknown, match=r"'shred', expected one of keep, mask, refuse; .* until it is set"):
        policy_of("shred")


def test_only_refuse_refuses_and_only_what_holds_something() -> None:
    for policy in (Policy.KEEP, Policy.MASK):
        check_admitted(policy, HELD)
    check_admitted(Policy.REFUSE, Identifiers())
    with pytest.raises(DocumentRejected, match=r"2 IBANs, 1 phone number, .*`huisclos collection policy`"):
        check_admitted(Policy.REFUSE, HELD)
