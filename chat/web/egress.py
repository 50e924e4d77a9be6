"""What the egress guard stopped, written to the audit log while the server runs and once more when it stops."""

import asyncio
import re
import threading

from chat.assembly import House
from chat.logs import record, record_failure
from security.access import HOUSE
from security.egress import Attempt, EgressGuard
from security.errors import AuditBroken

LOOK_SECONDS = 5.0
_ODD = re.compile(r"[^\w.:-]", re.ASCII)


class DenialRecorder:
    """Copies each attempt once; one that could not be written is tried again at the next look."""

    def __init__(self, house: House, guard: EgressGuard | None) -> None:
        self._house, self._guard = house, guard
        self._last: Attempt | None = None
        self._writing = threading.Lock()  # a look that was cancelled writes on while the server stops

    async def watch(self, look_seconds: float = LOOK_SECONDS) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.to_thread(self.write)
            await asyncio.sleep(look_seconds)

    def write(self) -> None:
        """Write what is new to the audit log and the operators' log."""
        with self._writing:
            self._write()

    def _write(self) -> None:
        known = list(self._guard.attempts) if self._guard else []
        for attempt in known[known.index(self._last) + 1 :] if self._last in known else known:
            where = _ODD.sub("_", f"{attempt.host}:{attempt.port or ''}")[:120]
            try:
                self._house.audit.record(HOUSE.user_id, "egress", where, "denied")
            except AuditBroken as error:
                record_failure("egress_not_recorded", error, where=where)
                return
            record("egress_denied", where=where)
            self._last = attempt
