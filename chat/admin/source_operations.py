"""Operations on sources: where the documents of a collection come from by themselves."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from chat.admin.group_operations import group_named
from chat.admin.job_operations import file_told, job_events, told
from chat.admin.operations import Event, granted, operation
from chat.assembly import House
from chat.errors import ChatError
from rag.errors import RagError, SourceRefused
from rag.loading import FileLoaded
from rag.sources.mounts import is_told_of
from rag.sources.record import Credentials, SourceKind, SourceRecord, new_id
from rag.store.jobs import Job, JobKind
from security.access import Right
from security.errors import SecurityError
from security.identity import OPERATOR, GroupId
from security.withheld import Withheld


@operation("source.add")
def add_source(
    house: House,
    name: str,
    kind: str,
    address: str,
    user: str = "",
    secret: str = "",
    options: dict[str, str] | None = None,
    every_minutes: int = 0,
    map_rights: Sequence[str] = (),
) -> Iterator[Event]:
    """Give a collection a source. The secret is sealed with it and never shown again.

    `map_rights` are groups of the folder's machine, each with one of ours: `legal=jurists`.
    """
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    rights = tuple(_pair(house, pair) for pair in map_rights)
    credentials = Credentials(user, Withheld(secret))
    source = SourceRecord(new_id(), _kind(kind), address, credentials, options or {}, every_minutes, rights=rights)
    house.audit.record(OPERATOR.user_id, "source.add", f"{grant.collection_id}/{source.id}", "begun")
    house.syncing.add(grant, source)
    house.audit.record(OPERATOR.user_id, "source.add", f"{grant.collection_id}/{source.id}", "done")
    yield _shown(house, source)


@operation("source.list")
def list_sources(house: House, name: str) -> Iterator[Event]:
    """The sources of a collection and how their last sync ended; no secret."""
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    yield from (_shown(house, source) for source in house.documents.sources(grant))


@operation("source.remove")
def remove_source(house: House, name: str, source: str, forget: bool = False) -> Iterator[Event]:
    """Take a source from a collection, with its credentials; what was loaded from it stays, or is forgotten too."""
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    house.syncing.find(grant, source)
    house.audit.record(OPERATOR.user_id, "source.remove", f"{grant.collection_id}/{source}", "begun")
    forgotten = house.syncing.remove(grant, source, is_forgotten=forget)
    house.audit.record(OPERATOR.user_id, "source.remove", f"{grant.collection_id}/{source}", "done")
    yield {"removed": source, "forgotten": forgotten}


@operation("source.sync")
def sync_sources(
    house: House,
    name: str,
    source: str = "",
    release: list[str] | None = None,
    is_detached: bool = False,
    cancelled: threading.Event | None = None,
) -> Iterator[Event]:
    """Bring a collection in step with its sources, or with one; an event a file, and one for each source that ended.

    A source that fails keeps what was loaded from it, and the next one has its turn. Detached, each is a job that goes
    on by itself.
    """
    grant = granted(house, OPERATOR, name, Right.MANAGE)
    sources = (house.syncing.find(grant, source),) if source else house.documents.sources(grant)
    released = tuple(release or ())
    for each in sources:
        if is_detached:
            yield {"source": each.id} | told(house, house.jobs.submit(grant, JobKind.SYNC, each.id, released=released))
            continue
        reason = ""
        try:
            with closing(job_events(house, grant, JobKind.SYNC, each.id, cancelled, released=released)) as events:
                for event in events:
                    yield {"source": each.id} | _of_job(house, event)
        except (ChatError, RagError, SecurityError) as error:
            reason = str(error)
        if cancelled and cancelled.is_set():
            return
        yield {"source": each.id, "ended": "failed" if reason else "done", "reason": reason or None}


def _of_job(house: House, event: FileLoaded | Job) -> Event:
    return file_told(event) if isinstance(event, FileLoaded) else told(house, event)


def _watched(source: SourceRecord) -> str | None:
    """What tells of a change in a watched folder: the kernel, or on a share the schedule alone."""
    if not source.is_watched:
        return None
    return "by the kernel" if is_told_of(Path(source.address)) else f"every {source.minutes} minutes"


def _kind(name: str) -> SourceKind:
    try:
        return SourceKind(name)
    except ValueError as error:
        raise SourceRefused(f"no such kind of source; expected one of {', '.join(SourceKind)}") from error


def _pair(house: House, pair: str) -> tuple[str, GroupId]:
    unix, _, group = pair.partition("=")
    if not (unix and group):
        raise SourceRefused(f"a mapping is UNIXGROUP=GROUP, such as legal=jurists; {pair!r} is none")
    return unix, group_named(house, group).id


def _shown(house: House, source: SourceRecord) -> Event:
    last, names = source.last, {group.id: group.name for group in house.directory.groups.list()}
    return {
        "id": source.id,
        "kind": source.kind.value,
        "address": source.address,
        "user": source.credentials.user,
        "has_secret": bool(source.credentials.secret),
        "options": dict(source.options),
        "map_rights": [f"{unix}={names.get(group_id, group_id)}" for unix, group_id in source.rights],
        "every_minutes": source.every_minutes,
        "watched": _watched(source),
        "last_at": last.at.isoformat(timespec="seconds") if last else None,
        "last_files": dict(last.files) if last else {},
        "failed": (last.reason or None) if last else None,
    }
