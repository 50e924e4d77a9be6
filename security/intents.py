"""Intents: which key is about to be destroyed, on the disk before it goes, so that no receipt is lost to a crash.

    <state>/receipts/OWNER.begun = sealed {"commitments": [hex, one a version], "begun_at": ISO 8601 UTC,
    "by": user id} under the audit key, context ("receipts", owner, "begun")

Sealed, because a receipt is signed by it when nobody is there to ask: what a stranger writes is signed by nobody.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from security.files import read_private, sync_folder, write_private
from security.identity import UserId
from security.keyring import KeyOwner
from security.sealing import Context, DataKey

_BYTES_MAX = 1024 * 1024
_SUFFIX = ".begun"


@dataclass(frozen=True, slots=True)
class Intent:
    """A destruction that was about to begin: whose key, its commitments, when (UTC), by whom."""

    owner: KeyOwner
    commitments: tuple[str, ...]
    begun_at: datetime
    by: UserId


class Intents:
    """Keeps one file an owner. `key` is the audit log's."""

    def __init__(self, folder: Path, key: Callable[[], DataKey]) -> None:
        self._folder, self._key = folder, key

    def write(self, intent: Intent) -> None:
        """Keep it; on return it survives a power cut."""
        content = {
            "commitments": list(intent.commitments),
            "begun_at": intent.begun_at.isoformat(),
            "by": intent.by,
        }
        write_private(self._path(intent.owner), self._key().seal(json.dumps(content).encode(), _context(intent.owner)))

    def owners(self) -> tuple[KeyOwner, ...]:
        """Whose are kept."""
        names = sorted(path.name.removesuffix(_SUFFIX) for path in self._folder.glob(f"*{_SUFFIX}"))
        return tuple(KeyOwner(name.replace("-", ":", 1)) for name in names)

    def read(self, owner: KeyOwner) -> Intent:
        """Give it. Raises SealBroken where it is not what was written, OSError and InsecureState as `read_private`."""
        content = json.loads(self._key().open(read_private(self._path(owner), _BYTES_MAX), _context(owner)))
        begun_at = datetime.fromisoformat(content["begun_at"])
        return Intent(owner, tuple(content["commitments"]), begun_at, UserId(content["by"]))

    def drop(self, owner: KeyOwner) -> None:
        """Forget it; on return it stays forgotten."""
        self._path(owner).unlink(missing_ok=True)
        sync_folder(self._folder)

    def _path(self, owner: KeyOwner) -> Path:
        return self._folder / f"{owner.replace(':', '-')}{_SUFFIX}"


def _context(owner: KeyOwner) -> Context:
    return Context("receipts", owner, "begun")
