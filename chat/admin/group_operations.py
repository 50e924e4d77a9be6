"""Operations on groups: made, joined, left, removed, and what each may read."""

from collections.abc import Collection, Iterator, Sequence

from chat.admin.operations import Event, operation, person_named
from chat.assembly import House
from chat.errors import Refused
from security.groups import Group
from security.identity import OPERATOR, GroupId, UserId


@operation("group.add")
def add_group(house: House, name: str) -> Iterator[Event]:
    """Add an empty group."""
    identifier = house.directory.groups.add(name)
    house.audit.record(OPERATOR.user_id, "group.add", identifier, "done")
    yield {"id": identifier, "name": name}


@operation("group.list")
def list_groups(house: House) -> Iterator[Event]:
    """Every group, with how many are in it and how many collections it may read."""
    groups = house.directory.groups
    for group in groups.list():
        collections = {collection_id for collection_id, _ in groups.collections(group.id)}
        yield {**_shown(group), "members": len(groups.members(group.id)), "collections": len(collections)}


@operation("group.show")
def show_group(house: House, name: str) -> Iterator[Event]:
    """One group: who is in it, and what it holds on which collection."""
    group = group_named(house, name)
    people = {user.id: user.name for user in house.directory.users()}
    collections = {record.id: record.name for record in house.collections.list()}
    yield _shown(group) | {
        "members": sorted(people[user_id] for user_id in house.directory.groups.members(group.id)),
        "grants": [
            {"collection": collections.get(collection_id, collection_id), "right": right.value}
            for collection_id, right in house.directory.groups.collections(group.id)
        ],
    }


@operation("group.remove")
def remove_group(house: House, name: str) -> Iterator[Event]:
    """Forget a group; who was in it loses what they held through it at their next question."""
    group = group_named(house, name)
    house.audit.record(OPERATOR.user_id, "group.remove", group.id, "begun")
    house.directory.groups.remove(group.id)
    yield {"removed": name}


@operation("group.join")
def join_group(house: House, name: str, users: Sequence[str]) -> Iterator[Event]:
    """Put people into a group: all of them, or none where one is not known."""
    group, people = group_named(house, name), _people(house, users)
    _told(house, "group.join", group, people)
    house.directory.groups.join(group.id, people)
    yield {"joined": name, "users": list(users)}


@operation("group.leave")
def leave_group(house: House, name: str, users: Sequence[str]) -> Iterator[Event]:
    """Take people out of a group; felt at their next question."""
    group, people = group_named(house, name), _people(house, users)
    _told(house, "group.leave", group, people)
    house.directory.groups.leave(group.id, people)
    yield {"left": name, "users": list(users)}


def group_named(house: House, name: str) -> Group:
    """The group of that name; Refused where there is none."""
    found = house.directory.groups.find(name)
    if found is None:
        raise Refused("no such group; see `huisclos group list`")
    return found


def group_names(house: House, ids: Collection[GroupId]) -> list[str]:
    """Their names, sorted."""
    return [group.name for group in house.directory.groups.list() if group.id in ids]


def _people(house: House, users: Sequence[str]) -> list[UserId]:
    return [person_named(house, user).user_id for user in users]


def _told(house: House, action: str, group: Group, people: Sequence[UserId]) -> None:
    for user_id in people:
        house.audit.record(OPERATOR.user_id, action, f"{group.id}/{user_id}", "begun")


def _shown(group: Group) -> Event:
    return {"id": group.id, "name": group.name}
