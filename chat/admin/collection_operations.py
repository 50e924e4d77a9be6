"""Operations on collections: made, loaded, granted, destroyed, and what each gives of its documents."""

from collections.abc import Iterator
from contextlib import suppress

from chat.admin.group_operations import group_named, group_names
from chat.admin.operations import Event, granted, operation, person_named
from chat.assembly import House
from chat.errors import Refused
from rag.documents import DocumentInfo
from rag.errors import RagError
from rag.keptout import unread_told
from rag.personal.policy import policy_of
from rag.store.collections import CollectionRecord
from rag.store.serving import serving_of
from security.access import Right
from security.errors import SecurityError
from security.groups import Group
from security.identity import OPERATOR, CollectionId, Principal

MANAGING = "/manage"
"""In the record, behind who is made an owner of what, or is one no more."""


@operation("collection.create")
def create_collection(house: House, name: str) -> Iterator[Event]:
    """Make a collection; the operator may read and manage it, and that is written down like any grant.

    A creation that was killed before the operator had their rights is finished; anything else of that name is an error.
    """
    identifier = _begun(house, name) or house.collections.create(name)
    for right in (Right.READ, Right.MANAGE):
        house.directory.give(OPERATOR.user_id, identifier, right)
    house.audit.record(OPERATOR.user_id, "collection.create", identifier, "done")
    yield {"id": identifier, "name": name}


@operation("collection.list")
def list_collections(house: House) -> Iterator[Event]:
    """Every collection with what it holds, counted without opening it, and what it has decided."""
    for record in house.collections.list():
        yield _collection(house, record)


@operation("collection.show")
def show_collection(house: House, name: str) -> Iterator[Event]:
    """One collection: its documents, for an operator who may read it, and who holds which right."""
    grant = granted(house, OPERATOR, name, Right.READ)
    record = house.collections.get(grant.collection_id)
    names = {user.id: user.name for user in house.directory.users()} | {OPERATOR.user_id: "operator"}
    grants = [{"user": names[user], "right": right.value} for user, right in house.directory.grantees(record.id)]
    groups = {group.id: group.name for group in house.directory.groups.list()}
    held = house.directory.groups.grantees(record.id)
    by_group = [{"group": groups[group], "right": right.value} for group, right in held]
    documents = [_document(info) for info in house.documents.documents(grant)]
    yield _collection(house, record) | {"grants": grants, "group_grants": by_group, "documents": documents}


@operation("collection.policy")
def set_policy(house: House, name: str, personal_data: str = "", originals: str = "") -> Iterator[Event]:
    """What a collection does with personal data and originals from now on; what is not named stays as it is.

    `mask` and `withhold` are felt at once. `refuse` is for what is loaded from now on; what is there stays until then.
    Gives both as they stand, and how many of its documents hold personal data.
    """
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    policy = policy_of(personal_data) if personal_data else None
    serving = serving_of(originals) if originals else None
    decided = "/".join(filter(None, (grant.collection_id, personal_data, originals)))
    house.audit.record(OPERATOR.user_id, "collection.policy", decided, "begun")
    house.documents.decide(grant, policy, serving)
    house.audit.record(OPERATOR.user_id, "collection.policy", decided, "done")
    held = [info.identifiers for info in house.documents.documents(grant)]
    holding = sum(bool(each and each.counts) for each in held)
    yield {"collection": name, **_policies(house, grant.collection_id), "holding": holding, "unknown": held.count(None)}


@operation("collection.remove")
def remove_collection(house: House, name: str) -> Iterator[Event]:
    """Destroy a collection, its key first."""
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    house.audit.record(OPERATOR.user_id, "collection.remove", grant.collection_id, "begun")
    destroy_collection(house, grant.collection_id)
    house.audit.record(OPERATOR.user_id, "collection.remove", grant.collection_id, "done")
    yield {"removed": name}


def destroy_collection(house: House, collection_id: CollectionId) -> None:
    """The key first, then everything that it sealed."""
    house.remover.collection(collection_id)
    house.index.drop(collection_id)


@operation("collection.grant")
def grant_collection(
    house: House, name: str, user: str = "", group: str = "", is_owner: bool = False
) -> Iterator[Event]:
    """Let a person, or whoever is in a group, read a collection; an owner, who is a person, manages it too."""
    record, reader = _known(house, name), _reader(house, user, group)
    told = _told(record.id, reader, is_owner=is_owner)
    house.audit.record(OPERATOR.user_id, "collection.grant", told, "begun")
    managing = house.policy.grant(OPERATOR, record.id, Right.MANAGE)
    with house.folder_rights.giving(managing, reader if isinstance(reader, Group) else None):
        if isinstance(reader, Group):
            house.directory.groups.give(reader.id, record.id, Right.READ)
        else:
            for right in (Right.READ, *((Right.MANAGE,) if is_owner else ())):
                house.directory.give(reader.user_id, record.id, right)
    yield {"granted": name} | ({"group": group} if group else {"user": user}) | ({"owner": True} if is_owner else {})


@operation("collection.revoke")
def revoke_collection(
    house: House, name: str, user: str = "", group: str = "", is_owner: bool = False
) -> Iterator[Event]:
    """Take every right on a collection from a person or a group; felt at the next question.

    A person keeps what they hold through a group: `through` names those. Of an owner's rights, that to manage alone.
    """
    record, reader = _known(house, name), _reader(house, user, group)
    told = _told(record.id, reader, is_owner=is_owner)
    house.audit.record(OPERATOR.user_id, "collection.revoke", told, "begun")
    if isinstance(reader, Group):
        house.directory.groups.take(reader.id, record.id)
        yield {"revoked": name, "group": group}
        return
    house.directory.take(reader.user_id, record.id, Right.MANAGE if is_owner else None)
    if is_owner:
        yield {"revoked": name, "user": user, "owner": False}
        return
    own = set(house.directory.groups.of(reader.user_id))
    left = {group_id for group_id, _ in house.directory.groups.grantees(record.id)} & own
    yield {"revoked": name, "user": user, "through": group_names(house, left)}


@operation("collection.kept_out")
def kept_out(house: House, name: str) -> Iterator[Event]:
    """The files that did not come in, or of which pages could not be read, each with its reason."""
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    for file in house.documents.kept_out.all(grant):
        yield {"doc": file.doc, "state": file.state, "reason": file.reason, "at": file.at.isoformat()}
    for info in house.documents.documents(grant):
        if info.unread:
            yield _partly(info)


def _partly(info: DocumentInfo) -> Event:
    told = {"doc": info.path, "state": "indexed", "reason": unread_told(info.unread)}
    return told | {"at": info.loaded_at.isoformat()}


def _reader(house: House, user: str, group: str) -> Principal | Group:
    """Who is meant: a person, or a group. Raises Refused where it is neither or both."""
    if bool(user) == bool(group):
        raise Refused("name a person or a group, one of them")
    return person_named(house, user) if user else group_named(house, group)


def _told(collection_id: CollectionId, reader: Principal | Group, *, is_owner: bool) -> str:
    """What the record tells of: ids. Raises Refused for a group that is to be an owner, or is to be one no more."""
    if isinstance(reader, Group):
        if is_owner:
            raise Refused("owners are people, so that the record tells who looked: name a person, not a group")
        return f"{collection_id}/group:{reader.id}"
    return f"{collection_id}/{reader.user_id}{MANAGING if is_owner else ''}"


def _begun(house: House, name: str) -> CollectionId | None:
    """A collection of that name which the operator cannot manage: only a killed creation leaves one."""
    found = house.collections.find(name)
    if found is None or Right.MANAGE in house.directory.rights(OPERATOR.user_id, found.id):
        return None
    return found.id


def _collection(house: House, record: CollectionRecord) -> Event:
    documents, passages = house.documents.counts(record.id)
    return {
        "id": record.id,
        "name": record.name,
        "documents": documents,
        "passages": passages,
        "epoch": record.epoch,
        **_policies(house, record.id),
    }


def _policies(house: House, collection_id: CollectionId) -> Event:
    """The policies by name; null where they cannot be read or one is unknown: then nothing of it is served."""
    with suppress(RagError, SecurityError):
        decided = house.documents.policies(house.policy.for_indexing(collection_id))
        return {"personal_data": decided.personal_data.value, "originals": decided.originals.value}
    return {"personal_data": None, "originals": None}


def _document(info: DocumentInfo) -> Event:
    return {
        "doc": info.path,
        "title": info.title,
        "media_type": info.media_type,
        "pages": info.pages,
        "passages": info.passages,
        "bytes": info.size_bytes,
        "loaded_at": info.loaded_at.isoformat(),
        "identifiers": None if info.identifiers is None else info.identifiers.by_kind,
        "passages_with_identifiers": None if info.identifiers is None else info.identifiers.passages,
    }


def _known(house: House, name: str) -> CollectionRecord:
    found = house.collections.find(name)
    if found is None:
        raise Refused("no such collection, or no right to it; ask IT for it")
    return found
