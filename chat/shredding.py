"""Destroying keys with what they sealed, and a signed receipt of each, also where the process was killed meanwhile.

1. The intent is on the disk, and the record says `begun`.
2. The key goes: from here on nothing opens.
3. What it sealed goes: rows, originals, the room they took.
4. The receipt is on the disk, the record says `done`, the intent goes.

Killed before step 2 nothing happened: the intent is dropped, and the record says so. Killed later, the rest is done
when the house is opened again. Every step may be done twice.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from chat.conversations import Conversations
from chat.database import compact
from rag.errors import RagError
from rag.store.collections import CollectionStore
from rag.store.originals import Originals
from rag.store.snapshots import Snapshots
from security.audit import AuditLog
from security.clock import Clock, utc_now
from security.directory import Directory
from security.errors import AuditBroken, SealBroken, SecurityError
from security.files import remove_unfinished, write_private
from security.identity import CollectionId, UserId
from security.intents import Intent, Intents
from security.keyring import KeyOwner, Keyring, person_owner
from security.receipts import Backup, Destroyed, signed_receipt, verify_receipt

SHRED = "keys.shred"
"""The action under which the record tells of it."""

_MADE = {"collection": "collection.create", "person": "user.add"}
"""The actions under which the record tells that the owner of a key was made: nothing was sealed before."""


@dataclass(frozen=True, slots=True)
class Remover:
    """Removes what is sealed under keys, each key first. Done twice, it stays done.

    `conversations` is opened at its first use, because it counts what it finds then.
    """

    engine: Engine
    keyring: Keyring
    directory: Directory
    collections: CollectionStore
    originals: Originals
    snapshots: Snapshots
    conversations: Callable[[], Conversations]

    def collection(self, collection_id: CollectionId) -> None:
        """A collection's key, then everything that it sealed, and every right on it."""
        self.collections.remove(collection_id)
        self.directory.take_all(collection_id)
        self.originals.remove_collection(collection_id)
        self.snapshots.remove_all(collection_id)
        compact(self.engine)

    def person(self, user_id: UserId) -> None:
        """A person's key, then their conversations; their account is closed, and they leave every group."""
        self.keyring.destroy(person_owner(user_id))
        if self.directory.user(user_id):
            self.directory.disable(user_id)
            self.directory.groups.leave_all(user_id)
        self.conversations().remove_all(user_id)
        compact(self.engine)

    def owned(self, owner: KeyOwner) -> None:
        """What belongs to an owner of a key."""
        kind, _, identifier = owner.partition(":")
        if kind == "collection":
            self.collection(CollectionId(identifier))
        else:
            self.person(UserId(identifier))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a destruction ended that had been cut short: the key is gone and there is a receipt, or nothing happened."""

    owner: KeyOwner
    is_destroyed: bool


@dataclass
class Shredder:
    """Destroys keys, one at a time. `unfinished` tells why what was cut short could not be brought to its end."""

    receipts: Path
    keyring: Keyring
    audit: AuditLog
    remove: Callable[[KeyOwner], None]
    clock: Clock = utc_now
    unfinished: dict[KeyOwner, str] = field(default_factory=dict)
    ended: tuple[Outcome, ...] = ()

    def __post_init__(self) -> None:
        self._intents = Intents(self.receipts, self.keyring.for_audit)
        self._turn = threading.Lock()

    def shred(self, owner: KeyOwner, by: UserId) -> dict[str, Any]:
        """Destroy a key with what it sealed; gives the receipt, which lies in the folder of receipts too."""
        with self._turn:
            intent = Intent(owner, self.keyring.commitments(owner), self.clock(), by)
            self._intents.write(intent)
            try:
                self.audit.record(by, SHRED, owner, "begun")
            except AuditBroken:
                self._intents.drop(owner)  # what is not written down does not happen
                raise
            return self._carried_out(intent)

    def finish(self) -> None:
        """Bring to its end what was cut short; `ended` and `unfinished` tell of it. Raises nothing of that."""
        with self._turn:
            remove_unfinished(self.receipts)
            for owner in self._intents.owners():
                try:
                    self.ended += self._finished(owner)
                    self.unfinished.pop(owner, None)
                except (SecurityError, RagError) as error:
                    self.unfinished[owner] = str(error)
                except (OSError, SQLAlchemyError) as error:
                    self.unfinished[owner] = f"it ended with {type(error).__name__}; free the disk"

    def _finished(self, owner: KeyOwner) -> tuple[Outcome, ...]:
        intent = self._intents.read(owner)
        if self.keyring.has(owner):
            self.audit.record(intent.by, SHRED, owner, "dropped")
            self._intents.drop(owner)
            return (Outcome(owner, is_destroyed=False),)
        last = self.audit.ends(SHRED).get(owner)
        if last is None or last.outcome != "begun":  # done but for this; or a file that somebody put back
            self._intents.drop(owner)
            return ()
        self._carried_out(intent)
        return (Outcome(owner, is_destroyed=True),)

    def _carried_out(self, intent: Intent) -> dict[str, Any]:
        self.remove(intent.owner)
        receipt = self._kept(intent) or self._written(intent)
        self.audit.record(intent.by, SHRED, intent.owner, "done")
        self._intents.drop(intent.owner)
        return receipt

    def _kept(self, intent: Intent) -> dict[str, Any] | None:
        """The receipt of this destruction, if the process was killed after it was signed."""
        try:
            receipt: dict[str, Any] = json.loads(self._path(intent.owner).read_text())
            verify_receipt(receipt, self.keyring.for_audit().signing_public_key)
        except (OSError, ValueError, SealBroken):
            return None
        return receipt if receipt["commitments"] == list(intent.commitments) else None

    def _written(self, intent: Intent) -> dict[str, Any]:
        held_by = [Backup(identifier, at) for at, identifier in self.audit.find("keys.backup", "done")]
        destroyed = Destroyed(intent, self.clock(), held_by, self._data_backups(intent.owner))
        receipt = signed_receipt(self.keyring.for_audit(), destroyed)
        write_private(self._path(intent.owner), json.dumps(receipt, indent=1).encode())
        return receipt

    def _data_backups(self, owner: KeyOwner) -> list[Backup]:
        """Backups of the data that ended since the owner was made. One that was killed may have left its file."""
        kind, _, identifier = owner.partition(":")
        made = self.audit.ends(_MADE[kind]).get(identifier)
        since = made.seq if made else 0
        ends = self.audit.ends("backup").items()
        return [Backup(each, last.at) for each, last in ends if last.outcome != "stopped" and last.seq > since]

    def _path(self, owner: KeyOwner) -> Path:
        return self.receipts / f"{owner.replace(':', '-')}.json"
