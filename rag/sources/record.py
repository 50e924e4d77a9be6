"""A source as its collection keeps it: sealed in the collection's state, credentials included."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from security.identity import GroupId
from security.withheld import Withheld

SOURCES_MAX = 20
"""Sources of one collection."""

EVERY_MINUTES_MAX = 7 * 24 * 60
WATCHED_MINUTES = 15
"""Between two syncs of a watched source without a schedule of its own: what no kernel told is found then."""
RIGHTS_MAX = 100
"""Groups of a folder's machine that stand for one of ours."""

TEXT_CHARACTERS_MAX = 2000
"""Of an address, a name, an option; a secret may be a token of twice that."""

SECRET_CHARACTERS_MAX = 4000
REASON_CHARACTERS_MAX = 500
WATCH = "yes"
"""What the option `watch` says."""


class SourceKind(StrEnum):
    """What a source speaks."""

    FOLDER = "folder"
    WEBDAV = "webdav"
    IMAP = "imap"
    GIT = "git"
    S3 = "s3"
    SITEMAP = "sitemap"
    KAFKA = "kafka"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in. A secret without a name is a token."""

    user: str = ""
    secret: Withheld = field(default=Withheld(), repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a sync ended: when, why it failed (empty where it did not), and how many files ended how."""

    at: datetime
    reason: str
    files: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A source of a collection. `every_minutes` 0: it is brought in step when somebody asks for it.

    `rights` says which group of the folder's machine, by name or number, stands for which of ours; with it nothing
    comes in that somebody who reads the collection may not read there.
    """

    id: str
    kind: SourceKind
    address: str
    credentials: Credentials = Credentials()
    options: Mapping[str, str] = field(default_factory=dict)
    every_minutes: int = 0
    last: Outcome | None = None
    rights: tuple[tuple[str, GroupId], ...] = ()

    @property
    def name(self) -> str:
        """What tells its documents from those of other sources: for a folder its path, as for `collection load`."""
        return self.address if self.kind is SourceKind.FOLDER else f"{self.kind.value} {self.address}"

    @property
    def is_watched(self) -> bool:
        """Whether a change causes a sync."""
        return self.options.get("watch") == WATCH

    @property
    def minutes(self) -> int:
        """Between two syncs while the house is served; 0 where it has no schedule."""
        return self.every_minutes or (WATCHED_MINUTES if self.is_watched else 0)

    def is_due(self, now: datetime) -> bool:
        """Whether its time has come; a clock that was set back does not stop it for ever."""
        if not self.minutes:
            return False
        return self.last is None or not timedelta() <= now - self.last.at < timedelta(minutes=self.minutes)

    def ended(self, at: datetime, reason: str, files: Mapping[str, int]) -> "SourceRecord":
        """The same after a sync."""
        return replace(self, last=Outcome(at, reason[:REASON_CHARACTERS_MAX], dict(files)))


def new_id() -> str:
    """An id for a new source."""
    return secrets.token_hex(4)


def written(record: SourceRecord) -> dict[str, Any]:
    """A source as JSON for the sealed state."""
    last = record.last
    return {
        "id": record.id,
        "kind": record.kind.value,
        "address": record.address,
        "user": record.credentials.user,
        "secret": str(record.credentials.secret),
        "options": dict(record.options),
        "every_minutes": record.every_minutes,
        "last": last and {"at": last.at.isoformat(), "reason": last.reason, "files": dict(last.files)},
        "rights": [list(pair) for pair in record.rights],
    }


def read_back(content: Mapping[str, Any]) -> SourceRecord:
    """A source out of that JSON."""
    last = content["last"]
    return SourceRecord(
        content["id"],
        SourceKind(content["kind"]),
        content["address"],
        Credentials(content["user"], Withheld(content["secret"])),
        content["options"],
        content["every_minutes"],
        last and Outcome(datetime.fromisoformat(last["at"]), last["reason"], last["files"]),
        tuple((unix, GroupId(group)) for unix, group in content.get("rights", ())),
    )
