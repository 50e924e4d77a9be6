"""A small house to test in: a keyring, a database, a directory with cheap passwords, a clock that is set."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from security.audit import AuditLog
from security.directory import Directory
from security.keyring import Keyring
from security.keystore import create_keyring
from security.passwords import Argon2Cost
from security.slots import KeyFile

CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)


class SetClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta) -> None:
        self.now += step


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def advance(clock: SetClock) -> Callable[[timedelta], None]:
    return clock.advance


@pytest.fixture
def cheap() -> Argon2Cost:
    return CHEAP


@pytest.fixture
def key_file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "secret" / "root.key")


@pytest.fixture
def keyring(tmp_path: Path, key_file: KeyFile) -> Keyring:
    return create_keyring(tmp_path, key_file)


@pytest.fixture
def engine(database: Engine) -> Engine:
    return database


@pytest.fixture
def directory(engine: Engine, keyring: Keyring, clock: SetClock) -> Directory:
    return Directory(engine, keyring, password_cost=CHEAP, clock=clock)


@pytest.fixture
def audit_log(engine: Engine, keyring: Keyring, clock: SetClock) -> AuditLog:
    return AuditLog(engine, keyring, clock)
