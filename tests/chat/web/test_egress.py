"""What the guard stopped comes into the record once, and is not lost: not when the record cannot be written for a
while, not when the server stops."""

import asyncio
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, select

from chat.web.egress import DenialRecorder
from chat.web.serve import _run, _server
from security.audit import AuditLog
from security.directory import metadata
from security.egress import EgressGuard, egress_guard
from security.errors import EgressDenied
from security.keystore import create_keyring
from security.slots import KeyFile
from security.tables import audit


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path}/house.db")
    yield made
    made.dispose()


@pytest.fixture
def house(tmp_path: Path, engine: Engine) -> Any:
    """What is recorded needs of a house its record alone, and it has no jobs; the tables are not there yet."""
    audit = AuditLog(engine, create_keyring(tmp_path, KeyFile(tmp_path / "root.key")))
    generator = SimpleNamespace(is_away=False)
    return SimpleNamespace(audit=audit, jobs=SimpleNamespace(stop=lambda: None), generator=generator)


def deny(guard: EgressGuard, *hosts: str) -> None:
    for host in hosts:
        with pytest.raises(EgressDenied):
            guard.check_connection(host, 443)


def recorded(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(audit.c.object_id).order_by(audit.c.seq)).scalars())


def test_each_attempt_is_recorded_once_even_when_the_first_writing_failed(house: Any, engine: Engine) -> None:
    guard = EgressGuard()
    recorder = DenialRecorder(house, guard)
    deny(guard, "192.0.2.1", "192.0.2.2")
    recorder.write()  # there are no tables yet: nothing is written, nothing is lost
    metadata.create_all(engine)
    recorder.write()
    recorder.write()
    assert recorded(engine) == ["192.0.2.1:443", "192.0.2.2:443"]


def test_two_who_write_at_once_record_an_attempt_once(house: Any, engine: Engine) -> None:
    """As where the server stops while a look is still writing."""
    metadata.create_all(engine)
    guard = EgressGuard()
    recorder = DenialRecorder(house, guard)
    hosts = [f"192.0.2.{number}" for number in range(40)]
    deny(guard, *hosts)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: recorder.write(), range(4)))
    assert recorded(engine) == [f"{host}:443" for host in hosts]


@pytest.mark.usefixtures("socket_enabled")
def test_what_was_stopped_since_the_last_look_is_recorded_when_the_server_stops(house: Any, engine: Engine) -> None:
    metadata.create_all(engine)

    def tried_and_stopped() -> None:
        deny(guard, "192.0.2.1")
        signal.raise_signal(signal.SIGTERM)

    with egress_guard() as guard:
        asyncio.run(_run(house, {_server(FastAPI(), host="127.0.0.1", port=0): None}, tried_and_stopped))
    assert recorded(engine) == ["192.0.2.1:443"]
