"""Everything in a house opened once, to say of a restored one that it is as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select

from chat.assembly import House
from chat.backup.contents import ORIGINALS, Progress, What
from chat.tables import threads
from rag.documents import DocumentInfo
from rag.errors import RagError
from rag.store.collections import CollectionRecord
from security.errors import SecurityError
from security.identity import Principal, Role, UserId


def check(house: House, damaged: list[str]) -> Iterator[Progress]:
    """Open every name, text, vector, original, right and message; what does not open goes to `damaged`, by its id."""
    with _noted(damaged, "names of collections"):
        records = house.collections.list()
        total = sum(house.documents.counts(record.id)[0] for record in records)
        done = 0
        for record in records:
            for _ in _collection(house, record, damaged):
                done += 1
                yield Progress(What.CHECKING, done, total)
    with _noted(damaged, "names of people"):
        house.directory.users()
    with _noted(damaged, "groups"):
        for group in house.directory.groups.list():
            house.directory.groups.members(group.id)
    for user_id in _writers(house):
        with _noted(damaged, f"conversations of person {user_id}"):
            if _conversations(house, Principal(user_id, Role.EMPLOYEE)):
                damaged.append(f"conversations of person {user_id}")
    if house.audit.verify().broken_at is not None:
        damaged.append("the record")


def _collection(house: House, record: CollectionRecord, damaged: list[str]) -> Iterator[None]:
    grant = house.policy.for_indexing(record.id)
    infos: tuple[DocumentInfo, ...] = ()
    with _noted(damaged, f"rights on collection {record.id}"):
        house.directory.grantees(record.id)
        house.directory.groups.grantees(record.id)
    with _noted(damaged, f"collection {record.id}"):
        infos = house.documents.documents(grant)
        for _ in house.documents.entries.all(grant):
            pass
    for info in infos:
        place = f"{ORIGINALS}/{record.id}/{info.id}"
        if place not in damaged:
            with _noted(damaged, place):
                for _ in house.documents.original(grant, info.id):
                    pass
        yield


def _conversations(house: House, person: Principal) -> str:
    """Open all of a person's; gives how they are not what was written."""
    for thread in house.conversations.list(person):
        house.conversations.steps(person, thread.id)
    return house.conversations.look(person)


def _writers(house: House) -> list[UserId]:
    with house.engine.connect() as connection:
        found = connection.execute(select(threads.c.user_id).distinct().order_by(threads.c.user_id)).scalars()
        return [UserId(identifier) for identifier in found]


@contextmanager
def _noted(damaged: list[str], what: str) -> Iterator[None]:
    try:
        yield
    except (SecurityError, RagError):
        damaged.append(what)
