"""What a collection holds, opened for a grant; a collection in which something does not open is closed."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from rag.errors import StoreBroken
from rag.store.integrity import Damage, Integrity
from security.access import Grant, Right
from security.errors import AccessDenied, SealBroken
from security.keyring import Keyring
from security.sealing import DataKey

_Read = TypeVar("_Read")


class Unsealing:
    """Gives the keys of collections that are not closed, and closes them."""

    def __init__(self, keyring: Keyring, integrity: Integrity) -> None:
        self._keyring, self._integrity = keyring, integrity

    def key(self, grant: Grant, right: Right | None = None) -> DataKey:
        """The collection's key. Raises AccessDenied where another right is needed, StoreBroken where it is closed."""
        if right is not None and grant.right is not right:
            raise AccessDenied(f"this needs the right to {right.value}; the grant is to {grant.right.value}")
        self._integrity.require(grant.collection_id)
        return self._keyring.for_grant(grant)

    def opened(self, grant: Grant, read: Callable[[DataKey], _Read]) -> _Read:
        """What is read and opened; once more where a value does not open: a rotation may have sealed it anew meanwhile.

        Then the collection is closed, and StoreBroken raised.
        """
        try:
            return read(self.key(grant))
        except SealBroken:
            try:
                return read(self.key(grant))
            except SealBroken as error:
                raise self._closed(grant, error) from error

    def each(self, grant: Grant, read: Iterator[_Read]) -> Iterator[_Read]:
        """What is read, piece by piece; where something does not open, the collection is closed, StoreBroken raised."""
        try:
            yield from read
        except SealBroken as error:
            raise self._closed(grant, error) from error

    def _closed(self, grant: Grant, error: SealBroken) -> StoreBroken:
        self._integrity.close(grant.collection_id, Damage(str(error)))
        return StoreBroken(self._integrity.reason(grant.collection_id))
