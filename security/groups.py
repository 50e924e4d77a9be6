"""Groups of people: who is in them, and what they may do with which collection. Who is in one holds what it holds."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import IntegrityError

from security.access import Right
from security.errors import AccessDenied, NameRefused, SealBroken
from security.identity import CollectionId, GroupId, UserId
from security.keyring import Keyring
from security.names import checked_name, folded
from security.register import Register, rows_beside, strike
from security.roll import GROUP_GRANTS, GROUPS, MEMBERSHIPS, REMEDY, USERS, Entries, sealed_mark
from security.sealing import Context, RandomBytes
from security.tables import group_grants, groups, memberships, users

_ID_BYTES = 12


@dataclass(frozen=True, slots=True)
class Group:
    """A group as it is shown."""

    id: GroupId
    name: str


class Groups:
    """Groups in the database, none of which opens or holds after an edit by hand. Changes are felt at once."""

    def __init__(self, register: Register, keyring: Keyring, random: RandomBytes) -> None:
        self._register = register
        self._keyring = keyring
        self._random = random

    def add(self, name: str) -> GroupId:
        """Add an empty group. Raises NameRefused for a taken name."""
        shown = checked_name(name, "group")
        group_id, key = GroupId(self._random(_ID_BYTES).hex()), self._keyring.for_system()
        about = key.seal(json.dumps({"name": shown}).encode(), _context(group_id))
        try:
            self._register.put(GROUPS, group_id, self._name_key(shown), about)
        except IntegrityError as error:
            raise NameRefused("a group of that name is there already; choose another name") from error
        return group_id

    def remove(self, group_id: GroupId) -> None:
        """Forget a group, who was in it and what it held."""
        with self._register.changing() as (connection, entries):
            strike(connection, entries, MEMBERSHIPS, lambda row: row[0] == group_id)
            strike(connection, entries, GROUP_GRANTS, lambda row: row[0] == group_id)
            connection.execute(delete(groups).where(groups.c.id == group_id))
            entries.sealed[GROUPS].pop(group_id, None)

    def list(self) -> tuple[Group, ...]:
        """Give every group, by name."""
        found = self._register.checked(self._groups)
        return tuple(sorted(found, key=lambda group: (folded(group.name), group.id)))

    def find(self, name: str) -> Group | None:
        """Give the group of that name; case and width of letters do not matter."""

        def look(connection: Connection, entries: Entries) -> Group | None:
            own = groups.c.name_key == self._name_key(name)
            found = connection.execute(select(groups.c.id).where(own)).scalar_one_or_none()
            return self._open(connection, entries, GroupId(found)) if found else None

        return self._register.checked(look)

    # Members

    def join(self, group_id: GroupId, user_ids: Iterable[UserId]) -> None:
        """Put people into a group, all or none. Raises AccessDenied for who or what is not there."""
        rows = [(group_id, user_id) for user_id in user_ids]
        with self._register.change:
            entries = self._register.checked(lambda _, entries: entries)
            self._known(entries, group_id)
            if strangers := [user_id for _, user_id in rows if user_id not in entries.sealed[USERS]]:
                raise AccessDenied(f"no user with id {strangers[0][:64]!r}; list them with `huisclos user list`")
            self._register.write(MEMBERSHIPS, *rows)

    def leave(self, group_id: GroupId, user_ids: Iterable[UserId]) -> None:
        """Take people out of a group. Open pages feel it at their next question."""
        gone = {(group_id, user_id) for user_id in user_ids}
        self._register.strike_out(MEMBERSHIPS, lambda row: row in gone)

    def leave_all(self, user_id: UserId) -> None:
        """Take a person out of every group."""
        self._register.strike_out(MEMBERSHIPS, lambda row: row[1] == user_id)

    def members(self, group_id: GroupId) -> tuple[UserId, ...]:
        """Give who is in a group."""
        return tuple(UserId(row[1]) for row in self._register.rows(MEMBERSHIPS, group_id=group_id))

    def of(self, user_id: UserId) -> tuple[GroupId, ...]:
        """Give the groups that a person is in."""
        return tuple(GroupId(row[0]) for row in self._register.rows(MEMBERSHIPS, user_id=user_id))

    # Grants

    def give(self, group_id: GroupId, collection_id: CollectionId, right: Right) -> None:
        """Write down a right of a group. Raises AccessDenied for an unknown group."""
        with self._register.change:
            self._known(self._register.checked(lambda _, entries: entries), group_id)
            self._register.write(GROUP_GRANTS, (group_id, collection_id, right.value))

    def take(self, group_id: GroupId, collection_id: CollectionId) -> None:
        """Strike out every right of a group on a collection."""
        self._register.strike_out(GROUP_GRANTS, lambda row: row[:2] == (group_id, collection_id))

    def take_all(self, collection_id: CollectionId) -> None:
        """Strike out what groups hold on a collection, for when it is removed."""
        self._register.strike_out(GROUP_GRANTS, lambda row: row[1] == collection_id)

    def grantees(self, collection_id: CollectionId) -> tuple[tuple[GroupId, Right], ...]:
        """Give which groups hold which right on a collection."""
        rows = self._register.rows(GROUP_GRANTS, collection_id=collection_id)
        return tuple((GroupId(row[0]), Right(row[2])) for row in rows)

    def collections(self, group_id: GroupId) -> tuple[tuple[CollectionId, Right], ...]:
        """Give what a group holds on which collection."""
        rows = self._register.rows(GROUP_GRANTS, group_id=group_id)
        return tuple((CollectionId(row[1]), Right(row[2])) for row in rows)

    # Rows

    def _name_key(self, name: str) -> bytes:
        return self._keyring.for_system().blind("group name", folded(name).encode())

    def _groups(self, connection: Connection, entries: Entries) -> tuple[Group, ...]:
        there = set(connection.execute(select(groups.c.id)).scalars())
        either = sorted(there | set(entries.sealed[GROUPS]))
        return tuple(self._open(connection, entries, GroupId(each)) for each in either)

    def _open(self, connection: Connection, entries: Entries, group_id: GroupId) -> Group:
        """A group's row, which is the one that the roll knows."""
        key = self._keyring.for_system()
        row = connection.execute(select(groups).where(groups.c.id == group_id)).one_or_none()
        mark = sealed_mark(key, GROUPS, group_id, row.name_key, row.about) if row else None
        if row is None or mark != entries.sealed[GROUPS].get(group_id):
            raise SealBroken(f"group {group_id}: the row was changed, removed, or put back as it once was; {REMEDY}")
        return Group(group_id, json.loads(key.open(row.about, _context(group_id)))["name"])

    def _known(self, entries: Entries, group_id: GroupId) -> None:
        if group_id not in entries.sealed[GROUPS]:
            raise AccessDenied(f"no group with id {group_id[:64]!r}; list them with `huisclos group list`")


def rights_of_groups(
    connection: Connection, entries: Entries, user_id: UserId, **wanted: str
) -> frozenset[tuple[CollectionId, Right]]:
    """What a person holds through their groups, on the collection that is wanted or on all."""
    own = {row[0] for row in rows_beside(connection, entries, MEMBERSHIPS, user_id=user_id)}
    held = rows_beside(connection, entries, GROUP_GRANTS, **wanted)
    return frozenset((CollectionId(row[1]), Right(row[2])) for row in held if row[0] in own)


def remove_forged_groups(connection: Connection, keyring: Keyring) -> None:
    """Remove groups that do not open, and rows of groups and of members that are not there."""
    for row in connection.execute(select(groups)).all():
        try:
            keyring.for_system().open(row.about, _context(GroupId(row.id)))
        except SealBroken:
            connection.execute(delete(groups).where(groups.c.id == row.id))
    for table in (memberships, group_grants):
        connection.execute(delete(table).where(table.c.group_id.not_in(select(groups.c.id))))
    connection.execute(delete(memberships).where(memberships.c.user_id.not_in(select(users.c.id))))


def _context(group_id: GroupId) -> Context:
    return Context("groups", group_id, "about")
