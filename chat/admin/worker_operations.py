"""Operations on workers: their key, and who of them lives."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from chat.admin.operations import Event, operation
from chat.assembly import House
from chat.errors import Refused
from chat.workers.dispatching import Workers
from chat.workers.key_file import write_key
from security.identity import OPERATOR


@operation("worker.key")
def worker_key(house: House, path: str, role: str = "", is_renewed: bool = False) -> Iterator[Event]:
    """Make the database ready for workers, and write the key that they get into a file."""
    workers = _workers(house)
    house.audit.record(OPERATOR.user_id, "worker.key", "renewed" if is_renewed else "written", "begun")
    workers.make_ready(role, is_renewed=is_renewed)
    write_key(Path(path), house.keyring)
    yield {"key": path, "role": role or None, "reads": workers.reads}


@operation("worker.list")
def list_workers(house: House) -> Iterator[Event]:
    """The workers that live, and whether they read with what the house reads with."""
    workers = _workers(house)
    for worker in workers.seen():
        yield asdict(worker) | {"seen": worker.seen.isoformat(), "is_used": worker.reads == workers.reads}


def _workers(house: House) -> Workers:
    if house.workers is None:
        raise Refused("workers read for a house whose data lie in PostgreSQL; see docs/workers.md")
    return house.workers
