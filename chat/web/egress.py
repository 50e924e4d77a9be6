"""What the egress guard stopped, written to the audit log while the server runs."""

import asyncio
import re

from chat.assembly import House
from chat.logs import record
from security.access import HOUSE
from security.egress import Attempt, EgressGuard

LOOK_SECONDS = 5.0
_ODD = re.compile(r"[^\w.:-]", re.ASCII)


async def record_denials(house: House, guard: EgressGuard | None, look_seconds: float = LOOK_SECONDS) -> None:
    """Copy each new attempt to the audit log and the operators' log, until cancelled."""
    last: Attempt | None = None
    while guard is not None:
        known = list(guard.attempts)
        fresh = known[known.index(last) + 1 :] if last in known else known
        for attempt in fresh:
            where = _ODD.sub("_", f"{attempt.host}:{attempt.port or ''}")[:120]
            record("egress_denied", where=where)
            await asyncio.to_thread(house.audit.record, HOUSE.user_id, "egress", where, "denied")
        last = known[-1] if known else None
        await asyncio.sleep(look_seconds)
