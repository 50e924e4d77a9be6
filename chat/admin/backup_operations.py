"""Operations on backups of the data: made, or checked from head to end, while the house is in use; and put back."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chat.admin.operations import Event, operation
from chat.assembly import House
from chat.backup.contents import Progress
from chat.backup.reading import Verified, verify
from chat.backup.restoring import Restored, Restoring
from chat.backup.taking import Taken
from security.identity import OPERATOR
from security.keyring import Keyring

PROGRESS_SECONDS = 0.2


@operation("backup")
def back_up(house: House, file: str) -> Iterator[Event]:
    """Write a backup to a file, in place of what is there. Stopped, the file is as it was before."""
    backup, end = house.new_backup(), "stopped"
    house.audit.record(OPERATOR.user_id, "backup", backup.id, "begun")
    try:
        with closing(backup.run(Path(file))) as steps:
            for event in _events(steps):
                if "id" in event:  # the file is at its place, whether or not somebody hears of it
                    end = "done"
                yield event
    finally:
        house.audit.record(OPERATOR.user_id, "backup", backup.id, end)


@operation("backup.verify")
def verify_backup(house: House, file: str) -> Iterator[Event]:
    """Read a backup whole."""
    yield from verified(house.keyring, file)


def verified(keyring: Keyring, file: str) -> Iterator[Event]:
    """Read a backup whole, where there is a keyring and perhaps nothing else."""
    return _events(verify(Path(file), keyring))


def restored(house: House, file: Path) -> Iterator[Event]:
    """Put a backup back into a house that nobody uses: no operation of a running server."""
    with closing(Restoring(house).run(file)) as steps:
        yield from _events(steps)


def _events(steps: Iterator[Any]) -> Iterator[Event]:
    """Steps as JSON; of progress now and then one."""
    told = time.monotonic()
    for step in steps:
        if not isinstance(step, Progress):
            yield _ended(step)
        elif time.monotonic() - told > PROGRESS_SECONDS:
            told = time.monotonic()
            yield {"doing": step.what.value, "done": step.done, "total": step.total}


def _ended(step: Taken | Verified | Restored) -> Event:
    if isinstance(step, Restored):
        return {
            "id": step.head.id,
            "at": step.head.at,
            "collections": step.rows["collections"],
            "documents": step.rows["documents"],
            "passages": step.rows["passages"],
            "people": step.rows["users"],
            "conversations": step.rows["threads"],
            "left_out": {"collections": list(step.left_out.collections), "people": list(step.left_out.people)},
            "damaged": list(step.damaged),
            "settings_kept": step.settings_kept,
        }
    held = step.contents
    return asdict(step.head) | {"rows": held.rows, "files": held.files, "missing": held.missing, "bytes": step.size}
