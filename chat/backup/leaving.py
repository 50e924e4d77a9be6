"""What the keyring at hand does not open, taken out of a house that is being restored.

A key is missing when it was destroyed after the backup, or when the keyring's copy is older than the key. A version
is missing when the collection was sealed anew since, or when the copy is older than that.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import LargeBinary, delete, func, select

from chat.assembly import House
from chat.backup.contents import ORIGINALS
from chat.tables import threads
from rag.store.tables import collections, documents, evaluations, jobs, kept_out, passages, questions, reports
from security.identity import CollectionId, UserId
from security.keyring import collection_owner, person_owner
from security.sealing import HEADER_BYTES
from security.tables import users

_SEALED = (
    *(documents.c.about, passages.c.body, passages.c.vector, jobs.c.about, kept_out.c.about),
    *(reports.c.about, questions.c.about, evaluations.c.about),
)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Ids of collections and people whose keys, or versions of keys, are not in the keyring."""

    collections: tuple[CollectionId, ...]
    people: tuple[UserId, ...]

    @property
    def ids(self) -> frozenset[str]:
        """All of them."""
        return frozenset((*self.collections, *self.people))


def leave_out(house: House) -> LeftOut:
    """Remove what does not open for want of its key; gives what that was."""
    with house.engine.connect() as connection:
        held = [CollectionId(found) for found in connection.execute(select(collections.c.id)).scalars()]
        known = {UserId(found) for query in _PEOPLE for found in connection.execute(query).scalars()}
    closed = tuple(found for found in held if not _opens(house, found))
    gone = tuple(sorted(found for found in known if not house.keyring.has(person_owner(found))))
    for collection_id in closed:
        with house.engine.begin() as connection:
            connection.execute(delete(collections).where(collections.c.id == collection_id))
        house.directory.take_all(collection_id)
        house.documents.remove_files(collection_id)
    for user_id in gone:
        house.conversations.remove_all(user_id)
        house.directory.remove(user_id)
    return LeftOut(closed, gone)


_PEOPLE = (select(users.c.id), select(threads.c.user_id).distinct())


def _opens(house: House, collection_id: CollectionId) -> bool:
    owner = collection_owner(collection_id)
    if not house.keyring.has(owner):
        return False
    versions = house.keyring.versions(owner)
    return all(int.from_bytes(header[1:], "big") in versions for header in _headers(house, collection_id))


def _headers(house: House, collection_id: CollectionId) -> Iterator[bytes]:
    """The first bytes of everything that the collection's key sealed, which tell the version."""
    with house.engine.connect() as connection:
        for column in _SEALED:
            header = func.substr(column, 1, HEADER_BYTES, type_=LargeBinary)
            query = select(header).where(column.table.c.collection_id == collection_id).distinct()
            yield from connection.execute(query).scalars()
    for path in (house.state / ORIGINALS / collection_id).glob("*"):
        with path.open("rb") as file:
            yield file.read(HEADER_BYTES)
