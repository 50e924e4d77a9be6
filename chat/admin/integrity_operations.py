"""Operations on integrity: is everything what was written, and what to do where it is not."""

from collections.abc import Iterable, Iterator

from chat.admin.operations import Event, granted, operation, person_named
from chat.assembly import House
from chat.errors import Refused
from rag.store.collections import NAME_CHANGED, CollectionRecord
from rag.store.integrity import Damage
from rag.store.state import epoch_name
from security.access import Right
from security.errors import SecurityError
from security.identity import OPERATOR, CollectionId, Principal
from security.keyring import collection_owner, person_owner


@operation("verify")
def verify(house: House, name: str = "", is_quick: bool = False) -> Iterator[Event]:
    """Look at the record, people, conversations, and every collection (or one): every value is opened, or rows alone.

    Events tell how far it is, and for each subject what was found.
    """
    if not name:
        yield _record(house)
        yield _directory(house)
        yield _conversations(house, is_quick=is_quick)
        yield from _taken_out(house)
    for record in _wanted(house, name):
        grant = house.policy.for_indexing(record.id)
        integrity, found = house.documents.integrity, list[Damage]()
        if is_quick:
            found += integrity.look(grant)
        else:
            for looked in integrity.look_closely(grant):
                found += looked.damage
                yield {"collection": record.name, "done": looked.done, "total": looked.total}
        reasons = [damage.reason for damage in found] + ([] if record.is_named else [NAME_CHANGED])
        yield _finding(f"collection {record.name}", reasons)


@operation("repair.collection")
def repair_collection(house: House, name: str) -> Iterator[Event]:
    """Remove the damaged documents of a collection and open it again; gives how many went."""
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    house.audit.record(OPERATOR.user_id, "repair", grant.collection_id, "begun")
    broken = set()
    for looked in house.documents.integrity.look_closely(grant):
        broken |= {damage.document for damage in looked.damage if damage.document}
        yield {"collection": name, "done": looked.done, "total": looked.total}
    house.documents.integrity.repair(grant, sorted(broken))
    if "index" in house.__dict__:  # where cached_property keeps what it made
        house.index.rebuild(house.policy.for_indexing(grant.collection_id), house.documents)
    house.audit.record(OPERATOR.user_id, "repair", grant.collection_id, "done")
    yield {"repaired": name, "removed": len(broken)}


@operation("repair.conversations")
def accept_conversations(house: House, name: str) -> Iterator[Event]:
    """Take a person's conversations as they stand for what was written."""
    person = person_named(house, name)
    house.audit.record(OPERATOR.user_id, "repair.conversations", person.user_id, "begun")
    house.conversations.accept(person)
    house.audit.record(OPERATOR.user_id, "repair.conversations", person.user_id, "done")
    yield _finding(f"conversations of {name}", [])


@operation("repair.older")
def accept_older(house: House) -> Iterator[Event]:
    """Take the database as it stands for the present one, though it is older; then what `verify` finds in its rows."""
    house.keyring.epochs.accept({})
    house.audit.record(OPERATOR.user_id, "repair.older", "house", "done")
    yield from verify(house, is_quick=True)


@operation("repair.directory")
def accept_directory(house: House) -> Iterator[Event]:
    """Take users, groups and grants as they stand for what the house wrote; gives all of them, to be looked at."""
    house.audit.record(OPERATOR.user_id, "repair.directory", "house", "begun")
    house.directory.accept()
    house.audit.record(OPERATOR.user_id, "repair.directory", "house", "done")
    names = {user.id: user.name for user in house.directory.users()} | {OPERATOR.user_id: "operator"}
    for user in house.directory.users():
        yield {"user": user.name, "role": user.role.value, "disabled": user.disabled}
    groups = {group.id: group.name for group in house.directory.groups.list()}
    for group_id, name in groups.items():
        members = house.directory.groups.members(group_id)
        yield {"group": name, "members": [names.get(user_id, user_id) for user_id in members]}
    for record in house.collections.list():
        for user_id, right in house.directory.grantees(record.id):
            yield {"grant": record.name, "user": names.get(user_id, user_id), "right": right.value}
        for group_id, right in house.directory.groups.grantees(record.id):
            yield {"grant": record.name, "group": groups[group_id], "right": right.value}


def _wanted(house: House, name: str) -> tuple[CollectionRecord, ...]:
    if not name:
        return house.collections.list()
    found = house.collections.find(name)
    if found is None:
        raise Refused("no such collection; see `huisclos collection list`")
    return (found,)


def _record(house: House) -> Event:
    broken_at = house.audit.verify().broken_at
    reason = f"broken at entry {broken_at}: copy the state folder, and ask who had it"
    return _finding("the record", [reason] if broken_at else [])


def _directory(house: House) -> Event:
    try:
        house.directory.verify()
    except SecurityError as error:
        return _finding("users and grants", [str(error)])
    return _finding("users and grants", [])


def _conversations(house: House, *, is_quick: bool) -> Event:
    """Whether everybody's conversations are what they wrote."""
    reasons: list[str] = []
    try:
        users = house.directory.users()
    except SecurityError:
        return _finding("conversations", ["whose they are is not known: see users and grants"])
    for user in users:
        if house.keyring.has(person_owner(user.id)):
            reasons += [f"of {user.name}: {reason}" for reason in _reasons(house, user.principal, is_quick=is_quick)]
    return _finding("conversations", reasons)


def _reasons(house: House, person: Principal, *, is_quick: bool) -> Iterator[str]:
    try:
        if reason := house.conversations.look(person):
            yield reason
        if not is_quick:
            for thread in house.conversations.list(person):
                house.conversations.steps(person, thread.id)
    except SecurityError as error:
        yield str(error)


def _taken_out(house: House) -> Iterator[Event]:
    """Collections that were written down and have a key, but no row any more."""
    held = {epoch_name(record.id) for record in house.collections.list()}
    for name in house.keyring.epochs.names():
        is_lost = name.startswith(epoch_name("")) and name not in held
        if is_lost and house.keyring.has(collection_owner(CollectionId(name.removeprefix(epoch_name(""))))):
            yield _finding(name, ["its row was taken out: restore the database, or `huisclos repair --older`"])


def _finding(subject: str, reasons: Iterable[str]) -> Event:
    listed = list(reasons)
    return {"subject": subject, "is_fine": not listed, "reasons": listed}
