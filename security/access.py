"""Who may do what with which collection. A permission is a value, and only the policy makes it."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from security.errors import AccessDenied
from security.identity import CollectionId, Principal, Role, UserId
from security.sealing import frame

_PROCESS_KEY = secrets.token_bytes(32)
"""Proves that a grant was made in this process by the policy. A grant from elsewhere does not pass."""


class Right(StrEnum):
    """What a grant allows. None implies another."""

    READ = "read"
    MANAGE = "manage"
    INDEX = "index"


HOUSE = Principal(UserId("house"), Role.EMPLOYEE)
"""The process itself, when it keeps the index in memory. Nobody signs in as it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Proof that `principal` holds `right` on a collection. Made by AccessPolicy only; short-lived, never stored."""

    principal: Principal
    collection_id: CollectionId
    right: Right
    proof: bytes = field(default=b"", repr=False, compare=False)

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise AccessDenied unless the policy of this process made this very grant."""
        if not hmac.compare_digest(self.proof, _prove(self.principal, self.collection_id, self.right)):
            raise AccessDenied("this grant was not made by the access policy; ask AccessPolicy.grant for one")


class GrantBook(Protocol):
    """Where grants are written down."""

    def rights(self, user_id: UserId, collection_id: CollectionId) -> frozenset[Right]:
        """Give the rights of a user on a collection; none for what does not exist."""

    def collections(self, user_id: UserId) -> tuple[CollectionId, ...]:
        """Give the collections on which a user holds any right, in a stable order."""

    def is_active(self, user_id: UserId) -> bool:
        """Tell whether the user exists and is not disabled."""


class AccessPolicy:
    """Makes grants for what the book says, and nothing else. Roles give no right to read."""

    def __init__(self, book: GrantBook) -> None:
        self._book = book

    def grant(self, principal: Principal, collection_id: CollectionId, right: Right) -> Grant:
        """Give a grant, or raise AccessDenied with one message for every reason."""
        is_held = right in self._book.rights(principal.user_id, collection_id)
        if right is Right.INDEX or not is_held or not self._book.is_active(principal.user_id):
            raise AccessDenied(f"no right to {right.value} such a collection; ask IT for it")
        return _make(principal, collection_id, right)

    def grants(self, principal: Principal, right: Right = Right.READ) -> tuple[Grant, ...]:
        """Give a grant for every collection on which the principal holds `right`; none for a disabled user."""
        if right is Right.INDEX or not self._book.is_active(principal.user_id):
            return ()
        return tuple(
            _make(principal, collection_id, right)
            for collection_id in self._book.collections(principal.user_id)
            if right in self._book.rights(principal.user_id, collection_id)
        )

    def for_indexing(self, collection_id: CollectionId) -> Grant:
        """Give the house the right to keep a collection's index in memory. Not for answering anybody."""
        return _make(HOUSE, collection_id, Right.INDEX)


def _make(principal: Principal, collection_id: CollectionId, right: Right) -> Grant:
    return Grant(principal, collection_id, right, _prove(principal, collection_id, right))


def _prove(principal: Principal, collection_id: CollectionId, right: Right) -> bytes:
    parts = (principal.user_id, principal.role.value, collection_id, right.value)
    return hmac.digest(_PROCESS_KEY, frame(*(part.encode() for part in parts)), hashlib.sha256)
